"""The framing of design 002 over one socket: lengths, a JSON header, a raw body.

The story: the loop hands bytes to `Channel.data_received`; they wait in a `Splitter` until someone asks for a frame. A worker that
sends more than is asked for is not read any further, so what it can make us hold is one frame of the size allowed, and a mebibyte.
"""

from __future__ import annotations

import asyncio
import struct
from typing import NamedTuple, cast

LENGTHS = struct.Struct(">II")
MAX_HEADER = 64 << 20
MAX_BODY = 256 << 20
_AHEAD = 1 << 20
"""Bytes taken beyond a complete frame before reading pauses."""


class Frame(NamedTuple):
    """A JSON header and a raw body."""

    header: bytes
    body: bytes = b""


class OversizedFrameError(ValueError):
    """A frame longer than allowed was announced; the stream cannot be used any more."""


def encode(frame: Frame) -> bytes:
    """The frame's bytes on the wire."""
    return b"".join((LENGTHS.pack(len(frame.header), len(frame.body)), frame.header, frame.body))


class Splitter:
    """Cuts a stream of bytes into frames, however the bytes arrive."""

    def __init__(self, *, max_header: int = MAX_HEADER, max_body: int = MAX_BODY) -> None:
        self.max_header = max_header
        self.max_body = max_body
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._buffer += data

    def next(self) -> Frame | None:
        """The next whole frame; None until there is one. Raises OversizedFrameError as soon as lengths over the bounds are announced."""
        needed = self._needed()
        if needed is None or len(self._buffer) < needed:
            return None
        end_of_header = LENGTHS.size + LENGTHS.unpack_from(self._buffer)[0]
        with memoryview(self._buffer) as view:
            frame = Frame(bytes(view[LENGTHS.size : end_of_header]), bytes(view[end_of_header:needed]))
        del self._buffer[:needed]
        return frame

    def ahead(self) -> bool:
        """Whether more is held than a frame needs, by so much that reading should pause."""
        held = len(self._buffer)
        if held <= _AHEAD:
            return False
        try:
            needed = self._needed()
        except OversizedFrameError:
            return True
        return needed is not None and held > needed + _AHEAD

    def _needed(self) -> int | None:
        """Bytes of the first frame with its lengths; None while these are not there."""
        if len(self._buffer) < LENGTHS.size:
            return None
        header, body = LENGTHS.unpack_from(self._buffer)
        if header > self.max_header or body > self.max_body:
            raise OversizedFrameError(f"a frame of {header} + {body} bytes is over the limit of {self.max_header} + {self.max_body}")
        return cast(int, LENGTHS.size + header + body)


class Channel(asyncio.Protocol):
    """Frames to and from one peer. One reader at a time."""

    def __init__(self, splitter: Splitter | None = None) -> None:
        self.splitter = splitter or Splitter()
        self._transport: asyncio.Transport | None = None
        self._arrival: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._ended = False
        self._paused = False

    async def read(self) -> Frame | None:
        """The next frame; None when the peer is gone. Raises OversizedFrameError."""
        while (frame := self.splitter.next()) is None:
            if self._ended:
                return None
            self._resume_reading()
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival
        return frame

    async def write(self, data: bytes) -> None:
        """Send encoded frames; waits while the peer is slow to take them. Silent when the peer is gone: `read` tells."""
        if self._transport is None or self._ended:
            return
        self._transport.write(data)
        if self._room is not None:
            await self._room

    def close(self) -> None:
        """End both ways, at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self.splitter.feed(data)
        if self._transport is not None and self.splitter.ahead():
            self._transport.pause_reading()
            self._paused = True
        _wake(self._arrival)

    def eof_received(self) -> bool:
        """Called by the loop: half a connection is of no use to us."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # ruff: ignore[unused-method-argument] -- the protocol's signature
        """Called by the loop."""
        self._ended = True
        _wake(self._arrival)
        self.resume_writing()

    def pause_writing(self) -> None:
        """Called by the loop."""
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Called by the loop."""
        _wake(self._room)
        self._room = None

    def _resume_reading(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
