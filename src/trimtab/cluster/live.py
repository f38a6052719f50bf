"""The live store: one slim summary per object, kept by a reflector; never the objects themselves.

A hundred thousand Pods as dictionaries are 5 GB and stop the process for seconds at each collection; as summaries they are some
hundred megabytes and invisible to the collector. So the caller says what it needs of an object (`summarise`), as a frozen Struct with
`gc=False`, and everything else is forgotten at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from trimtab.cluster.watch import Change
from trimtab.core import logs
from trimtab.core.errors import ApiError

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
_STEP = 500


class LiveStatistics(Struct, frozen=True):
    """A moment of a store: objects, whether complete and readable, and how many objects could not be understood so far."""

    objects: int
    synced: bool
    readable: bool
    misunderstood: int


class LiveStore(Generic[K, T]):
    """A reflector's `Handler` that keeps `summarise(raw)` of each object: a key and a value.

    `on_change(key, old, new)` is called after each change of a value (None: was not, is not), the first list included.
    An object that `summarise` cannot read (msgspec.DecodeError) is logged and counted, and what was known of it stays.
    """

    def __init__(self, summarise: Callable[[bytes], tuple[K, T]], on_change: Callable[[K, T | None, T | None], None] | None = None) -> None:
        self._summarise = summarise
        self._on_change = on_change or (lambda _key, _old, _new: None)
        self._kept: dict[K, T] = {}
        self._misunderstood = 0
        self._complete = asyncio.Event()
        self._known = asyncio.Event()
        self._error: ApiError | None = None
        self.resource_version = ""
        """Of the last complete list."""

    @property
    def is_synced(self) -> bool:
        """Whether a complete picture has ever been there. Until then absence means nothing."""
        return self._complete.is_set()

    @property
    def error(self) -> ApiError | None:
        """Why the kind cannot be read at present; then the picture is old, not empty."""
        return self._error

    async def wait_synced(self) -> None:
        """Until the first complete picture."""
        await self._complete.wait()

    async def wait_known(self) -> None:
        """Until the first complete picture, or until it is known that there can be none (`error` says why). Waits for no one for ever."""
        if not self._complete.is_set() and self._error is None:
            self._known.clear()
            await self._known.wait()

    def get(self, key: K) -> T | None:
        """The summary of an object, None where there is none (meaningful once synced)."""
        return self._kept.get(key)

    def items(self) -> Iterator[tuple[K, T]]:
        """All keys and summaries, as of now."""
        return iter(list(self._kept.items()))

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def statistics(self) -> LiveStatistics:
        """The store at this moment."""
        return LiveStatistics(len(self._kept), self.is_synced, self._error is None, self._misunderstood)

    def decode(self, raw: bytes) -> tuple[K, T] | None:
        """An object's key and summary; None where it could not be understood."""
        try:
            return self._summarise(raw)
        except msgspec.DecodeError as error:
            self._misunderstood += 1
            logs.get(__name__).warning("an object could not be understood", reason=str(error))
            return None

    async def replaced(self, items: Sequence[tuple[K, T] | None], resource_version: str) -> None:
        """Take a complete list: what is not in it is gone. Works in steps, so that the loop stays responsive."""
        fresh: set[K] = set()
        for count, item in enumerate(items, 1):
            if item is not None:
                fresh.add(item[0])
                self._set(*item)
            if count % _STEP == 0:
                await asyncio.sleep(0)
        if all(item is not None for item in items):  # an object that was not understood has no key here: nothing is concluded
            for key in [key for key in self._kept if key not in fresh]:
                self._remove(key)
        self.resource_version = resource_version

    def changed(self, kind: Change, raw: bytes) -> None:
        """Take one change."""
        item = self.decode(raw)
        if item is None:
            return
        if kind == "DELETED":
            self._remove(item[0])
        else:
            self._set(*item)

    def synced(self) -> None:
        """The picture is complete and followed."""
        self._error = None
        self._complete.set()
        self._known.set()

    def unreadable(self, error: ApiError) -> None:
        """The kind cannot be read at present: everything known is kept."""
        self._error = error
        self._known.set()

    def _set(self, key: K, new: T) -> None:
        old = self._kept.get(key)
        if old != new:
            self._kept[key] = new
            self._on_change(key, old, new)

    def _remove(self, key: K) -> None:
        old = self._kept.pop(key, None)
        if old is not None:
            self._on_change(key, old, None)
