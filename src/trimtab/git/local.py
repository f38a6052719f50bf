"""A folder on disk, served as Git objects by id: `trimtab render ./folder` takes the same road as a repository, without git.

Blobs have the ids that git would give them, so what a render read compares with a mirror's. Trees are made when asked for and have
ids of their own (a digest of the path), since nothing compares them. Nothing is read but what is asked for. `.git` is left out; so
are sockets, pipes and devices.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from trimtab.core.errors import InputError, Place
from trimtab.git.errors import LimitError, MissingObjectError
from trimtab.git.objects import OBJECT_CAP, Object


class LocalTree:
    """Serves the work tree that encloses `folder` (so that `../../base` can be read), or `folder` itself when there is none.

    `root` is the folder served, `tree` the id of its tree, `path` where the asked folder lies in it (`` for the root).
    """

    def __init__(self, folder: Path, *, cap: int = OBJECT_CAP) -> None:
        asked = folder.resolve()
        if not asked.is_dir():
            raise InputError(f"There is no folder {str(folder)!r}.")
        self.root = _work_tree(asked)
        self.path = "" if asked == self.root else asked.relative_to(self.root).as_posix()
        self._cap = cap
        self._paths: dict[str, str] = {}
        self.tree = self._tree_id("")

    async def read(self, oid: str) -> Object:
        """A blob or tree whose id an earlier tree (or `tree`) named.

        Raises MissingObjectError, and InputError when the file cannot be read or has changed.
        """
        path = self._paths.get(oid)
        if path is None:
            raise MissingObjectError(oid)
        if oid == _path_id(path):
            return Object("tree", self._list(path))
        content = self._content(path)
        if _blob_id(content) != oid:
            raise InputError("The file changed while it was being read.", place=Place(path), remedy="Run the command again.")
        return Object("blob", content)

    async def read_many(self, oids: Sequence[str]) -> list[Object]:
        """The objects in the order asked for."""
        return [await self.read(oid) for oid in oids]

    def _list(self, directory: str) -> bytes:
        try:
            with os.scandir(self.root / directory) as found:
                entries = [entry for item in found if item.name.lower() != ".git" and (entry := self._entry(directory, item))]
        except OSError as error:
            raise InputError(f"The folder cannot be read: {error.strerror}.", place=Place(directory or ".")) from None
        return b"".join(raw for _, raw in sorted(entries))

    def _entry(self, directory: str, item: os.DirEntry[str]) -> tuple[bytes, bytes] | None:
        """The sort key (git sorts a directory as if its name ended in a slash) and the raw entry; None for what git does not know."""
        name = os.fsencode(item.name)
        path = f"{directory}/{item.name}" if directory else item.name
        mode = item.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            return name + b"/", b"40000 " + name + b"\0" + bytes.fromhex(self._tree_id(path))
        if stat.S_ISLNK(mode):
            return name, b"120000 " + name + b"\0" + bytes.fromhex(self._file_id(path))
        if stat.S_ISREG(mode):
            spelled = b"100755 " if mode & stat.S_IXUSR else b"100644 "
            return name, spelled + name + b"\0" + bytes.fromhex(self._file_id(path))
        return None

    def _tree_id(self, path: str) -> str:
        oid = _path_id(path)
        self._paths[oid] = path
        return oid

    def _file_id(self, path: str) -> str:
        """The blob's id. A file that cannot be read is an error only for who reads it, so it is listed under an id of its path's."""
        try:
            oid = _blob_id(self._content(path))
        except InputError:
            oid = hashlib.sha1(b"unreadable " + os.fsencode(path)).hexdigest()  # ruff: ignore[hashlib-insecure-hash-function] - an id, not a protection
        self._paths[oid] = path
        return oid

    def _content(self, path: str) -> bytes:
        place = self.root / path
        try:
            if place.is_symlink():
                return os.fsencode(os.readlink(place))  # ruff: ignore[os-readlink] - the bytes of the link, not a path made of them
            size = place.stat().st_size
            if size > self._cap:
                raise LimitError(f"The file has {size} bytes; at most {self._cap} are read.", place=Place(path))
            return place.read_bytes()
        except OSError as error:
            raise InputError(f"The file cannot be read: {error.strerror}.", place=Place(path)) from None


def _work_tree(folder: Path) -> Path:
    """The nearest folder at or above that holds `.git`, or `folder` itself."""
    return next((candidate for candidate in (folder, *folder.parents) if (candidate / ".git").exists()), folder)


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # ruff: ignore[hashlib-insecure-hash-function] - Git's object ids are SHA-1


def _path_id(path: str) -> str:
    return hashlib.sha1(b"tree of " + os.fsencode(path)).hexdigest()  # ruff: ignore[hashlib-insecure-hash-function] - an id, not a protection
