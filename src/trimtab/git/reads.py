"""What applications read of a tree, and so which of them a change can concern.

A read is `(kind, path, id)`, as the render worker reports it (docs/designs/002-render-worker.md):

    f  the entry at `path` is a file with this blob          l  … a symbolic link with this blob
    d  the directory's listing has this digest               t  the directory is this tree, with all that is in it
    a  nothing is at `path` (id is empty)

`ReadIndex` answers without looking into a tree, by paths alone: it may name an application too many, never one too few. `holds` is exact.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from trimtab.git.changes import Change
from trimtab.git.objects import Reader
from trimtab.git.trees import Walk, listing_digest, parent

K = TypeVar("K", bound=Hashable)


class Read(NamedTuple):
    """One thing that a render depended on."""

    kind: str
    path: str
    id: str


async def evaluate(reader: Reader, tree: str, reads: Sequence[Read]) -> list[str | None]:
    """What each read's id would be in `tree`; None when there is nothing of that kind. Raises MissingObjectError, HostileTreeError."""
    walk = Walk(reader, tree)
    await walk.load(read.path if read.kind == "d" else parent(read.path) for read in reads)
    return [_evaluate(walk, read) for read in reads]


async def holds(reader: Reader, tree: str, reads: Sequence[Read]) -> bool:
    """Whether every read has the same id in `tree`, so that a render would give the same."""
    return await evaluate(reader, tree, reads) == [read.id for read in reads]


def _evaluate(walk: Walk, read: Read) -> str | None:
    if read.kind == "d":
        listing = walk.listing(read.path)
        return listing_digest(listing) if listing is not None else None
    entry = walk.entry(read.path)
    if read.kind == "a":
        return "" if entry is None else None
    wanted = {"f": "fx", "l": "l", "t": "d"}[read.kind]
    return entry.oid if entry and entry.mode_class in wanted else None


class _Several(set[K]):
    """More than one key in a slot."""


class _Slots(Generic[K]):
    """A path → the keys there; a single key takes no set of its own, as nearly all paths have one reader."""

    def __init__(self) -> None:
        self._slots: dict[str, K | _Several[K]] = {}

    def add(self, path: str, key: K) -> None:
        present = self._slots.get(path)
        if present is None:
            self._slots[path] = key
        elif isinstance(present, _Several):
            present.add(key)
        elif present != key:
            self._slots[path] = _Several((present, key))

    def discard(self, path: str, key: K) -> None:
        present = self._slots.get(path)
        if isinstance(present, _Several):
            present.discard(key)
            if not present:
                del self._slots[path]
        elif present == key and present is not None:
            del self._slots[path]

    def collect(self, path: str, into: set[K]) -> None:
        present = self._slots.get(path)
        if isinstance(present, _Several):
            into |= present
        elif present is not None:
            into.add(present)

    def __len__(self) -> int:
        return len(self._slots)


class Statistics(NamedTuple):
    """Applications in an index, and the distinct paths they look at."""

    keys: int
    paths: int


class ReadIndex(Generic[K]):
    """Which keys (applications) a list of changes can concern: a few dictionary look-ups for each changed path and those above it."""

    def __init__(self) -> None:
        self._at: _Slots[K] = _Slots()  # every read, at its own path
        self._listings: _Slots[K] = _Slots()  # `d`: entries that come, go or change kind in it
        self._below: _Slots[K] = _Slots()  # `a`, `t`: anything that happens beneath
        self._reads: dict[K, tuple[str, ...]] = {}  # kind letter + path, for `remove`

    def put(self, key: K, reads: Iterable[Read]) -> None:
        """Set what `key` reads, in place of what it read before."""
        self.remove(key)
        paths, kinds = [], []
        for kind, path, _ in reads:
            paths.append(path)
            kinds.append(kind)
            for slots in self._slots_of(kind):
                slots.add(paths[-1], key)
        self._reads[key] = ("".join(kinds), *paths)

    def remove(self, key: K) -> None:
        """Forget `key`."""
        kinds, *paths = self._reads.pop(key, ("",))
        for kind, path in zip(kinds, paths, strict=True):
            for slots in self._slots_of(kind):
                slots.discard(path, key)

    def concerned(self, changes: Iterable[Change]) -> set[K]:
        """The keys that one of `changes` can concern; every key whose reads have changed is among them."""
        keys: set[K] = set()
        directories: set[str] = set()
        for change in changes:
            self._at.collect(change.path, keys)
            directory = parent(change.path)
            if change.status != "M":
                self._listings.collect(directory, keys)
            while directory not in directories and change.path:
                directories.add(directory)
                self._below.collect(directory, keys)
                directory = parent(directory)
        return keys

    def statistics(self) -> Statistics:
        """How large the index is."""
        return Statistics(len(self._reads), len(self._at))

    def _slots_of(self, kind: str) -> tuple[_Slots[K], ...]:
        if kind in "at":
            return (self._at, self._below)
        return (self._at, self._listings) if kind == "d" else (self._at,)
