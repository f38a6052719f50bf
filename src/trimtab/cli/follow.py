"""Following what changes: a signal that wakes whoever waits for something to come true, and our own kinds followed by watches.

Its story: two reflectors (Applications, Repositories of one namespace) live in the caller's scope and keep two stores. Each change
rings the signal, and the signal asks every waiter's question at once, in the same step of the loop, so that the moment it notes is that of
the change. Nothing is polled.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, TypeVar

from trimtab.api.application import Application
from trimtab.api.repository import Repository
from trimtab.cli.scope import Scope
from trimtab.cli.unreadable import shown
from trimtab.cluster.client import Client
from trimtab.cluster.errors import ForbiddenError, NotFoundError, UnauthorizedError
from trimtab.cluster.live import LiveStore
from trimtab.cluster.resources import Resource
from trimtab.cluster.watch import Reflector
from trimtab.controllers.own import APPLICATIONS, REPOSITORIES, Read, reader
from trimtab.core.errors import ApiError, UnavailableError

Question = Callable[[], bool]
T = TypeVar("T")


class Signal:
    """Rung at each change; answers those who wait for something to hold."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Question, asyncio.Future[float]]] = []
        self._error: ApiError | None = None
        self._rung = 0
        self.changed_at = time.time()
        """Seconds since the epoch."""

    def ring(self) -> None:
        """Something has changed."""
        self._rung += 1
        self.changed_at = time.time()
        still = []
        for question, answer in self._waiting:
            if answer.done():
                continue
            if question():
                answer.set_result(self.changed_at)
            else:
                still.append((question, answer))
        self._waiting = still

    def fail(self, error: ApiError) -> None:
        """Nothing more will be seen: who waits is told why."""
        self._error = error
        for _, answer in self._waiting:
            if not answer.done():
                answer.set_exception(error)
        self._waiting = []

    def expect(self, question: Question) -> asyncio.Future[float]:
        """The moment (seconds since the epoch) of the change by which it held; asked for before the change is caused, it is exact."""
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        if self._error is not None:
            answer.set_exception(self._error)
        elif question():
            answer.set_result(self.changed_at)
        else:
            self._waiting.append((question, answer))
        return answer

    async def next_change(self, seconds: float | None) -> None:
        """Until the next change, or for so many seconds."""
        before = self._rung
        with contextlib.suppress(TimeoutError):
            await self.until(lambda: self._rung != before, seconds=seconds)

    async def until(self, question: Question, *, seconds: float | None = None) -> float:
        """Wait until it holds; the moment. Raises TimeoutError after so many seconds."""
        return await asyncio.wait_for(self.expect(question), seconds)


async def in_time(answer: asyncio.Future[float], seconds: float, what: str) -> float:
    """The moment, within so many seconds. Raises UnavailableError that names what did not come."""
    try:
        return await asyncio.wait_for(answer, seconds)
    except TimeoutError as error:
        raise UnavailableError(f"{what} was not seen within {seconds:.0f} s.") from error


class _Store(LiveStore[str, Any]):
    """A store that fails its signal when the kind cannot be read any more."""

    def __init__(self, kind: type[Any], signal: Signal) -> None:
        super().__init__(reader(kind), lambda _key, _old, _new: signal.ring())
        self._signal = signal

    def unreadable(self, error: ApiError) -> None:
        """Tell those who wait, unless it may pass: a server that restarts is waited for."""
        super().unreadable(error)
        if isinstance(error, (ForbiddenError, NotFoundError, UnauthorizedError)):
            self._signal.fail(error)


class Follower:
    """The Applications and Repositories of one namespace, as they are."""

    def __init__(self, client: Client, namespace: str, scope: Scope) -> None:
        self.signal = Signal()
        self._client = client
        self._namespace = namespace
        self._scope = scope
        self._applications = _Store(Application, self.signal)
        self._repositories = _Store(Repository, self.signal)

    async def begin(self) -> None:
        """Returns when both kinds are there and followed. Raises an ApiError when they cannot be read."""
        for resource, store in ((APPLICATIONS, self._applications), (REPOSITORIES, self._repositories)):
            await self._follow(resource, store)

    def has(self, name: str) -> bool:
        """Whether there is such an Application, readable or not."""
        return f"{self._namespace}/{name}" in self._applications

    def application(self, name: str) -> Application | None:
        """The Application as it is now; None where there is none (or one that cannot be read)."""
        return self._value(self._applications, name)

    def repository(self, name: str) -> Repository | None:
        """The Repository as it is now."""
        return self._value(self._repositories, name)

    def applications(self) -> list[Application]:
        """All of them, by name; one that cannot be read says so in its status."""
        return [shown(read) for _, read in sorted(self._applications.items())]

    def repositories(self) -> list[Repository]:
        """All of them, by name."""
        return [read.value for _, read in sorted(self._repositories.items()) if read.value is not None]

    def _value(self, store: LiveStore[str, Read[T]], name: str) -> T | None:
        read = store.get(f"{self._namespace}/{name}")
        return read.value if read is not None else None

    async def _follow(self, resource: Resource, store: _Store) -> None:
        reflector = Reflector(self._client, resource, namespace=self._namespace, handler=store)
        self._scope.start(f"follow {resource.plural}", reflector.run())
        synced = asyncio.ensure_future(reflector.wait_synced())
        refused = asyncio.ensure_future(self.signal.until(lambda: False))
        try:
            await asyncio.wait({synced, refused}, return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                refused.result()
        finally:
            synced.cancel()
            refused.cancel()
