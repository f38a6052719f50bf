"""Renders kept by content: found by render key, or by the question that they answered.

Before a render its key is not known, since what it will read is not. So a lookup goes by the *question* (everything that is asked but the
tree): `candidates` gives the answers known to it, and the caller takes the one whose reads still hold in the tree at hand
(`trimtab.git.reads.holds`) and whose capability answers are still the same. Only where none does is something rendered, and `once` sees
to it that two who ask for the same at the same moment share one render.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from msgspec import Struct

from trimtab.core.digests import digest_of
from trimtab.render.key import concealed, seed_id
from trimtab.render.request import RenderRequest
from trimtab.render.result import Rendered

_ANSWERS_KEPT = 4
"""Renders kept for one question: the present one, and what a revert or a rollback goes back to."""


class CacheStatistics(Struct, frozen=True):
    """A moment of the cache, and its counts since the start."""

    renders: int
    size: int
    hits: int
    misses: int
    shared: int
    """Renders that somebody got because somebody else was already at it."""


def question(request: RenderRequest, *, worker_version: str) -> str:
    """Names all that a render may depend on but the tree, the present and the cluster's answers."""
    return digest_of(
        [
            request.path,
            request.kind,
            concealed(request.parameters, request.seed),
            request.release,
            request.limits,
            seed_id(request.seed),
            request.policy,
            worker_version,
        ]
    )


class _Flight:
    """A render under way, and how many wait for it."""

    def __init__(self, task: asyncio.Task[Rendered]) -> None:
        self.task = task
        self.waiting = 0


class RenderCache:
    """The renders used last, at most `most` bytes of them."""

    def __init__(self, *, most: int = 32 << 20) -> None:
        self._most = most
        self._size = 0
        self._renders: OrderedDict[str, tuple[Rendered, str]] = OrderedDict()
        self._answers: dict[str, list[str]] = {}
        self._under_way: dict[tuple[str, str], _Flight] = {}
        self._hits = self._misses = self._shared = 0

    def get(self, key: str) -> Rendered | None:
        """The render of that key."""
        found = self._renders.get(key)
        if found is None:
            self._misses += 1
            return None
        self._hits += 1
        self._renders.move_to_end(key)
        return found[0]

    def candidates(self, asked: str) -> tuple[Rendered, ...]:
        """The renders that answered this question before, the latest first."""
        return tuple(self._renders[key][0] for key in reversed(self._answers.get(asked, ())))

    def put(self, render: Rendered, *, asked: str = "") -> None:
        """Keep a render, as an answer to a question where one is given. One larger than the whole cache is not kept."""
        self.drop(render.key)
        if render.size > self._most:
            return
        self._renders[render.key] = (render, asked)
        self._size += render.size
        if asked:
            answers = self._answers.setdefault(asked, [])
            answers.append(render.key)
            if len(answers) > _ANSWERS_KEPT:
                self.drop(answers[0])
        while self._size > self._most:
            self.drop(next(iter(self._renders)))

    def drop(self, key: str) -> None:
        """Forget a render."""
        render, asked = self._renders.pop(key, (None, ""))
        if render is None:
            return
        self._size -= render.size
        answers = self._answers.get(asked)
        if answers is not None:
            answers.remove(key)
            if not answers:
                del self._answers[asked]

    async def once(self, asked: str, tree: str, work: Callable[[], Awaitable[Rendered]]) -> Rendered:
        """Do `work` and keep its result; whoever asks the same of the same tree meanwhile gets that result (or its error) too.

        The render goes on while anybody waits for it, and is cancelled with the last who does.
        """
        key = (asked, tree)
        flight = self._under_way.get(key)
        if flight is None:
            task = asyncio.create_task(self._do(asked, work), name=f"render {asked[:12]}")
            flight = self._under_way[key] = _Flight(task)
            task.add_done_callback(lambda _: self._land(key, flight))
        else:
            self._shared += 1
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._land(key, flight)
                flight.task.cancel()

    def statistics(self) -> CacheStatistics:
        """The cache at this moment."""
        return CacheStatistics(len(self._renders), self._size, self._hits, self._misses, self._shared)

    async def _do(self, asked: str, work: Callable[[], Awaitable[Rendered]]) -> Rendered:
        render = await work()
        self.put(render, asked=asked)
        return render

    def _land(self, key: tuple[str, str], flight: _Flight) -> None:
        if self._under_way.get(key) is flight:
            del self._under_way[key]
