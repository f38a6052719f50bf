"""The client of one API server: requests in, bytes and typed errors out.

Its story: at most `connections` requests are under way at once (more only makes the server slower); the others wait in order, outside
any timeout, so that a slow server delays them and fails none of them by waiting alone. `urgent` requests (the lease, a probe) do not
wait. Watches have a session of their own without that limit. Each request is sent with the credential of the moment; a 401 renews it
once. A 429, or a 503 that names a Retry-After, is asked again while the retry budget lasts, and only where asking twice does no harm.

This is the one boundary where aiohttp's exceptions and HTTP's status codes become errors of ours.
"""

from __future__ import annotations

import asyncio
import io
import random
import re
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
import yarl
from msgspec import Struct
from multidict import CIMultiDict, CIMultiDictProxy

from trimtab.cluster import errors
from trimtab.cluster.connection import Connection
from trimtab.cluster.credentials import Credential
from trimtab.cluster.retries import RetryBudget, RetryPolicy
from trimtab.core.clock import Clock, SystemClock
from trimtab.core.errors import InputError

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

Query = Sequence[tuple[str, str]]
_CONNECT_SECONDS = 10.0
_ENDLESS = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
_READ_SIZE = 1 << 18
_LARGE = 1 << 20  # bytes; aiohttp warns of larger ones in one piece
# Methods that may be sent again by their nature. DELETE and PATCH become so by preconditions and apply: the caller says it.
_HARMLESS = frozenset({"GET", "HEAD"})
_BROKEN = (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, ConnectionResetError, BrokenPipeError)


class Response(Struct, frozen=True):
    """An answer below 400."""

    status: int
    body: bytes
    headers: CIMultiDictProxy[str]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the server wants people to know (deprecated versions, unknown fields), from its Warning headers (RFC 7234, 5.5)."""
        found = (_WARNING.search(value) for value in self.headers.getall("Warning", ()))
        return tuple(match[1].replace('\\"', '"').replace("\\\\", "\\") for match in found if match)


_WARNING = re.compile(r'^\s*\d{3}\s+\S+\s+"((?:[^"\\]|\\.)*)"')


class ClientStatistics(Struct, frozen=True):
    """Requests sent since the start by Kubernetes verb (retries included), retries among them, and those under way or waiting now."""

    requests: dict[str, int]
    retries: int
    active: int
    waiting: int
    watches: int


class Stream:
    """The body of an answer that goes on."""

    __slots__ = ("_answer", "_mapped")

    def __init__(self, answer: aiohttp.ClientResponse, mapped: _Mapped) -> None:
        self._answer = answer
        self._mapped = mapped

    async def read(self) -> bytes:
        """What has come since; waits for something; empty at the end. Raises UnreachableError when the connection breaks."""
        with self._mapped:
            return await self._answer.content.readany()


class Client:
    """A client of one API server; use as `async with Client(...) as client`."""

    def __init__(
        self,
        connection: Connection,
        *,
        clock: Clock | None = None,
        user_agent: str = "trimtab",
        connections: int = 8,
        field_manager: str = "",
        chance: Callable[[], float] = random.random,  # ruff: ignore[suspicious-non-cryptographic-random-usage] (it spreads waits and guards nothing)
        retries: RetryPolicy | None = None,
    ) -> None:
        self.connection = connection
        self.clock = clock or SystemClock()
        self.field_manager = field_manager
        """The manager's name for writes that name none."""
        self.chance = chance
        self.may_write: Callable[[], bool] = lambda: True
        """Asked at the last moment before each write that is not urgent: who has lost a lease writes nothing, whatever was under way."""
        self._policy = retries or RetryPolicy()
        self._budget = RetryBudget()
        self._slots = asyncio.Semaphore(connections)
        self._agent = user_agent
        self._requests: dict[str, int] = {}
        self._retries = self._active = self._waiting = self._watches = 0
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}
        self._sessions: list[aiohttp.ClientSession] = []
        self._options: dict[str, Any] = {"allow_redirects": False}
        if connection.proxy:
            self._options["proxy"] = connection.proxy
        if connection.server_name:
            self._options["server_hostname"] = connection.server_name
        self._context: ssl.SSLContext | None = None
        self._certificate = b""

    async def __aenter__(self) -> Self:
        """Open the sessions; nothing is sent yet. Raises InputError when the connection's certificates cannot be used."""
        self._show(self.connection.credentials.cached() or Credential())
        self._sessions = [self._session(), self._session()]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close every connection."""
        for session in self._sessions:
            await session.close()
        self._sessions = []

    def statistics(self) -> ClientStatistics:
        """The client at this moment."""
        return ClientStatistics(dict(self._requests), self._retries, self._active, self._waiting, self._watches)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        timeout: float = 30.0,
        headers: Mapping[str, str] | None = None,
        verb: str = "",
        idempotent: bool | None = None,
        compressed: bool = False,
        urgent: bool = False,
    ) -> Response:
        """Send one request and read its answer whole.

        `timeout` is in seconds from connecting to the last byte. `verb` is Kubernetes' word for it, for statistics and sentences.
        `idempotent` says that sending it twice does no harm (GET by itself). `compressed` asks for gzip, which pays for lists alone.
        Raises the errors of `trimtab.cluster.errors`; UnreachableError says whether the request may have been carried out.
        """
        verb = verb or method.lower()
        call = _Call(
            method, path, self._url(path, query), body, self._headers(accept, body, content_type, headers, compressed), timeout, verb
        )
        harmless = method in _HARMLESS if idempotent is None else idempotent
        self._budget.earn()
        attempt, renewed = 1, False
        while True:
            credential = await self._authorise(call.headers)
            try:
                return await (self._send(call) if urgent else self._send_in_turn(call))
            except errors.UnauthorizedError:
                if renewed or await self.connection.credentials.renew(credential) == credential:
                    raise
                renewed = True
            except errors.ApiError as error:
                delay = self._retry_delay(error, attempt, harmless=harmless)
                if delay is None:
                    raise
                attempt += 1
                self._retries += 1
                await self.clock.sleep(delay)

    @asynccontextmanager
    async def stream(self, path: str, *, query: Query = (), accept: str = JSON, compressed: bool = False) -> AsyncGenerator[Stream]:
        """Open a watch: yields a `Stream` of the bytes as they come. Not retried, not limited, without a deadline of its own.

        Raises as `request` does, while opening and while reading.
        """
        headers = self._headers(accept, None, JSON, None, compressed)
        mapped = self._mapped("watch", path, ambiguous=False)
        self._watches += 1
        answer: aiohttp.ClientResponse | None = None
        try:
            credential = await self._authorise(headers)
            with mapped:
                answer = await self._open(self._url(path, query), headers)
            if answer.status == HTTPStatus.UNAUTHORIZED and await self.connection.credentials.renew(credential) != credential:
                answer.close()
                await self._authorise(headers)
                with mapped:
                    answer = await self._open(self._url(path, query), headers)
            if answer.status >= HTTPStatus.BAD_REQUEST:
                with mapped:
                    body = await answer.read()
                raise self._refusal("watch", path, answer, body)
            yield Stream(answer, mapped)
        finally:
            self._watches -= 1
            if answer is not None:
                answer.close()

    async def _open(self, url: yarl.URL, headers: CIMultiDict[str]) -> aiohttp.ClientResponse:
        """Open a watch as far as its headers, which the server sends at once."""
        self._count("watch")
        async with asyncio.timeout(3 * _CONNECT_SECONDS):
            return await self._sessions[1].request(
                "GET", url, headers=headers, timeout=_ENDLESS, ssl=self._context or True, **self._options
            )

    async def _send_in_turn(self, call: _Call) -> Response:
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            if call.method not in _HARMLESS and not self.may_write():
                raise errors.NotSentError("This process does not lead any more, so it writes nothing.")
            return await self._send(call)
        finally:
            self._slots.release()

    async def _send(self, call: _Call) -> Response:
        self._count(call.verb)
        self._active += 1
        try:
            with self._mapped(call.verb, call.path, ambiguous=call.method not in _HARMLESS):
                async with self._sessions[0].request(
                    call.method,
                    call.url,
                    data=_payload(call.body),
                    headers=call.headers,
                    timeout=self._timeout(call.timeout),
                    ssl=self._context or True,
                    **self._options,
                ) as answer:
                    body = await answer.read()
        finally:
            self._active -= 1
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise self._refusal(call.verb, call.path, answer, body)
        return Response(answer.status, body, answer.headers)

    def _retry_delay(self, error: errors.ApiError, attempt: int, *, harmless: bool) -> float | None:
        """Seconds until this error is tried again here; None when it is the caller's."""
        match error:
            case errors.TooManyRequestsError():
                pass  # refused before anything was done, so any verb may come again
            case errors.StatusError(code=503) if harmless and error.retry_after is not None:
                pass
            case errors.UnreachableError(__cause__=cause) if harmless and attempt == 1 and isinstance(cause, _BROKEN):
                pass  # most likely a kept connection that the server closed under us: once more on another
            case _:
                return None
        delay = self._policy.wait(attempt, error.retry_after, self.chance())
        return delay if delay is not None and self._budget.spend() else None

    async def _authorise(self, headers: CIMultiDict[str]) -> Credential:
        """Put the credential of the moment into `headers`, and its certificate under TLS."""
        credential = self.connection.credentials.cached() or await self.connection.credentials.renew()
        if credential.certificate != self._certificate:
            try:
                self._show(credential)
            except InputError as error:
                raise errors.NotSentError(str(error)) from error
        if credential.token:
            headers["Authorization"] = f"Bearer {credential.token}"
        return credential

    def _show(self, credential: Credential) -> None:
        """Make the TLS settings anew, with that credential's certificate (if it has one)."""
        self._context = self.connection.tls(credential)
        self._certificate = credential.certificate

    def _refusal(self, verb: str, path: str, answer: aiohttp.ClientResponse, body: bytes) -> errors.StatusError:
        after = _seconds(answer.headers.get("Retry-After"))
        return errors.from_answer(self.connection.server, verb, path, code=answer.status, body=body, retry_after=after)

    def _mapped(self, verb: str, path: str, *, ambiguous: bool) -> _Mapped:
        return _Mapped(self.connection.server, verb, path, ambiguous=ambiguous)

    def _count(self, verb: str) -> None:
        self._requests[verb] = self._requests.get(verb, 0) + 1

    def _timeout(self, seconds: float) -> aiohttp.ClientTimeout:
        known = self._timeouts.get(seconds)
        if known is None:
            known = self._timeouts[seconds] = aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds, _CONNECT_SECONDS))
        return known

    def _url(self, path: str, query: Query) -> yarl.URL:
        text = f"{self.connection.server}{path}?{_encoded(tuple(query))}" if query else self.connection.server + path
        return yarl.URL(text, encoded=True)

    def _headers(
        self, accept: str, body: bytes | None, content_type: str, more: Mapping[str, str] | None, compressed: bool
    ) -> CIMultiDict[str]:
        headers = CIMultiDict({"Accept": accept, "Accept-Encoding": "gzip" if compressed else "identity", "User-Agent": self._agent})
        if body is not None:
            headers["Content-Type"] = content_type
        if more:
            headers.update(more)
        return headers

    def _session(self) -> aiohttp.ClientSession:
        # The slots are the limit. `use_dns_cache` off costs a look-up a connection and follows a server that moves.
        connector = aiohttp.TCPConnector(limit=0, use_dns_cache=False, keepalive_timeout=60, socket_factory=_socket)
        session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), read_bufsize=_READ_SIZE)
        # aiohttp would send GET, PUT and DELETE again by itself when a connection breaks; whether that does harm is for us to say.
        session._retry_connection = False  # ruff: ignore[private-member-access] (there is no public switch)
        return session


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """A body as aiohttp wants it: what is large is sent in pieces, so that the loop stays responsive."""
    return io.BytesIO(body) if body is not None and len(body) > _LARGE else body


@lru_cache(1024)
def _encoded(query: tuple[tuple[str, str], ...]) -> str:
    """A query as it stands in a URL; an application's writes all bear the same."""
    return urlencode(query)


class _Call(Struct, frozen=True, gc=False):
    """One request, made ready to be sent as often as need be."""

    method: str
    path: str
    url: yarl.URL
    body: bytes | None
    headers: CIMultiDict[str]
    timeout: float
    verb: str


class _Mapped:
    """Turns aiohttp's exceptions into UnreachableError; a class because a generator's frame would cost more than the mapping."""

    __slots__ = ("_ambiguous", "_path", "_server", "_verb")

    def __init__(self, server: str, verb: str, path: str, *, ambiguous: bool) -> None:
        self._server, self._verb, self._path, self._ambiguous = server, verb, path, ambiguous

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Map what is aiohttp's, let pass what is not."""
        if not isinstance(error, aiohttp.ClientError | TimeoutError | OSError):
            return
        connecting = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.InvalidURL)
        raise errors.UnreachableError(
            f"{self._server} gave no answer to {self._verb} {errors.subject(self._path)}: {_cause(error)}.",
            ambiguous=self._ambiguous and not connecting,
            remedy=_remedy(error),
        ) from error


def _cause(error: BaseException) -> str:
    """An exception of the network in words."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return "the connection could not be opened in time"
        case TimeoutError():
            return "the time for it ran out"
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate is not accepted ({error.certificate_error})"
        case aiohttp.ClientConnectorDNSError():
            return "its host name is not known"
        case aiohttp.ClientConnectorError():
            return f"the connection could not be opened ({error.os_error.strerror or error.os_error})"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError() | ConnectionResetError():
            return "the connection was closed before the answer was complete"
        case _:
            return str(error) or type(error).__name__


def _remedy(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "Set certificate-authority (or tls-server-name) in the kubeconfig."
    return ""


def _seconds(header: str | None) -> float | None:
    """Retry-After in its form of seconds, the one that the API server sends."""
    return float(header) if header and header.isdigit() else None


def _socket(address: Any) -> socket.socket:
    """A socket on which the kernel itself notices, within 30 s and without a byte of HTTP, that the other end has vanished."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        option = getattr(socket, name, None)  # macOS has other names, and its default then stands
        if option is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made
