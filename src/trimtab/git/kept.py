"""The commits of a mirror that are known to be whole, each held by a ref of its own: `refs/trimtab/kept/<commit id>`.

A ref is written only after a fetch has ended well, so a commit that is kept can be read to its last file, even when the branch
that brought it has been force-pushed or deleted since. A mirror has one owner and the plain files backend, so refs are written here
as git would: a file beside, then a rename.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from trimtab.git.refs import is_oid


class KeptCommits:
    """The kept commits of the mirror in `directory`, the latest used last."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "refs" / "trimtab" / "kept"
        self._oids: dict[str, None] = {}

    def load(self) -> None:
        """Read what an earlier process kept. A ref that is not what its name says (a torn write) is dropped."""
        self._directory.mkdir(parents=True, exist_ok=True)
        found = sorted((path.stat().st_mtime_ns, path) for path in self._directory.iterdir())
        for _, path in found:
            if is_oid(path.name) and path.read_bytes() == path.name.encode() + b"\n":
                self._oids[path.name] = None
            else:
                path.unlink()

    def __contains__(self, oid: str) -> bool:
        return oid in self._oids

    def __len__(self) -> int:
        return len(self._oids)

    def latest(self, count: int) -> list[str]:
        """The latest used commits, newest first: what we tell a server that we have."""
        return list(reversed(self._oids))[:count]

    def add(self, oid: str) -> None:
        """Keep `oid`; when it is kept already, it becomes the latest used."""
        known = self._oids.pop(oid, oid) is None
        self._oids[oid] = None
        if not known:
            beside = self._directory / f".{oid}"
            beside.write_bytes(oid.encode() + b"\n")
            beside.replace(self._directory / oid)

    def trim(self, history: int, in_use: Collection[str]) -> None:
        """Let go of all but the last `history` commits and those in use."""
        free = [oid for oid in self._oids if oid not in in_use]
        for oid in free[: max(0, len(free) - history)]:
            del self._oids[oid]
            (self._directory / oid).unlink(missing_ok=True)


def sweep(directory: Path) -> None:
    """Remove what a killed git left behind: locks, and what was being written. The mirror's owner does so before first use."""
    for folder, _, files in os.walk(directory):
        for name in files:
            if name.endswith(".lock") or name.startswith(("tmp_pack_", "tmp_idx_", "tmp_rev_", "tmp_obj_")):
                Path(folder, name).unlink(missing_ok=True)
