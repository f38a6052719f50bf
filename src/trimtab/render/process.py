"""One worker process: started shut in, bounded from outside, killed as a group, always reaped.

A socket pair is its standard input and output, a pipe its standard error, of which only the beginning and the end are kept.
It inherits nothing: no environment, no descriptor, no controlling terminal; PATH and HOME lead nowhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import subprocess  # ruff: ignore[suspicious-subprocess-import] -- asyncio would reap by itself, and its group could no longer be killed safely
from pathlib import Path

from msgspec import Struct

from trimtab.core import logs
from trimtab.render.frames import Channel

_log = logs.get(__name__)
_NOWHERE = "/nonexistent"
_KEPT = 4096
_LAST_WORDS_SECONDS = 0.5
_MEMORY_SIGNS = (b"out of memory", b"cannot allocate memory", b"failed to create new OS thread", b"MemoryError")


class ProcessLimits(Struct, frozen=True):
    """Bounds kept from outside."""

    memory: int = 512 << 20
    """Bytes of data segment (RLIMIT_DATA); the Go runtime aims at three quarters of it."""
    seconds: float = 10.0
    """Of one request, our own reading of Git objects left out."""
    served: int = 512 << 20
    """Bytes of Git objects given to one request."""
    start_seconds: float = 20.0
    """Until the worker says hello."""


class Exit(Struct, frozen=True):
    """How a process ended: its status (negative: the signal), and what it said last."""

    status: int
    said: bytes

    @property
    def out_of_memory(self) -> bool:
        """Whether it died for want of memory."""
        return self.status != 0 and any(sign in self.said for sign in _MEMORY_SIGNS)

    @property
    def first_line(self) -> str:
        """What it said first, for people."""
        return self.said.strip().split(b"\n", 1)[0].decode(errors="replace")[:300]


class Tail(asyncio.Protocol):
    """Takes standard error and keeps its first and its last 4 KiB."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self._first = b""
        self._last = b""

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        room = _KEPT - len(self._first)
        self._first += data[:room]
        self._last = (self._last + data[room:])[-_KEPT:]

    def connection_lost(self, exc: Exception | None) -> None:  # ruff: ignore[unused-method-argument] -- the protocol's signature
        """Called by the loop."""
        self.ended.set()

    @property
    def text(self) -> bytes:
        """What is kept."""
        return self._first + self._last


class Process:
    """A worker process and the channel to it. Make one with `start`; `end` it always."""

    def __init__(self, popen: subprocess.Popen[bytes], ours: socket.socket) -> None:
        self._popen = popen
        self._socket = ours
        self._tail = Tail()
        self._exit: asyncio.Task[Exit] | None = None
        self.channel = Channel()

    @classmethod
    async def start(cls, binary: Path, limits: ProcessLimits, *, warm: bool = False) -> Process:
        """Start `binary`. Raises OSError when it cannot be started."""
        ours, theirs = socket.socketpair()
        try:
            process = cls(_spawn(binary, theirs, environment(limits, warm=warm)), ours)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        try:
            bound(process.pid, limits)
            await process._connect()
        except BaseException:
            await process.end()
            raise
        return process

    @property
    def pid(self) -> int:
        """The process id, and the id of its group."""
        return self._popen.pid

    async def end(self) -> Exit:
        """Kill the whole group, if it still lives, and reap it. May be called again; the answer stays."""
        if self._exit is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self.channel.close()
            self._exit = asyncio.create_task(self._reap(), name=f"reap render worker {self.pid}")
        return await asyncio.shield(self._exit)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        self._socket.setblocking(False)
        await loop.connect_read_pipe(lambda: self._tail, self._popen.stderr)
        await loop.create_unix_connection(lambda: self.channel, sock=self._socket)

    async def _reap(self) -> Exit:
        status = await asyncio.to_thread(self._popen.wait)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._tail.ended.wait(), _LAST_WORDS_SECONDS)
        self._socket.close()
        return Exit(status, self._tail.text)


def _spawn(binary: Path, theirs: socket.socket, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    """A vfork and an exec, about a millisecond."""
    return subprocess.Popen(
        [binary],
        stdin=theirs.fileno(),
        stdout=theirs.fileno(),
        stderr=subprocess.PIPE,
        cwd="/",
        env=variables,
        start_new_session=True,
    )


def environment(limits: ProcessLimits, *, warm: bool = False) -> dict[str, str]:
    """The whole environment of a worker."""
    return {
        "PATH": _NOWHERE,
        "HOME": _NOWHERE,
        "TMPDIR": _NOWHERE,
        "TZ": "UTC",
        "LANG": "C.UTF-8",
        "GOMEMLIMIT": f"{limits.memory * 3 // 4}B",
        "GOMAXPROCS": "2",  # more threads of the collector buy a small render nothing
        "GOTRACEBACK": "single",
        **({"TRIMTAB_WARM": "1"} if warm else {}),
    }


def bound(pid: int, limits: ProcessLimits) -> None:
    """Set the memory cap of a running process, and no core dumps (they would hold secrets).

    Right after the start rather than before it: code between fork and exec is not safe in a program with threads, and a worker
    has been sent nothing yet. Where the system has no prlimit (macOS) it is said, and the worker runs with its deadline alone.
    """
    if not hasattr(resource, "prlimit"):
        _log.warning("this system cannot cap a render worker's memory; its deadline still holds")
        return
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_DATA, (limits.memory, limits.memory))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
