"""Long-lived tasks: each has a name, and an owner who notices its end.

A task of the controller that returns is as wrong as one that raises: a watch that silently stopped is a cluster that silently drifts.
`forever` turns such an end into an error, so that the TaskGroup that owns the task ends with it and the process starts anew (crash-only).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from trimtab.core import logs

Spawn = Callable[[str, Coroutine[Any, Any, None]], Any]
"""Starts a named, long-lived task under its owner."""


class TaskEndedError(RuntimeError):
    """A task that was to live as long as the program has returned."""


async def forever(name: str, work: Coroutine[Any, Any, None]) -> None:
    """Run `work`; log and raise when it fails, and when it ends at all."""
    try:
        await work
    except asyncio.CancelledError:
        raise
    except BaseException:
        logs.get(__name__).exception("task failed", task=name)
        raise
    raise TaskEndedError(f"task {name} ended; it was to live as long as the program")


def spawn(group: asyncio.TaskGroup, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start a guarded, named, long-lived task in `group`."""
    return group.create_task(forever(name, work), name=name)
