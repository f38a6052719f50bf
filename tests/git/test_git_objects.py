from __future__ import annotations

import asyncio
import os
import signal
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support import repos

from trimtab.core.errors import InputError
from trimtab.git.errors import LimitError, MissingObjectError
from trimtab.git.objects import ObjectReader


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A repository with a few files."""
    directory = repos.init(tmp_path / "work")
    repos.commit(directory, {"a": b"one\n", "b": b"", "c": b"no newline", "d": b"x" * 300_000})
    return directory


@pytest.fixture
async def reader(work: Path) -> AsyncIterator[ObjectReader]:
    """A reader of it."""
    made = ObjectReader(work / ".git", cap=1 << 20)
    yield made
    await made.close()


def _blob(work: Path, name: str) -> str:
    return repos.git(work, "rev-parse", f"HEAD:{name}")


async def test_objects_come_as_they_are_in_the_order_asked_for(work: Path, reader: ObjectReader) -> None:
    """Empty, without a newline at the end, larger than a pipe: each byte for byte."""
    oids = [_blob(work, name) for name in "dcba"]
    contents = [content for _, content in await reader.read_many(oids)]
    assert contents == [b"x" * 300_000, b"no newline", b"", b"one\n"]


async def test_many_callers_share_one_process(work: Path, reader: ObjectReader) -> None:
    """Questions are pipelined, and each caller gets its own answer."""
    oids = [_blob(work, name) for name in "abcd"] * 25
    answers = await asyncio.gather(*(reader.read(oid) for oid in oids))
    assert [len(answer.content) for answer in answers] == [4, 0, 10, 300_000] * 25


async def test_a_missing_object_is_an_error_and_harms_no_other(work: Path, reader: ObjectReader) -> None:
    """An object that is not there is an error that names it; those asked for beside it are answered."""
    missing = asyncio.gather(reader.read("1" * 40), reader.read(_blob(work, "a")), return_exceptions=True)
    error, found = await missing
    assert isinstance(error, MissingObjectError)
    assert error.oid == "1" * 40
    assert found == ("blob", b"one\n")


async def test_g5_an_object_over_the_cap_is_refused_unread(work: Path, reader: ObjectReader) -> None:
    """A bomb of 80 MiB, 80 KiB when packed, costs an error; the next read is served."""
    oid = repos.git(work, "hash-object", "-w", "--stdin", given=b"\0" * (80 << 20))
    before = _peak_kib()
    with pytest.raises(LimitError, match=str(80 << 20)):
        await reader.read(oid)
    assert _peak_kib() - before < 32 << 10
    assert (await reader.read(_blob(work, "a"))).content == b"one\n"


async def test_a_killed_process_is_started_again(work: Path, reader: ObjectReader) -> None:
    """Kill -9 between and during reads is not seen by the reader's callers."""
    await reader.read(_blob(work, "a"))
    assert reader.process_id
    os.kill(reader.process_id, signal.SIGKILL)
    assert (await reader.read(_blob(work, "d"))).kind == "blob"


async def test_an_idle_process_is_ended_and_comes_back(work: Path) -> None:
    """A quiet mirror holds no process."""
    reader = ObjectReader(work / ".git", idle=0.05)
    await reader.read(_blob(work, "a"))
    await asyncio.sleep(0.2)
    assert reader.process_id is None
    assert (await reader.read(_blob(work, "a"))).content == b"one\n"
    await reader.close()


async def test_packs_that_arrive_later_are_seen(work: Path, reader: ObjectReader) -> None:
    """The process need not be started anew after a fetch."""
    await reader.read(_blob(work, "a"))
    process = reader.process_id
    repos.commit(work, {"late": b"late"})
    repos.git(work, "repack", "-a", "-d", "-q")
    assert (await reader.read(_blob(work, "late"))).content == b"late"
    assert reader.process_id == process


async def test_r16_a_damaged_object_is_an_error(work: Path, reader: ObjectReader) -> None:
    """Bytes flipped on disk are never handed out; other objects still are."""
    oid = _blob(work, "c")
    path = work / ".git" / "objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(zlib.compress(b"blob 10\0no newline")[:-6] + b"broken")
    with pytest.raises(MissingObjectError):
        await reader.read(oid)
    assert (await reader.read(_blob(work, "a"))).content == b"one\n"


@pytest.mark.parametrize("oid", ["HEAD", "a" * 39, "a" * 40 + "\ncontents HEAD", "--batch-all-objects", ""])
async def test_only_object_ids_are_asked_for(reader: ObjectReader, oid: str) -> None:
    """Nothing else reaches the process."""
    with pytest.raises(InputError):
        await reader.read(oid)
    with pytest.raises(InputError):
        await reader.info_many([oid + "\n"])


async def test_infos_tell_kind_and_size(work: Path, reader: ObjectReader) -> None:
    """Specs may be paths under a tree; what is not there is None."""
    head = repos.git(work, "rev-parse", "HEAD")
    known, unknown = await reader.info_many([f"{head}:d", f"{head}:nothing here"])
    assert (known and (known.kind, known.size), unknown) == (("blob", 300_000), None)


def _peak_kib() -> int:
    return int(Path("/proc/self/status").read_text(encoding="utf-8").split("VmHWM:")[1].split()[0])
