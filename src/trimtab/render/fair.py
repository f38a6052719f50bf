"""Fair seats: few workers, many applications, and none of them can keep the others waiting.

The story: whoever wants a seat awaits `take`; whoever has one gives it back with `give`. Waiters stand in lanes, one lane an application,
and lanes are served in turn. A lane may hold all seats but one, so an application with many slow renders leaves one for the rest.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from typing import Generic, TypeVar

S = TypeVar("S")


class FairSeats(Generic[S]):
    """Hands out at most `size` seats, in turn between lanes."""

    def __init__(self, size: int) -> None:
        self._most = max(1, size - 1)
        self._free: list[S] = []
        self._lanes: OrderedDict[str, deque[asyncio.Future[S]]] = OrderedDict()
        self._held: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(len(lane) for lane in self._lanes.values())

    @property
    def held(self) -> int:
        """How many seats are taken."""
        return self._held.total()

    async def take(self, lane: str) -> S:
        """A seat for `lane`; give it back with `give(seat, lane)`, or `leave(lane)` if it is gone."""
        place: asyncio.Future[S] = asyncio.get_running_loop().create_future()
        self._lanes.setdefault(lane, deque()).append(place)
        self._serve()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.give(place.result(), lane)
            raise

    def give(self, seat: S, lane: str) -> None:
        """Give a seat back."""
        self.leave(lane)
        self.add(seat)

    def leave(self, lane: str) -> None:
        """Say that the seat `lane` held is no more."""
        self._held[lane] -= 1
        if not self._held[lane]:
            del self._held[lane]
        self._serve()

    def add(self, seat: S) -> None:
        """Bring a new seat in. The one used last is handed out first: its memory is warm."""
        self._free.append(seat)
        self._serve()

    def fail(self, error: Exception) -> None:
        """There is no seat and will be none soon: tell all who wait."""
        lanes, self._lanes = self._lanes, OrderedDict()
        for place in (place for lane in lanes.values() for place in lane if not place.done()):
            place.set_exception(error)

    def _serve(self) -> None:
        while self._free and (found := self._next()) is not None:
            lane, place = found
            self._held[lane] += 1
            place.set_result(self._free.pop())

    def _next(self) -> tuple[str, asyncio.Future[S]] | None:
        """The next waiter, whose lane goes to the end of the turn."""
        for lane in list(self._lanes):
            if self._held[lane] >= self._most:
                continue
            queue = self._lanes.pop(lane)
            place = _first_waiting(queue)
            if queue:
                self._lanes[lane] = queue
            if place is not None:
                return lane, place
        return None


def _first_waiting(queue: deque[asyncio.Future[S]]) -> asyncio.Future[S] | None:
    """The first who still waits, taken out of the queue with those before him who gave up."""
    while queue:
        place = queue.popleft()
        if not place.done():
            return place
    return None
