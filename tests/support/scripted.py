"""An API server by script, on loopback: for failures of the wire that a real server cannot be made to show on demand.

A test gives the answers in order; each is a coroutine function that writes to the connection whatever it likes. What was asked is
kept in `requests`. A request beyond the script gets a 500 that says so.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit


class Request(NamedTuple):
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Scripted:
    """The server: `url`, the answers still to give, and the requests so far."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers
        self.by_path: dict[str, list[Answer]] = {}
        """Answers for some paths alone, in order; they go before `answers`."""
        self.requests: list[Request] = []
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: request after request, until either side ends it."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while not writer.is_closing():
                    self.requests.append(await _read_request(reader))
                    queue = self.by_path.get(self.requests[-1].path) or self.answers
                    answer = queue.pop(0) if queue else status(500, message="beyond the script")
                    await answer(writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def stop(self) -> None:
        """End what still waits."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def scripted(*answers: Answer) -> AsyncGenerator[Scripted]:
    """A server that gives these answers in this order."""
    script = Scripted(list(answers))
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield script
    finally:
        server.close()
        await script.stop()
        await server.wait_closed()


def body(content: Any, code: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """A whole answer: JSON, or bytes as they are."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(_head(code, {"Content-Length": str(len(raw)), **(headers or {})}) + raw)
        await writer.drain()

    return write


def status(code: int, *, reason: str = "", message: str = "no", headers: dict[str, str] | None = None, details: Any = None) -> Answer:
    """A failure with a Status, as the API server answers it."""
    return body(status_object(code, reason=reason, message=message, details=details), code, headers)


def status_object(code: int, *, reason: str = "", message: str = "no", details: Any = None) -> dict[str, Any]:
    """A `metav1.Status`."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
        "details": details,
    }


def stream(*chunks: bytes | dict[str, Any], then: Answer | None = None) -> Answer:
    """A watch's answer in chunks (a dict is one event's line); it ends there, or goes on as `then` says."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(_head(200, {"Transfer-Encoding": "chunked"}))
        for chunk in chunks:
            raw = chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode() + b"\n"
            writer.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.005)  # so that chunks arrive one by one
        if then is None:
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        else:
            await then(writer)

    return write


async def silence(_writer: asyncio.StreamWriter) -> None:
    """Say nothing, for ever."""
    await asyncio.Event().wait()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close the connection without a word more."""
    writer.transport.abort()


def event(kind: str, version: int | str, name: str = "a", **metadata: Any) -> dict[str, Any]:
    """A watch event about a ConfigMap."""
    return {"type": kind, "object": item(version, name, **metadata)}


def item(version: int | str, name: str = "a", **metadata: Any) -> dict[str, Any]:
    """A ConfigMap, as small as can be."""
    return {"metadata": {"name": name, "namespace": "shop", "resourceVersion": str(version), **metadata}}


def initial_end(version: int | str) -> dict[str, Any]:
    """The bookmark that ends a WatchList's initial events."""
    return {
        "type": "BOOKMARK",
        "object": {"metadata": {"resourceVersion": str(version), "annotations": {"k8s.io/initial-events-end": "true"}}},
    }


def page(version: int | str, *names: str, token: str = "") -> Answer:
    """A page of a list of ConfigMaps."""
    return body({"metadata": {"resourceVersion": str(version), "continue": token}, "items": [item(version, name) for name in names]})


def _head(code: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {code} x", *(f"{name}: {value}" for name, value in {"Content-Type": "application/json", **headers}.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    content = await reader.readexactly(int(headers.get("content-length", "0")))
    url = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
    return Request(method, url.path, query, headers, content)


class Relay:
    """A TCP relay to a real server that can swallow bytes without closing anything, as a broken network does."""

    def __init__(self, server: str) -> None:
        url = urlsplit(server)
        self._target = (url.hostname or "", url.port or 443)
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def swallow(self) -> None:
        """From now on nothing comes through, in either direction, and nobody is told."""
        self._open.clear()

    def cut(self) -> None:
        """Break every connection there is; new ones may be made."""
        for writer in self._writers:
            writer.transport.abort()

    def resume(self) -> None:
        """New bytes come through again."""
        self._open.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            with suppress(asyncio.CancelledError):
                await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer), return_exceptions=True)
            far_writer.close()
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Bytes that arrive while swallowing are lost, and the connection with them: a TCP peer would wait for ever."""
        lost = False
        while chunk := await reader.read(65536):
            lost = lost or not self._open.is_set()
            if not lost:
                writer.write(chunk)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def connect_proxy() -> AsyncGenerator[tuple[str, list[str]]]:
    """An HTTP proxy that knows CONNECT: its URL, and what it was asked to connect to."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *_ = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        asked.append(first)
        host, _, port = first.split(" ")[1].rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()
        await server.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()
