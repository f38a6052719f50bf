"""Trees: their entries, entries by path, and the digest of a listing.

A tree object is a row of `<octal mode> SP <name> NUL <20 bytes of id>`. Names are checked when a tree is parsed, so nothing above
this module ever sees a name that could leave a directory: G2 of the trials, and git's own fsck rules (hasDot, hasDotdot, hasDotgit).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from trimtab.git.errors import HostileTreeError, LimitError, MissingObjectError
from trimtab.git.objects import Reader

ENTRY_CAP = 100_000
_NAME_BYTES = 255
_OID_BYTES = 20
# `.git` as NTFS and HFS+ read it: any case, trailing dots and spaces, the short name git~1, and characters that HFS+ ignores.
_IGNORED_BY_HFS = re.compile(r"[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_DOT_GIT = re.compile(r"(?:\.git|git~1)[ .]*(?::.*)?", re.IGNORECASE | re.DOTALL)
_CLASSES = {"100644": "f", "100664": "f", "100755": "x", "120000": "l", "40000": "d", "160000": "s"}


class Entry(NamedTuple):
    """One entry of a tree; `mode` as git writes it: 100644, 100755, 120000 (symlink), 40000 (directory), 160000 (submodule)."""

    mode: str
    name: str
    oid: str

    @property
    def mode_class(self) -> str:
        """`f` file, `x` executable, `l` symbolic link, `d` directory, `s` submodule."""
        return _CLASSES[self.mode]

    @property
    def is_directory(self) -> bool:
        """Whether it is a tree."""
        return self.mode == "40000"


def parse_tree(content: bytes) -> list[Entry]:
    """The entries of a tree object, in git's order. Raises HostileTreeError for a name or mode that no honest client writes."""
    entries, position, length = list[Entry](), 0, len(content)
    while position < length:
        end = content.find(b"\0", position)
        after = end + 1 + _OID_BYTES
        if end < 0 or after > length:
            raise HostileTreeError("A tree of the repository is cut off.")
        mode, separator, name = content[position:end].partition(b" ")
        if not separator or (spelled := mode.decode("latin-1")) not in _CLASSES:
            raise HostileTreeError(f"A tree of the repository has an entry of unknown mode {mode[:12]!r}.")
        entries.append(Entry(spelled, _checked(name), content[end + 1 : after].hex()))
        position = after
        if len(entries) > ENTRY_CAP:
            raise LimitError(f"A directory of the repository has more than {ENTRY_CAP} entries.")
    return entries


def case_clashes(entries: Iterable[Entry]) -> list[tuple[str, str]]:
    """Pairs of names that are one on a file system that folds case: worth a warning, since we write no files ourselves."""
    seen: dict[str, str] = {}
    clashes = []
    for entry in entries:
        other = seen.setdefault(entry.name.casefold(), entry.name)
        if other != entry.name:
            clashes.append((other, entry.name))
    return clashes


def listing_digest(entries: Iterable[Entry]) -> str:
    """SHA-256 (hex) over the sorted records `class SP name NUL`: what a directory holds, not what is in it (docs/designs/002)."""
    records = sorted(f"{entry.mode_class} {entry.name}\0".encode(errors="surrogateescape") for entry in entries)
    return hashlib.sha256(b"".join(records)).hexdigest()


async def entry(reader: Reader, tree: str, path: str) -> Entry | None:
    """The entry at `path` under `tree`; None when nothing is there. Links are not followed; the root itself is a directory named ``."""
    return (await entries_many(reader, tree, [path]))[0]


async def entries_many(reader: Reader, tree: str, paths: Sequence[str]) -> list[Entry | None]:
    """The entries at many paths, each level of the tree read in one exchange."""
    walk = Walk(reader, tree)
    await walk.load({parent(path) for path in paths if path})
    return [walk.entry(path) for path in paths]


def parent(path: str) -> str:
    """The directory of `path`; `` is the root."""
    return path.rpartition("/")[0]


class Walk:
    """The directories of one tree that were asked for, kept while it lives."""

    def __init__(self, reader: Reader, tree: str) -> None:
        self._reader = reader
        self._tree = tree
        self._directories: dict[str, dict[str, Entry] | None] = {}

    async def load(self, directories: Iterable[str]) -> None:
        """Read `directories` and those above them, one exchange a level."""
        levels: dict[int, set[str]] = {0: {""}}
        for directory in directories:
            path = directory
            while path:
                levels.setdefault(path.count("/") + 1, set()).add(path)
                path = parent(path)
        for depth in sorted(levels):
            await self._read(sorted(levels[depth] - self._directories.keys()))

    def entry(self, path: str) -> Entry | None:
        """The entry at `path`, whose directory was loaded; None when nothing is there."""
        if not path:
            return Entry("40000", "", self._tree)
        listing = self._directories[parent(path)]
        return listing.get(path.rpartition("/")[2]) if listing is not None else None

    def listing(self, directory: str) -> list[Entry] | None:
        """The entries of a loaded directory; None when it is none."""
        listing = self._directories[directory]
        return list(listing.values()) if listing is not None else None

    async def _read(self, directories: Sequence[str]) -> None:
        found = [(path, self.entry(path)) for path in directories]
        trees = [(path, entry.oid) for path, entry in found if entry and entry.is_directory]
        self._directories.update((path, None) for path in directories)
        contents = await self._reader.read_many([oid for _, oid in trees])
        for (path, oid), (kind, content) in zip(trees, contents, strict=True):
            if kind != "tree":
                raise MissingObjectError(oid)
            self._directories[path] = {entry.name: entry for entry in parse_tree(content)}


def _checked(raw: bytes) -> str:
    """The name as text (bytes that are no UTF-8 are kept as surrogates). Raises HostileTreeError."""
    name = raw.decode(errors="surrogateescape")
    if raw in {b"", b".", b".."} or b"/" in raw or len(raw) > _NAME_BYTES or _is_dot_git(name):
        raise HostileTreeError(
            f"The repository has an entry named {name[:40]!r}, which is never followed.", remedy="Take it out of the repository."
        )
    return name


def _is_dot_git(name: str) -> bool:
    """Whether some file system would take `name` for `.git`."""
    if name[:1] not in ".gG\u200c\u200d\u200e\u200f" and name.isascii():
        return False
    return _DOT_GIT.fullmatch(_IGNORED_BY_HFS.sub("", name)) is not None
