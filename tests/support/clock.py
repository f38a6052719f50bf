"""Clocks for tests: time moves when the test says so, or whenever somebody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)


class SkippingClock:
    """Nobody waits: each sleep moves the time on at once, and is written down in `slept`."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """The wall clock."""
        return EPOCH + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        """Seconds since the clock was made, and a thousand, so that zero is never "now"."""
        return 1000.0 + self.elapsed

    def skip(self, seconds: float) -> None:
        """Let time pass without anybody sleeping: a long computation, a stopped process."""
        self.elapsed += seconds

    async def sleep(self, seconds: float) -> None:
        """Move on, and let the others run."""
        self.slept.append(seconds)
        self.elapsed += seconds
        await asyncio.sleep(0)


class SteppedClock(SkippingClock):
    """Sleepers wait until the test lets time pass with `advance`."""

    def __init__(self) -> None:
        super().__init__()
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        """Wait for `advance`."""
        self.slept.append(seconds)
        waiter = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.elapsed + seconds, waiter))
        await waiter

    async def advance(self, seconds: float) -> None:
        """Let so many seconds pass: wakes who is due, earliest first, and lets each run before the next."""
        until = self.elapsed + seconds
        while due := sorted((when, id(waiter), waiter) for when, waiter in self._sleepers if when <= until and not waiter.done()):
            when, _, waiter = due[0]
            self.elapsed = max(self.elapsed, when)
            self._sleepers = [(w, f) for w, f in self._sleepers if f is not waiter]
            waiter.set_result(None)
            await settle()
        self.elapsed = until
        await settle()


async def settle(turns: int = 20) -> None:
    """Let everything that can run do so."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def until(holds: Callable[[], Any], *, within: float = 10.0) -> None:
    """Wait, in real time, for something to become true. TimeoutError when it does not."""
    async with asyncio.timeout(within):
        while not holds():  # ruff: ignore[async-busy-wait] (any condition, of parts that know nothing of tests)
            await asyncio.sleep(0.002)
