"""The pool: a few render workers for all applications.

The story of its tasks: a caller takes a seat (a worker) from `FairSeats`, holds its conversation in its own task, and gives the seat
back. A worker that was lost is not given back; a task of the pool's group starts another, so the next caller finds it ready. Entering
the pool starts the first workers without waiting for them; leaving it kills them all, as groups, and reaps them.

Nobody waits for somebody else's slow render: after a second a timer brings a worker more (at most as many again), which goes when the
rush is over. And applications whose last render had to be stopped share one lane: they wait for each other, and never hold the last worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec import Struct

from trimtab.core import logs
from trimtab.core.clock import Clock
from trimtab.core.errors import TrimtabError, UnavailableError
from trimtab.core.metrics import RENDERS
from trimtab.render.answers import Answers, Decrypt
from trimtab.render.errors import RenderFailedError, WorkerLostError
from trimtab.render.fair import FairSeats
from trimtab.render.frames import MAX_BODY, Frame, encode
from trimtab.render.key import key_of
from trimtab.render.objects import ObjectSource
from trimtab.render.process import ProcessLimits
from trimtab.render.request import Limits, RenderRequest
from trimtab.render.result import CelValue, Rendered, ResultHeader, rendered
from trimtab.render.sentences import Subject, of_render, stopped
from trimtab.render.worker import Worker

_log = logs.get(__name__)
_encode = msgspec.json.Encoder().encode
_OVERRAN = "stopped at a limit before"
"""The lane of those whose last render was stopped."""
_SLOW = 1.0
"""Seconds after which a render counts as slow, and its worker as missing."""
_FIRST_RETRY, _LAST_RETRY = 0.2, 30.0
"""Seconds between attempts to start a worker that does not start."""

Compose = Callable[[Worker], bytes]
Answer = tuple[ResultHeader, bytes, str]
"""A result's header and body, and the version of the worker that gave it."""


class PoolStatistics(Struct, frozen=True):
    """A moment of the pool, and its counts since the start."""

    alive: int
    busy: int
    waiting: int
    started: int
    renders: int
    failed: int
    stopped: int
    worker_milliseconds: float


class Pool:
    """Render workers behind one door. Use it as an async context manager."""

    def __init__(
        self,
        binary: Path,
        *,
        clock: Clock,
        size: int = 2,
        limits: ProcessLimits | None = None,
        decrypt: Decrypt | None = None,
        warm: bool = False,
    ) -> None:
        self._binary = binary
        self._clock = clock
        self._size = size
        self._limits = limits or ProcessLimits()
        self._decrypt = decrypt
        self._warm = warm
        self._seats: FairSeats[Worker] = FairSeats(size)
        self._workers: set[Worker] = set()
        self._group = asyncio.TaskGroup()
        self._starting: set[asyncio.Task[None]] = set()
        self._closed = False
        self._overran: set[str] = set()
        self._started = self._renders = self._failed = self._stopped = 0
        self._milliseconds = 0.0

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        for _ in range(self._size):
            self._start_more(self._size)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closed = True
        self._seats.fail(UnavailableError("the render pool is closing"))
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*(worker.end() for worker in self._workers))
        self._workers.clear()
        await self._group.__aexit__(None, None, None)  # an error of the caller's stays what it is, in no group

    async def ready(self) -> str:
        """Wait for a worker; its version, which is part of every render key. Raises UnavailableError when none starts."""
        worker = await self._seats.take("")
        self._seats.give(worker, "")
        return worker.version

    async def render(self, request: RenderRequest, objects: ObjectSource, *, who: str) -> Rendered:
        """Render for the application `who` ("namespace/name").

        Raises RenderFailedError for input that cannot be rendered, RenderStoppedError at a limit, and UnavailableError when objects
        could not be read or no worker runs.
        """

        def compose(worker: Worker) -> bytes:
            return worker.announcement(request.capabilities) + encode(Frame(request.header(worker.next_number())))

        header, body, version = await self._ask(
            of_render(request, who), compose, lambda: Answers(objects, most=self._limits.served, decrypt=self._decrypt)
        )
        result = self._note_result(header, body, request.kind)
        return msgspec.structs.replace(result, key=key_of(request, result, worker_version=version))

    async def yaml(self, content: bytes, *, path: str = "-", limits: Limits | None = None, who: str = "") -> Rendered:
        """Read a YAML stream as Kubernetes reads it. `path` is for messages. Raises as `render` does."""
        bounds = limits or Limits()

        def compose(worker: Worker) -> bytes:
            return encode(Frame(_encode({"type": "yaml", "id": worker.next_number(), "path": path, "limits": bounds}), content))

        header, body, _ = await self._ask(Subject(f"Reading of {path}", who, bounds.output_bytes), compose)
        return rendered(header, body)

    async def cel(self, expressions: Sequence[str], variables: Mapping[str, Any], *, who: str = "") -> tuple[CelValue, ...]:
        """Evaluate CEL expressions over JSON variables; one outcome each, in order."""
        return await self._cel({"type": "cel", "expressions": _expressions(expressions), "variables": variables}, who)

    async def cel_compile(self, expressions: Sequence[str], names: Sequence[str], *, who: str = "") -> tuple[CelValue, ...]:
        """Check CEL expressions that use the variables `names`; those that compile have no error."""
        return await self._cel({"type": "cel-compile", "expressions": _expressions(expressions), "names": names}, who)

    def statistics(self) -> PoolStatistics:
        """The pool at this moment."""
        return PoolStatistics(
            alive=len(self._workers),
            busy=self._seats.held,
            waiting=self._seats.waiting,
            started=self._started,
            renders=self._renders,
            failed=self._failed,
            stopped=self._stopped,
            worker_milliseconds=self._milliseconds,
        )

    def workers(self) -> tuple[Worker, ...]:
        """The workers alive."""
        return tuple(self._workers)

    async def _cel(self, message: dict[str, Any], who: str) -> tuple[CelValue, ...]:
        def compose(worker: Worker) -> bytes:
            return encode(Frame(_encode({**message, "id": worker.next_number()})))

        header, _, _ = await self._ask(Subject(f"Evaluation of expressions of {who}", who, MAX_BODY), compose)
        if not header.ok:
            raise header.failure()
        return header.values

    async def _ask(self, subject: Subject, compose: Compose, answers: Callable[[], Answers] | None = None) -> Answer:
        """One request; once more on another worker when its worker was lost through no limit of ours."""
        try:
            return await self._ask_once(subject, compose, answers)
        except WorkerLostError as lost:
            if lost.cause not in {"crash", "killed", "late"}:
                raise self._explained(lost, subject) from None
            _log.warning("a render worker was lost", application=subject.who, cause=lost.cause, reason=lost.sentence)
        try:
            return await self._ask_once(subject, compose, answers)
        except WorkerLostError as lost:
            raise self._explained(lost, subject) from None

    async def _ask_once(self, subject: Subject, compose: Compose, answers: Callable[[], Answers] | None) -> Answer:
        if self._closed:
            raise UnavailableError("the render pool is closed")
        lane = _OVERRAN if subject.who in self._overran else subject.who
        questions = answers() if answers is not None else None
        worker = await self._seats.take(lane)
        relief = asyncio.get_running_loop().call_later(_SLOW, self._start_more, 2 * self._size)
        try:
            header, body = await worker.run(compose(worker), questions, output_bytes=subject.output_bytes)
        finally:
            relief.cancel()
            self._release(worker, lane)
        self._overran.discard(subject.who)
        if questions is not None:
            questions.check()
        return header, body, worker.version

    def _release(self, worker: Worker, lane: str) -> None:
        if worker.alive and len(self._workers) <= self._size:
            self._seats.give(worker, lane)
            return
        self._workers.discard(worker)
        self._seats.leave(lane)
        if worker.alive:
            self._spawn(self._end(worker), "end a render worker")
        self._start_more(self._size)

    def _start_more(self, most: int) -> None:
        """Start a worker in the background, where there are fewer than `most`."""
        if len(self._workers) + len(self._starting) < most and not self._closed:
            task = self._spawn(self._start(), "start a render worker")
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        return self._group.create_task(work, name=name)

    async def _end(self, worker: Worker) -> None:
        await worker.end()

    async def _start(self) -> None:
        """Bring one worker in, however long it takes; meanwhile those who wait are told, if there is no other."""
        pause = _FIRST_RETRY
        while (worker := await self._try_start()) is None:
            await self._clock.sleep(pause)
            pause = min(_LAST_RETRY, 2 * pause)
        self._started += 1
        self._workers.add(worker)
        self._seats.add(worker)

    async def _try_start(self) -> Worker | None:
        try:
            return await Worker.start(self._binary, self._limits, warm=self._warm)
        except WorkerLostError as lost:
            _log.error("a render worker does not start", binary=str(self._binary), reason=lost.sentence, detail=lost.detail)
            if not self._workers:
                self._seats.fail(WorkerLostError("start", lost.sentence, detail=lost.detail))
            return None

    def _note_result(self, header: ResultHeader, body: bytes, kind: str) -> Rendered:
        self._renders += 1
        try:
            result = rendered(header, body)
        except RenderFailedError:
            self._failed += 1
            RENDERS.labels(kind, "Failed").inc()
            raise
        self._milliseconds += result.milliseconds
        RENDERS.labels(result.kind, "Rendered").inc()
        return result

    def _explained(self, lost: WorkerLostError, subject: Subject) -> TrimtabError:
        """The error for people; from now on `who` waits among those that overran."""
        if lost.cause == "start":
            return lost
        self._stopped += 1
        self._overran.add(subject.who)
        RENDERS.labels("Any", "Stopped").inc()
        _log.warning("a render was stopped", application=subject.who, cause=lost.cause)
        return stopped(lost, subject, self._limits)


def _expressions(expressions: Sequence[str]) -> list[dict[str, str]]:
    return [{"expression": expression} for expression in expressions]
