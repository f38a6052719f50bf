"""Storing a pack that arrives as a stream: what `git fetch` does after the network.

A small pack (under a hundred objects and a MiB) becomes loose objects by `git unpack-objects`, which is quickest to be read; a larger
one is indexed by `git index-pack` while it arrives. Both check each object, and that what it points to is here (`--strict`); both
complete thin packs from what the mirror has. Files are bounded by the system: a bomb ends its process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from trimtab.git.errors import LimitError
from trimtab.git.process import environment, explain, feed
from trimtab.git.transport import MirrorLimits

_SMALL_BYTES = 1 << 20
_SMALL_OBJECTS = 100
_COUNT = slice(8, 12)  # "PACK", a version, then the number of objects, big-endian: gitformat-pack(5)


async def store_pack(directory: Path, pack: AsyncIterator[bytes], limits: MirrorLimits) -> None:
    """Store the objects of `pack` in the repository in `directory`. Raises GitError, LimitError."""
    head = bytearray()
    async for piece in pack:
        head += piece
        if len(head) > _SMALL_BYTES:
            break
    small = len(head) <= _SMALL_BYTES and int.from_bytes(head[_COUNT]) < _SMALL_OBJECTS
    arguments = ["unpack-objects", "-q", "--strict"] if small else ["index-pack", "--stdin", "--fix-thin", "--strict"]
    finished = await feed(
        [*arguments, f"--max-input-size={limits.pack_bytes}"],
        _joined(bytes(head), pack),
        directory=directory,
        variables=environment(),
        deadline=limits.fetch_seconds,
        file_cap=limits.pack_bytes,
    )
    if finished.over_file_cap:
        raise LimitError(f"A fetch brought more than {limits.pack_bytes} bytes.")
    if finished.status:
        raise explain(finished, "Storing what the Git server sent")


async def _joined(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for piece in rest:
        yield piece
