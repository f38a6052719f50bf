"""The decrypt worker: opens SOPS files with age keys, in a process of its own that is there only while it is needed.

Keys and plaintext pass through this process and that one, and nowhere else: not into a render worker, a log, an error or a repr.
The story: the first `decrypt` starts the worker; requests take turns; a timer ends it when nobody has asked for a while, since it is large.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from trimtab.core.errors import InputError, Place, UnavailableError
from trimtab.render.errors import WorkerLostError
from trimtab.render.frames import Frame, encode
from trimtab.render.process import ProcessLimits
from trimtab.render.worker import Worker

Keys = Callable[[], Awaitable[Sequence[str]]]
"""Gives the age identities (`AGE-SECRET-KEY-…`), asked for anew with every file."""

_FORMATS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".env": "dotenv"}
_MOST = 16 << 20
"""Bytes of one plaintext."""
_encode = msgspec.json.Encoder().encode


class Decrypter:
    """Decrypts files for the render workers. Use it as an async context manager; `decrypt` fits the pool's parameter of that name."""

    def __init__(self, binary: Path, keys: Keys, *, limits: ProcessLimits | None = None, idle_seconds: float = 60.0) -> None:
        self._binary = binary
        self._keys = keys
        self._limits = limits or ProcessLimits()
        self._idle_seconds = idle_seconds
        self._turn = asyncio.Lock()
        self._worker: Worker | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        """Nothing of keys."""
        return f"Decrypter({self._binary})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._end()
        await asyncio.gather(*self._ending)

    async def decrypt(self, path: str, content: bytes) -> bytes:
        """The plaintext of a SOPS file. Raises InputError when no key opens it, UnavailableError when no worker runs."""
        keys = await self._keys()
        if not keys:
            raise InputError("it is encrypted, and no key to decrypt it is configured", place=Place(path))
        async with self._turn:
            try:
                return await self._ask(path, content, keys)
            finally:
                self._wait_idle()

    async def _ask(self, path: str, content: bytes, keys: Sequence[str]) -> bytes:
        if self._worker is None or not self._worker.alive:
            self._worker = await Worker.start(self._binary, self._limits)
        worker = self._worker
        request = {"type": "decrypt", "id": worker.next_number(), "format": file_format(path), "keys": keys}
        try:
            header, plaintext = await worker.run(encode(Frame(_encode(request), content)), output_bytes=_MOST)
        except WorkerLostError as lost:
            raise UnavailableError(f"{path} could not be decrypted: the decrypt worker {_fate(lost)}.") from None
        if not header.ok:
            raise InputError(header.failure().sentence, place=Place(path))
        return plaintext

    def _wait_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._fall_asleep)

    def _fall_asleep(self) -> None:
        if self._turn.locked():
            return
        task = asyncio.create_task(self._end(), name="end the idle decrypt worker")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.end()


def file_format(path: str) -> str:
    """The SOPS format of a file, by the ending of its name as sops has it: `yaml`, `json`, `dotenv`, else `binary`."""
    return next((name for ending, name in _FORMATS.items() if path.endswith(ending)), "binary")


def _fate(lost: WorkerLostError) -> str:
    """How it was lost, without its last words: what it said may hold what it was given."""
    return {"deadline": "did not answer in time", "memory": "ran out of memory"}.get(lost.cause, "ended before it answered")
