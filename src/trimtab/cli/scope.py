"""A block with tasks in the background that live as long as the block, no longer.

`asyncio.TaskGroup` waits for its tasks; those that follow a watch never end, so leaving the block cancels them. An error of ours comes out
as itself, not as a group of one: the command line has one sentence for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from trimtab.core.errors import TrimtabError


class Scope:
    """Where background tasks are started."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` until the block ends; its failure ends the block."""
        self._tasks.append(self._group.create_task(work, name=name))

    def end(self) -> None:
        """Cancel them all."""
        for task in self._tasks:
            task.cancel()


@asynccontextmanager
async def background() -> AsyncGenerator[Scope]:
    """A scope for the block."""
    try:
        async with _tasks() as scope:
            yield scope
    except BaseExceptionGroup as failed:
        ours = _first(failed)
        if ours is None:
            raise
        raise ours from None


@asynccontextmanager
async def _tasks() -> AsyncGenerator[Scope]:
    async with asyncio.TaskGroup() as group:
        scope = Scope(group)
        try:
            yield scope
        finally:
            scope.end()


def _first(failed: BaseException) -> TrimtabError | None:
    """The first error of ours in a group, however deep."""
    if isinstance(failed, BaseExceptionGroup):
        return next((found for error in failed.exceptions if (found := _first(error)) is not None), None)
    return failed if isinstance(failed, TrimtabError) else None
