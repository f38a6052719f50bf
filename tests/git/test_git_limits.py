from __future__ import annotations

import hashlib
import os
import resource
import struct
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.git.conftest import Fleet, MirrorMaker
from tests.support import repos

from trimtab.git.errors import GitError, LimitError, MissingObjectError
from trimtab.git.objects import ObjectReader
from trimtab.git.packs import store_pack
from trimtab.git.refs import Ref
from trimtab.git.transport import MirrorLimits
from trimtab.git.trees import parse_tree

MAIN = Ref(branch="main")
BOTH = pytest.mark.parametrize("command", [False, True], ids=["own", "command"])


@BOTH
async def test_g5_a_fetch_over_its_cap_fails_and_gives_the_disk_back(fleet: Fleet, make_mirror: MirrorMaker, command: bool) -> None:
    """Three MiB against a cap of one: refused, nothing of it kept; a revert below the cap is followed."""
    mirror = make_mirror(fleet.url, command=command, limits=MirrorLimits(pack_bytes=1 << 20))
    good = await fleet.push({"a": b"1"})
    await mirror.resolve(MAIN)
    await fleet.push({"large": os.urandom(3 << 20)})
    with pytest.raises(LimitError, match=str(1 << 20)):
        await mirror.resolve(MAIN)
    assert sum(path.stat().st_size for path in mirror.directory.rglob("*") if path.is_file()) < 1 << 20
    await fleet.git("reset", "-q", "--hard", good)
    small = await fleet.push({"a": b"2"}, force=True)
    assert (await mirror.resolve(MAIN)).commit == small


@BOTH
async def test_g5_a_blob_that_inflates_is_fetched_small_and_refused_when_read(
    fleet: Fleet, make_mirror: MirrorMaker, command: bool
) -> None:
    """80 MiB of zeros: the rest of the commit is served as before."""
    mirror = make_mirror(fleet.url, command=command)
    await fleet.push({"bomb": b"\0" * (80 << 20), "a": b"1"})
    await mirror.resolve(MAIN)
    bomb, good = (await fleet.git("rev-parse", "HEAD:bomb", "HEAD:a")).splitlines()
    with pytest.raises(LimitError):
        await mirror.objects.read(bomb)
    assert (await mirror.objects.read(good)).content == b"1"


async def test_g5_fifty_thousand_refs_are_not_listed(fleet: Fleet, make_mirror: MirrorMaker) -> None:
    """Only what is followed is asked for; a listing over its cap is an error."""
    oid = await fleet.push({"a": b"1"})
    lines = [f"{oid} refs/tags/v{number}.0.0\n" for number in range(50_000)]
    (fleet.bare / "packed-refs").write_text("".join(lines), encoding="utf-8")
    assert await make_mirror(fleet.url).ls_refs(MAIN) == {"refs/heads/main": oid}
    assert (await make_mirror(fleet.url, "semver").resolve(Ref(semver="*"))).name == "v49999.0.0"
    for command in (False, True):
        with pytest.raises(LimitError):
            await make_mirror(fleet.url, limits=MirrorLimits(listing_bytes=1 << 20), command=command).ls_refs(Ref(semver="*"))


@BOTH
async def test_g2_hostile_trees_are_refused_at_the_fetch(fleet: Fleet, make_mirror: MirrorMaker, command: bool) -> None:
    """Git's own check of what arrives comes first: such a commit never enters the mirror."""
    await fleet.push({"a": b"1"})
    mirror = make_mirror(fleet.url, command=command)
    good = await mirror.resolve(MAIN)
    blob = await fleet.git("rev-parse", "HEAD:a")
    tree = repos.raw_tree(fleet.work, [(b"100644", b"..", blob)])
    hostile = repos.raw_commit(fleet.work, tree)
    await fleet.git("push", "-q", "--force", "origin", f"{hostile}:refs/heads/main")
    with pytest.raises(GitError, match=r"hasDotdot.*never followed"):
        await mirror.resolve(MAIN)
    assert (await mirror.revision(good.commit)).tree == good.tree
    with pytest.raises(MissingObjectError):
        await mirror.objects.read(tree)


@pytest.mark.fast
def test_g5_a_tree_of_a_million_entries_is_refused() -> None:
    """At the cap, not at the end."""
    content = b"".join(b"100644 %07d\0" % number + bytes(20) for number in range(1_000_000))
    started = time.process_time()
    with pytest.raises(LimitError):
        parse_tree(content)
    assert time.process_time() - started < 1


async def test_g5_a_delta_chain_of_ten_thousand_is_read(tmp_path: Path) -> None:
    """Git neither recurses nor gives up."""
    repos.git(tmp_path, "init", "-q", "--bare")
    pack, deepest, content = _chain(10_000)
    await store_pack(tmp_path, _pieces(pack), MirrorLimits())
    reader = ObjectReader(tmp_path)
    assert (await reader.read(deepest)).content == content
    await reader.close()


@pytest.mark.parametrize("ballast", [0, 200], ids=["unpacked", "indexed"])
async def test_g5_a_delta_that_asks_for_gigabytes_is_an_error(tmp_path: Path, ballast: int) -> None:
    """A pack of a few kilobytes whose deltas copy a MiB a hundred times, twice: ten GiB that are never had."""
    repos.git(tmp_path, "init", "-q", "--bare")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with pytest.raises(GitError, match="Out of memory"):
        await store_pack(tmp_path, _pieces(_bomb(ballast)), MirrorLimits())
    assert max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) <= 2 << 20


@pytest.mark.parametrize("count", [3, 300])
async def test_g5_a_pack_that_is_cut_off_is_an_error(tmp_path: Path, count: int) -> None:
    """Half an answer is an error for loose objects and packs alike, and no part of a pack counts."""
    repos.git(tmp_path, "init", "-q", "--bare")
    pack, _, _ = _chain(count)
    for damaged in (pack[: len(pack) // 2], pack[:-20] + bytes(20), b"", b"PACK"):
        with pytest.raises(GitError):
            await store_pack(tmp_path, _pieces(damaged), MirrorLimits())
    assert not list((tmp_path / "objects/pack").glob("*.pack"))


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 10_000):
        yield content[start : start + 10_000]


def _chain(count: int) -> tuple[bytes, str, bytes]:
    """A pack of a blob and `count - 1` deltas, each of the one before with a byte more; the last blob's id and content."""
    content, entries = b"0", [_header(3, 1) + zlib.compress(b"0")]
    for number in range(1, count):
        base = hashlib.sha1(b"blob %d\0" % len(content) + content).digest()
        byte = b"%d" % (number % 10)
        delta = _varint(len(content)) + _varint(len(content) + 1) + b"\xb0" + struct.pack("<H", len(content)) + b"\x01" + byte
        content += byte
        entries.append(_header(7, len(delta)) + base + zlib.compress(delta))
    body = b"PACK" + struct.pack(">II", 2, count) + b"".join(entries)
    return body + hashlib.sha1(body).digest(), hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(), content


def _bomb(ballast: int) -> bytes:
    """A pack: one MiB of zeros, a delta that copies it a hundred times, and one that copies that a hundred times again."""
    small, entries = bytes(1 << 20), [_header(3, 1 << 20) + zlib.compress(bytes(1 << 20))]
    entries += [_header(3, 4) + zlib.compress(b"%04d" % number) for number in range(ballast)]
    size = len(small)
    base = hashlib.sha1(b"blob %d\0" % size + small).digest()
    for _ in range(2):
        copies = (b"\xf0\x00\x00\x10" * (size >> 20)) * 100
        delta = _varint(size) + _varint(size * 100) + copies
        entries.append(_header(7, len(delta)) + base + zlib.compress(delta))
        size *= 100
        base = _zeros_id(size)
    body = b"PACK" + struct.pack(">II", 2, len(entries)) + b"".join(entries)
    return body + hashlib.sha1(body).digest()


def _zeros_id(size: int) -> bytes:
    digest = hashlib.sha1(b"blob %d\0" % size)
    for _ in range(min(size, 200 << 20) >> 20):
        digest.update(bytes(1 << 20))
    return digest.digest()


def _header(kind: int, size: int) -> bytes:
    """An entry's kind and size: four bits, then seven a byte."""
    first, size = (kind << 4) | (size & 15), size >> 4
    return bytes([first | (0x80 if size else 0)]) + (_varint(size) if size else b"")


def _varint(value: int) -> bytes:
    out = bytearray()
    while True:
        out.append((value & 0x7F) | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)
