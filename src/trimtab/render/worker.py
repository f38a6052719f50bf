"""One render worker: a process, and the conversation of design 002 with it.

The story: `start` launches the process and waits for its hello. `run` sends one request and answers the worker's questions until the
result comes, all in the caller's task. Whatever goes wrong on the way (deadline, too much output, the process gone, the caller
cancelled) kills the process group; a worker that has once ended is never used again, so no half-finished conversation is resumed.
"""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from trimtab.render.answers import Answers, Want
from trimtab.render.errors import Cause, WorkerLostError
from trimtab.render.frames import Frame, OversizedFrameError, encode
from trimtab.render.process import Exit, Process, ProcessLimits
from trimtab.render.request import Capabilities
from trimtab.render.result import ResultHeader

T = TypeVar("T")
PROTOCOL = 1
_STOOD_STILL = 0.5
"""Seconds by which a timer may be late before we blame ourselves."""
_CAPABILITIES_KEPT = 4
"""How many lists of API versions the worker keeps."""


class _Type(Struct):
    type: str


class _Hello(Struct):
    type: str
    protocol: int = 0
    version: str = ""
    sandbox: str = ""


_type = msgspec.json.Decoder(_Type)
_hello = msgspec.json.Decoder(_Hello)
_want = msgspec.json.Decoder(Want)
_result = msgspec.json.Decoder(ResultHeader)
_encode = msgspec.json.Encoder().encode


class Worker:
    """A worker that said hello. One request at a time."""

    def __init__(self, process: Process, limits: ProcessLimits) -> None:
        self._process = process
        self._limits = limits
        self._known: deque[str] = deque(maxlen=_CAPABILITIES_KEPT)
        self._lost = False
        self._number = 0
        self.version = ""
        """Our worker's version joined with its libraries': part of the render key."""
        self.sandbox = ""
        """How it has shut itself in."""

    @classmethod
    async def start(cls, binary: Path, limits: ProcessLimits, *, warm: bool = False) -> Worker:
        """Launch `binary` and wait for its hello. Raises WorkerLostError when it does not come."""
        try:
            process = await Process.start(binary, limits, warm=warm)
        except OSError as error:
            raise WorkerLostError("start", f"the render worker {binary} cannot be started: {error.strerror or error}.") from error
        worker = cls(process, limits)
        hello = await worker._guarded(lambda _: worker._greet(binary), limits.start_seconds)
        worker.version, worker.sandbox = hello.version, hello.sandbox
        return worker

    @property
    def alive(self) -> bool:
        """Whether it can take another request."""
        return not self._lost

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def next_number(self) -> int:
        """A fresh request id."""
        self._number += 1
        return self._number

    def announcement(self, capabilities: Capabilities) -> bytes:
        """The encoded frame that tells the API versions; empty where this worker has them by digest."""
        if not capabilities.digest or capabilities.digest in self._known:
            return b""
        self._known.append(capabilities.digest)
        header = _encode({"type": "capabilities", "digest": capabilities.digest})
        return encode(Frame(header, _encode(capabilities.api_versions)))

    async def run(self, request: bytes, answers: Answers | None = None, *, output_bytes: int) -> tuple[ResultHeader, bytes]:
        """Send encoded frames, of which the last is a request, and give the result's header and body.

        Raises WorkerLostError when the worker ended instead; `cause` says why.
        """
        self._process.channel.splitter.max_body = output_bytes
        return await self._guarded(lambda timeout: self._converse(request, answers, timeout), self._limits.seconds)

    async def end(self) -> Exit:
        """Kill it, if it lives, and reap it."""
        self._lost = True
        return await self._process.end()

    async def _guarded(self, work: Callable[[asyncio.Timeout], Awaitable[T]], seconds: float) -> T:
        """Do `work` within so many seconds; whatever cuts it short ends the worker too."""
        timeout = asyncio.timeout(seconds)
        try:
            async with timeout:
                return await work(timeout)
        except BaseException as error:
            late = _late(timeout)
            ended = await self.end()
            lost = _loss(error, ended, late=late)
            if lost is None:
                raise
            raise lost from None

    async def _converse(self, request: bytes, answers: Answers | None, timeout: asyncio.Timeout) -> tuple[ResultHeader, bytes]:
        await self._process.channel.write(request)
        while True:
            frame = await self._read()
            match _type.decode(frame.header).type:
                case "result":
                    return self._own(_result.decode(frame.header)), frame.body
                case "want" | "want-decrypted" if answers is not None:
                    await self._answer(_want.decode(frame.header), answers, timeout)
                case other:
                    raise WorkerLostError("crash", f"sent {other[:40]!r} where a result was due")

    def _own(self, header: ResultHeader) -> ResultHeader:
        """The header, if it answers the request at hand: one application never gets what was meant for another."""
        if header.id != self._number:
            raise WorkerLostError("crash", f"answered request {header.id} where {self._number} was asked")
        return header

    async def _answer(self, want: Want, answers: Answers, timeout: asyncio.Timeout) -> None:
        """Answer a question. The worker's clock stands still while we read."""
        asked, due = asyncio.get_running_loop().time(), timeout.when()
        timeout.reschedule(None)
        frames = await answers.answer(want)
        if due is not None:
            timeout.reschedule(due + asyncio.get_running_loop().time() - asked)
        await self._process.channel.write(frames)

    async def _greet(self, binary: Path) -> _Hello:
        frame = await self._read()
        hello = _hello.decode(frame.header)
        if hello.type != "hello" or hello.protocol != PROTOCOL:
            raise WorkerLostError("start", f"{binary} speaks protocol {hello.protocol}, we {PROTOCOL}; build the worker anew: make build.")
        return hello

    async def _read(self) -> Frame:
        frame = await self._process.channel.read()
        if frame is None:
            raise EOFError
        return frame


def _late(timeout: asyncio.Timeout) -> float | None:
    """By how many seconds a timeout fired late; None when it did not fire."""
    due = timeout.when()
    return asyncio.get_running_loop().time() - due if timeout.expired() and due is not None else None


def _loss(error: BaseException, ended: Exit, *, late: float | None) -> WorkerLostError | None:
    """What an error says about the worker; None where it says nothing (a caller's cancellation, say).

    A deadline that fired late is none: this program itself stood still (stopped, or starved), and the answer may have been there.
    """
    match error:
        case WorkerLostError():
            return WorkerLostError(error.cause, error.sentence, detail=error.detail or ended.first_line)
        case TimeoutError() if late is not None and late > _STOOD_STILL:
            return WorkerLostError("late", "was not listened to in time")
        case TimeoutError() if late is not None:
            return WorkerLostError("deadline", "did not answer in time", detail=ended.first_line)
        case OversizedFrameError():
            return WorkerLostError("output", str(error))
        case msgspec.DecodeError():
            return WorkerLostError("crash", "sent what is no frame of the protocol", detail=ended.first_line)
        case EOFError():
            return WorkerLostError(_cause(ended), _last_words(ended), detail=ended.said.decode(errors="replace"))
        case _:
            return None


def _cause(ended: Exit) -> Cause:
    if ended.out_of_memory:
        return "memory"
    return "killed" if ended.status == -signal.SIGKILL else "crash"


def _last_words(ended: Exit) -> str:
    how = f"was ended by signal {-ended.status}" if ended.status < 0 else f"ended with status {ended.status}"
    return f"{how}: {ended.first_line}" if ended.first_line else how
