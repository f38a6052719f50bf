"""The work queue: de-duplicating, with delays and per-key back-off.

Its story: `add` puts a key in; a worker takes it with `get`, works, and says `done`. A key added while it is being worked on is
remembered and handed out again after `done`, never to two workers at once (controller-runtime's contract; level-triggered, so
nothing but the key travels). `add_after` waits on the loop's timer; the earliest wish for a key wins. `fail` adds it again after
its back-off, `forget` resets that.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

K = TypeVar("K")


class Backoff(Struct, frozen=True):
    """Exponential: `first` seconds, doubled each time, at most `most`, spread by `jitter` (a share of it, both ways)."""

    first: float = 0.2
    most: float = 300.0
    jitter: float = 0.1

    def delay(self, failures: int, chance: float) -> float:
        """Seconds to wait after so many failures in a row; `chance` in [0, 1) places it within the jitter."""
        base = min(self.most, self.first * 2.0 ** min(failures - 1, 30))
        return base * (1 + self.jitter * (2 * chance - 1))


class QueueStatistics(Struct, frozen=True):
    """A moment of a queue: keys waiting, being worked on, delayed, and backing off."""

    waiting: int
    working: int
    delayed: int
    failing: int


class WorkQueue(Generic[K]):
    """A de-duplicating queue of keys for any number of workers on one event loop."""

    def __init__(self, *, chance: Callable[[], float], backoff: Backoff | None = None) -> None:
        self._chance = chance
        self._backoff = backoff or Backoff()
        self._ready: deque[K] = deque()
        self._queued: set[K] = set()
        self._working: set[K] = set()
        self._again: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()

    def add(self, key: K, *, first: bool = False) -> None:
        """Ask for `key` to be worked on; `first` puts it in front (a person waits)."""
        self._cancel_timer(key)
        if key in self._working:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            if first:
                self._ready.appendleft(key)
            else:
                self._ready.append(key)
            self._wake_one()

    def add_after(self, key: K, seconds: float) -> None:
        """Ask for `key` in so many seconds; an earlier wish already made stays."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        present = self._timers.get(key)
        if present is not None and present.when() <= when:
            return
        self._cancel_timer(key)
        self._timers[key] = loop.call_at(when, self.add, key)

    def fail(self, key: K, *, at_least: float = 0.0) -> float:
        """Add `key` again after its back-off (or `at_least` seconds, if longer); the delay in seconds."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = max(at_least, self._backoff.delay(failures, self._chance()))
        self.add_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """Reset the back-off of `key`."""
        self._failures.pop(key, None)

    def drop(self, key: K) -> None:
        """Forget everything about a key that no longer exists."""
        self.forget(key)
        self._cancel_timer(key)
        self._again.discard(key)

    async def get(self) -> K:
        """The next key; waits for one."""
        while not self._ready:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():  # woken and cancelled at once: the wake-up is somebody else's now
                    self._wake_one()
                raise
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        key = self._ready.popleft()
        self._queued.discard(key)
        self._working.add(key)
        if self._ready:
            self._wake_one()
        return key

    def done(self, key: K) -> None:
        """The work on `key` is over; it is queued again if it was asked for meanwhile."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def asked_again(self, key: K) -> bool:
        """Whether `key` was added while being worked on: the worker may stop early, between requests."""
        return key in self._again

    def statistics(self) -> QueueStatistics:
        """The queue at this moment."""
        return QueueStatistics(len(self._ready), len(self._working), len(self._timers), len(self._failures))

    def _wake_one(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _cancel_timer(self, key: K) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
