"""Waiting for what changes, without polling."""

from __future__ import annotations

import asyncio

import pytest

from trimtab.cli.follow import Signal, in_time
from trimtab.cli.scope import background
from trimtab.core.errors import ApiError, InputError, UnavailableError

pytestmark = pytest.mark.fast


async def test_a_question_is_answered_in_the_step_of_its_change() -> None:
    """What holds for one step alone is seen by whoever asked before."""
    signal, state = Signal(), {"n": 0}
    once = signal.expect(lambda: state["n"] == 1)
    for n in (1, 2):
        state["n"] = n
        signal.ring()
    assert once.done()


async def test_what_holds_already_is_answered_at_once() -> None:
    """No change is needed."""
    assert await Signal().until(lambda: True) > 0


async def test_an_end_of_following_is_told_to_all_who_wait() -> None:
    """Those who come later, too: nothing waits for ever."""
    signal = Signal()
    early = signal.expect(lambda: False)
    signal.fail(ApiError("forbidden"))
    for answer in (early, signal.expect(lambda: False)):
        with pytest.raises(ApiError, match="forbidden"):
            await answer


async def test_time_runs_out_with_a_sentence() -> None:
    """What did not come is named."""
    with pytest.raises(UnavailableError, match="The revert was not seen within 0 s"):
        await in_time(Signal().expect(lambda: False), 0.01, "The revert")


async def test_leaving_a_block_ends_its_tasks() -> None:
    """Nothing that was started in it lives on."""
    ended = asyncio.Event()

    async def live() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with background() as scope:
        scope.start("live", live())
        await asyncio.sleep(0)
    assert ended.is_set()


async def test_an_error_of_a_task_ends_the_block_as_itself() -> None:
    """One sentence, not a group of one."""

    async def fail() -> None:
        raise InputError("It cannot be.")

    async def block() -> None:
        async with background() as scope:
            scope.start("fail", fail())
            await asyncio.Event().wait()

    with pytest.raises(InputError, match="It cannot be"):
        await block()
