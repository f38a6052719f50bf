"""An event loop whose time jumps to the next timer instead of waiting, for tests of delays."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Never waits: what it was asked to wait is added to the time."""

    elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now. AssertionError where nothing is and nothing is due either: somebody waits for ever."""
        ready = super().select(0)
        if timeout is None and not ready:
            raise AssertionError("everybody waits, and nothing will ever happen")
        if timeout and not ready:
            self.elapsed += timeout
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    """Its `time()` starts at 0, in seconds."""

    def __init__(self) -> None:
        self._skipping = _Selector()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Seconds that were skipped."""
        return self._skipping.elapsed


def run(story: Coroutine[Any, Any, T]) -> T:
    """The story's result, told on a loop of its own in no time."""
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(story)
