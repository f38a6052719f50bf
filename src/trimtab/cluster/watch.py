"""The reflector: keeps a handler's picture of one kind equal to the server's, for ever.

Its story: one task, `run`, that lives as long as the program. It first takes the whole state: by WatchList (KEP-3157: the watch itself
sends what exists and then says so with a bookmark), or by pages where the server offers no such thing. Then it follows the changes.

- The connection ends, as the server makes it do each 30 to 60 minutes, or breaks: a new watch from the last resourceVersion.
- 410, an ERROR event, or a resourceVersion that runs backwards (a server restored from a backup): the state is taken anew, once.
- Silence longer than `silent_after` (bookmarks come about each minute): the watch is taken for dead and opened again. A peer that
  vanished without a word is noticed earlier, by the kernel's keep-alive (see `client.py`).
- After silence or a broken connection the server is first asked for its present version, by a list of one: a server restored from a
  backup is behind us, and a watch from our version would be silent for as long as it takes to catch up.
- 401, 403, 404, 405: the handler is told `unreadable`, keeps what it has, and it is tried again slowly: "could not read" is never
  "empty". An unreachable server is told after three failures in a row.

The handler decodes each object as it comes, so that bytes are not kept, and sees a complete list or nothing. Between slices of ten
milliseconds the loop is given away. A watch that ends young, and every failure, backs off.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Generic, Literal, Protocol, TypeVar

import msgspec
from msgspec import Struct

from trimtab.cluster import errors, objects
from trimtab.cluster.client import JSON, PARTIAL, PARTIAL_LIST, Client, Stream
from trimtab.cluster.lines import LineSplitter
from trimtab.cluster.metadata import Status, WatchEvent, read_status
from trimtab.cluster.resources import Resource
from trimtab.core.clock import Clock
from trimtab.core.errors import ApiError
from trimtab.core.queue import Backoff

T = TypeVar("T")
Change = Literal["ADDED", "MODIFIED", "DELETED"]

SILENT_AFTER = 150.0
SLOWLY = Backoff(first=5.0, most=60.0, jitter=0.2)
QUICKLY = Backoff(first=0.25, most=5.0, jitter=0.5)  # a server that comes back is found again within seconds
_SLICE = 0.010
_YOUNG = 1.0
_HEALTHY = 30.0
_PATIENCE = 3
_INITIAL_EVENTS_END = "k8s.io/initial-events-end"
_CHANGES: dict[str, Change] = {"ADDED": "ADDED", "MODIFIED": "MODIFIED", "DELETED": "DELETED"}


class Handler(Protocol[T]):
    """Who wants to know. All calls come from the reflector's one task, one after the other."""

    def decode(self, raw: bytes) -> T:
        """An object's JSON as the handler wants to keep it."""
        ...

    async def replaced(self, items: Sequence[T], resource_version: str) -> None:
        """This is all there is: what is not among `items` is gone. A coroutine, so that a long list can be worked on in steps."""
        ...

    def changed(self, kind: Change, raw: bytes) -> None:
        """One object came, changed or went (then `raw` is its last state)."""
        ...

    def synced(self) -> None:
        """The picture is complete, and followed: after each `replaced`, and after a time of being unreadable."""
        ...

    def unreadable(self, error: ApiError) -> None:
        """The kind cannot be read at present. What is known stays known; it is not empty."""
        ...


class ReflectorStatistics(Struct, frozen=True):
    """What a reflector has done so far: complete lists taken, watches opened, events, bookmarks, silences, failures in a row now."""

    lists: int
    watches: int
    events: int
    bookmarks: int
    silences: int
    failures: int
    resource_version: str


class _RelistError(Exception):
    """The state must be taken anew: what we know does not continue into what the server says."""


class _Metadata(Struct, gc=False, rename="camel"):
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class _Versioned(Struct, gc=False):
    metadata: _Metadata


_event = msgspec.json.Decoder(type=WatchEvent)
_versioned = msgspec.json.Decoder(type=_Versioned)


class Reflector(Generic[T]):
    """Follows one kind, in all namespaces or one, narrowed by selectors on the server.

    `metadata_only` asks for PartialObjectMetadata; `silent_after` is in seconds of the loop's clock, `page` the size of a list's pages.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        *,
        handler: Handler[T],
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,  # ruff: ignore[suspicious-non-cryptographic-random-usage] (it spreads waits and guards nothing)
        silent_after: float = SILENT_AFTER,
        page: int = 500,
        metadata_only: bool = False,
    ) -> None:
        self.resource = resource
        self._client = client
        self._handler = handler
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._path = resource.path(namespace)
        self._clock = clock or client.clock
        self._chance = chance
        self._silent_after = silent_after
        self._page = page
        self._accept, self._accept_list = (PARTIAL, PARTIAL_LIST) if metadata_only else (JSON, JSON)
        self._synced = asyncio.Event()
        self._readable = True
        self._doubtful = False
        """Whether the server may be another than the one that we know the version of."""
        self._version = ""
        self._offered = True
        """Whether this server is thought to offer WatchList: false from its first refusal on."""
        self._lists = self._watches = self._events = self._bookmarks = self._silences = self._failures = self._refusals = 0
        self._slice_began = 0.0

    async def wait_synced(self) -> None:
        """Until the first complete picture."""
        await self._synced.wait()

    def statistics(self) -> ReflectorStatistics:
        """The reflector at this moment."""
        return ReflectorStatistics(self._lists, self._watches, self._events, self._bookmarks, self._silences, self._failures, self._version)

    async def run(self) -> None:
        """Follow, for ever."""
        while True:
            delay = await self._round()
            if delay:
                await self._clock.sleep(delay)

    async def _round(self) -> float:
        """Take the state if it is not known, follow until the watch ends; the seconds to wait before the next round."""
        began, heard = self._clock.monotonic(), self._heard
        try:
            await (self._watch() if self._version or self._offered else self._list())
        except (ApiError, _RelistError) as error:
            if self._clock.monotonic() - began >= _HEALTHY or (self._heard > heard and isinstance(error, errors.UnreachableError)):
                self._failures = 0  # it broke, but it had worked
            return self._after(error)
        if self._clock.monotonic() - began >= _YOUNG or self._heard > heard:
            self._failures = 0
        else:  # a server that closes each watch at once must not be asked in a loop
            self._failures += 1
        return self._pause(QUICKLY, after=self._failures)

    @property
    def _heard(self) -> int:
        """Grows with everything that the server told us."""
        return self._events + self._lists + self._bookmarks

    def _after(self, error: ApiError | _RelistError) -> float:
        """What follows from a failure: every outcome of a round meets here. The seconds to wait."""
        self._failures += 1
        match error:
            case errors.InvalidError() | errors.BadRequestError() if self._offered and not self._version:
                self._offered = False
                return 0.0
            case _RelistError() | errors.GoneError():
                self._version = ""
                return self._pause(QUICKLY, after=self._failures - 1)  # the first time at once
            case (
                errors.UnauthorizedError()
                | errors.ForbiddenError()
                | errors.NotFoundError()
                | errors.NotSentError()
                | errors.StatusError(code=405)
            ):
                self._refusals += 1
                self._tell(error)
                return self._pause(SLOWLY, after=self._refusals)
            case _:
                self._doubtful = True
                if self._failures >= _PATIENCE or not self._synced.is_set():
                    self._tell(error)
                return max(error.retry_after or 0.0, self._pause(QUICKLY, after=self._failures))

    def _pause(self, backoff: Backoff, *, after: int) -> float:
        return backoff.delay(after, self._chance()) if after else 0.0

    async def _list(self) -> None:
        """Take the whole state by pages."""
        items: list[T] = []
        version = ""
        pages = objects.list_pages(
            self._client,
            self.resource,
            namespace=self._namespace,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            limit=self._page,
            accept=self._accept_list,
        )
        self._slice_began = self._clock.monotonic()
        try:
            async for page, version in pages:  # ruff: ignore[unused-loop-control-variable] (the last page's version is the list's)
                for raw in page:
                    items.append(self._handler.decode(raw))
                    if self._slice_is_over():
                        await asyncio.sleep(0)
        except errors.GoneError:
            self._page = 0  # the pages take longer than the server keeps a version: next time all at once
            raise
        await self._complete(items, version)

    async def _watch(self) -> None:
        """One watch until it ends: from the last resourceVersion, or with the whole state first where none is known."""
        initial: list[T] | None = None if self._version else []
        if self._version and self._doubtful:
            await self._probe()
        self._watches += 1
        async with self._client.stream(self._path, query=self._query(), accept=self._accept) as stream:
            if initial is None:
                self._tell_readable()
            lines = LineSplitter()
            while chunk := await self._read(stream, initial=initial is not None):
                self._slice_began = self._clock.monotonic()
                for line in lines.feed(chunk):
                    initial = await self._line(line, initial)
                    if self._slice_is_over():
                        await asyncio.sleep(0)

    async def _probe(self) -> None:
        """Ask for the server's present version. Raises _RelistError when it is older than ours."""
        answer = await self._client.request("GET", self._path, query=[("limit", "1")], accept=PARTIAL_LIST, verb="list")
        _, version, _ = objects.read_page(answer.body, self._path)
        self._check_order(version)
        self._doubtful = False

    async def _read(self, stream: Stream, *, initial: bool) -> bytes:
        """The next bytes; nothing at the end, and nothing when silent for too long.

        Raises _RelistError when silent before the end of the initial events: that server does not know what it was asked for.
        """
        try:
            async with asyncio.timeout(self._silent_after):  # the loop's time: a socket knows no other
                return await stream.read()
        except TimeoutError:
            self._silences += 1
            if not initial:
                self._doubtful = True
                return b""
            self._offered = False
            raise _RelistError from None

    async def _line(self, line: bytes, initial: list[T] | None) -> list[T] | None:
        """One line of a watch. `initial` collects the initial events until their end; None afterwards."""
        try:
            event = _event.decode(line)
            if event.type == "ERROR":
                raise self._refused(event.object)
            metadata = _versioned.decode(event.object).metadata
        except msgspec.DecodeError as error:
            raise _RelistError from error
        if event.type == "BOOKMARK":
            return await self._bookmark(metadata, initial)
        raw = bytes(event.object)
        if initial is not None:
            initial.append(self._handler.decode(raw))
            return initial
        self._advance(metadata.resource_version)
        self._events += 1
        if event.type in _CHANGES:
            self._handler.changed(_CHANGES[event.type], raw)
        return None

    async def _bookmark(self, metadata: _Metadata, initial: list[T] | None) -> list[T] | None:
        self._bookmarks += 1
        if initial is None:
            self._advance(metadata.resource_version)
        elif (metadata.annotations or {}).get(_INITIAL_EVENTS_END) == "true":
            await self._complete(initial, metadata.resource_version)
            return None
        return initial

    async def _complete(self, items: list[T], version: str) -> None:
        """Hand a complete state over."""
        if not version:
            raise _RelistError  # without a version nothing can follow
        await self._handler.replaced(items, version)
        self._version = version
        self._lists += 1
        self._synced.set()
        self._tell_readable(anew=True)

    def _advance(self, version: str) -> None:
        """Remember how far we are. Raises _RelistError when that is backwards."""
        self._check_order(version)
        self._version = version or self._version

    def _check_order(self, version: str) -> None:
        """Raise _RelistError when `version` is older than ours: the server's history is not the one that we know.

        Versions of one kind compare as decimal numbers (KEP-5504); where a server's are none, nothing is said.
        """
        if version.isdigit() and self._version.isdigit() and int(version) < int(self._version):
            raise _RelistError

    def _refused(self, status: msgspec.Raw) -> Exception:
        """An ERROR event as an exception: whatever it says, the state is taken anew."""
        said = read_status(status) or Status(message="an ERROR event that says nothing")
        error = errors.from_status(self._client.connection.server, "watch", self._path, said)
        return error if isinstance(error, errors.GoneError) else _RelistError(str(error))

    def _tell(self, error: ApiError) -> None:
        self._readable = False
        self._handler.unreadable(error)

    def _tell_readable(self, *, anew: bool = False) -> None:
        self._refusals = 0
        if anew or not self._readable:
            self._readable = True
            self._handler.synced()

    def _slice_is_over(self) -> bool:
        """Whether the loop is due to be given away; it counts from now on if so."""
        now = self._clock.monotonic()
        if now - self._slice_began < _SLICE:
            return False
        self._slice_began = now
        return True

    def _query(self) -> list[tuple[str, str]]:
        """A watch's query. Its lifetime is spread over 30 to 60 minutes, so that watches opened together do not end together."""
        start = (
            [("resourceVersion", self._version)]
            if self._version
            else [("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan"), ("resourceVersion", "")]
        )
        return [
            *objects.selectors(self._label_selector, self._field_selector),
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(int(1800 * (1 + self._chance())))),
            *start,
        ]
