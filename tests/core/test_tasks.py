"""Long-lived tasks: none ends unnoticed."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs
from tests.core.skipping import run

from trimtab.core.tasks import TaskEndedError, forever, spawn

pytestmark = pytest.mark.fast


async def returns() -> None:
    """A watch that silently stops."""


async def breaks() -> None:
    """A watch that fails."""
    raise ValueError("the watch broke")


async def sleeps() -> None:
    """A task that lives."""
    await asyncio.sleep(1e6)


async def group_of(*works: tuple[str, object]) -> None:
    """Spawn tasks and wait for the group's end."""
    async with asyncio.TaskGroup() as group:
        for name, work in works:
            spawn(group, name, work())  # type: ignore[operator]


def test_a_task_that_returns_is_an_error_that_names_it() -> None:
    """A cluster that silently drifts would be the harm."""
    with pytest.raises(TaskEndedError, match="watch pods"):
        run(forever("watch pods", returns()))


def test_a_task_that_fails_is_logged_by_name_and_its_error_goes_on() -> None:
    """The owner gets the error itself, the operator a line with the task's name."""
    with capture_logs() as lines, pytest.raises(ValueError, match="broke"):
        run(forever("watch pods", breaks()))
    assert [(line["task"], line["log_level"]) for line in lines] == [("watch pods", "error")]


def test_a_cancelled_task_ends_without_a_word() -> None:
    """Shutting down is no failure."""

    async def story() -> bool:
        task = asyncio.create_task(forever("watch pods", sleeps()))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    with capture_logs() as lines:
        assert run(story())
    assert lines == []


def test_the_end_of_one_task_ends_its_group() -> None:
    """Crash-only: the process starts anew instead of living on with a hand missing."""
    with pytest.RaisesGroup(pytest.RaisesExc(TaskEndedError, match="lease")):
        run(group_of(("watch pods", sleeps), ("lease", returns)))


def test_a_spawned_task_bears_its_name() -> None:
    """So that a dump of all tasks can be read."""

    async def story() -> str:
        async with asyncio.TaskGroup() as group:
            task = spawn(group, "lease", sleeps())
            await asyncio.sleep(0)
            task.cancel()
            return task.get_name()

    assert run(story()) == "lease"
