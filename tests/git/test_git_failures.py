from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.git.conftest import Fleet, MirrorMaker
from tests.support import repos

from trimtab.git.errors import GitError, MissingObjectError
from trimtab.git.mirror import Mirror
from trimtab.git.process import Finished, explain
from trimtab.git.refs import Ref
from trimtab.git.smart_http import WebTransport
from trimtab.git.transport import MirrorLimits

MAIN = Ref(branch="main")
QUICK = MirrorLimits(list_seconds=2.0)


class Front:
    """Stands before a Git server and behaves badly: `pass`, `500`, `hang`, `slow` (one byte a second), `reset`."""

    def __init__(self, backend: str) -> None:
        self.mode = "pass"
        self.asked = 0
        self._backend = urlsplit(backend)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.url = ""

    async def start(self) -> None:
        """Listen on loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}{self._backend.path}"

    async def stop(self) -> None:
        """Stop listening, and drop who is connected."""
        assert self._server
        self._server.close()
        self.turn("pass")
        await self._server.wait_closed()

    def turn(self, mode: str) -> None:
        """Behave so from now on; open connections are dropped."""
        self.mode = mode
        for writer in self._open:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        self._open.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._behave(reader, writer)
        self._open.discard(writer)
        writer.close()

    async def _behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "pass":
            back_reader, back_writer = await asyncio.open_connection(self._backend.hostname, self._backend.port)
            await asyncio.gather(_pipe(reader, back_writer), _pipe(back_reader, writer))
        elif self.mode == "500":
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        elif self.mode == "hang":
            await reader.read()
        elif self.mode == "slow":
            for byte in b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-result\r\n\r\n" + b"0" * 60:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(1)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
    writer.close()


@pytest.fixture
async def front(fleet: Fleet) -> AsyncIterator[Front]:
    """A front before the fleet's server."""
    made = Front(fleet.url)
    await made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize("command", [False, True], ids=["own", "command"])
@pytest.mark.parametrize("mode", ["500", "hang", "slow", "reset"])
async def test_r8_bad_servers_leave_the_last_good_state(
    fleet: Fleet, front: Front, make_mirror: MirrorMaker, mode: str, command: bool
) -> None:
    """One clear error in time, nothing left running, what was fetched before still readable; and then it recovers by itself."""
    mirror = make_mirror(front.url, command=command, limits=QUICK)
    oid = await fleet.push({"a": b"1"})
    good = await mirror.resolve(MAIN)
    front.turn(mode)
    async with asyncio.timeout(10):
        with pytest.raises(GitError):
            await mirror.resolve(MAIN)
    assert (await mirror.revision(oid)).tree == good.tree
    assert not _processes_that_name(front.url)
    front.turn("pass")
    newer = await fleet.push({"a": b"2"})
    assert (await mirror.resolve(MAIN)).commit == newer


async def test_r8_one_failure_does_not_end_our_own_http(fleet: Fleet, front: Front, make_mirror: MirrorMaker) -> None:
    """The git command steps in where our own HTTP fails, and for good only after three times in a row."""
    mirror = make_mirror(front.url)
    await fleet.push({"a": b"1"})
    transport = mirror._transport
    assert isinstance(transport, WebTransport)
    for times, expected in ((1, 1), (0, 0), (4, 3)):
        for _ in range(times):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(transport._own, "_url", front.url + "/nowhere")
                await mirror.ls_refs(MAIN)
        if not times:
            await mirror.ls_refs(MAIN)
        assert min(transport._misses, 3) == expected


async def test_r8_refused_connections_are_told_in_one_sentence(make_mirror: MirrorMaker) -> None:
    """Nobody listens: the sentence names the repository."""
    with pytest.raises(GitError, match=r"http://127.0.0.1:1/fleet.git failed") as caught:
        await make_mirror("http://127.0.0.1:1/fleet.git").resolve(MAIN)
    assert "\n" not in str(caught.value)


async def test_r8_a_cancelled_fetch_leaves_no_process(front: Front, make_mirror: MirrorMaker) -> None:
    """Who is cancelled while a server hangs takes the whole process group along."""
    front.turn("hang")
    resolving = asyncio.create_task(make_mirror(front.url, command=True).resolve(MAIN))
    while not _processes_that_name(front.url):  # ruff: ignore[async-busy-wait] - another process's birth sets no event
        await asyncio.sleep(0.01)
    resolving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await resolving
    assert not _processes_that_name(front.url)


async def test_r16_a_deleted_mirror_is_cloned_anew(fleet: Fleet, mirror: Mirror) -> None:
    """The cache folder may go while we run."""
    oid = await fleet.push({"a": b"1"})
    await mirror.resolve(MAIN)
    shutil.rmtree(mirror.directory)
    assert (await mirror.resolve(MAIN)).commit == oid


@pytest.mark.parametrize("lost", ["HEAD", "config", "objects", "refs"])
async def test_r16_half_a_mirror_is_thrown_away(fleet: Fleet, make_mirror: MirrorMaker, lost: str) -> None:
    """A part that is missing at start means a clone, not an error."""
    oid = await fleet.push({"a": b"1"})
    first = make_mirror(fleet.url)
    await first.resolve(MAIN)
    await first.close()
    path = first.directory / lost
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    assert (await make_mirror(fleet.url).resolve(MAIN)).commit == oid


async def test_r16_a_damaged_commit_is_noticed_and_cloned_anew(fleet: Fleet, mirror: Mirror) -> None:
    """Bits flipped in what a resolve reads itself."""
    oid = await fleet.push({"a": b"1"})
    revision = await mirror.resolve(MAIN)
    _damage(mirror, revision.tree)
    await mirror.objects.close()
    assert (await mirror.resolve(MAIN)).commit == oid
    assert (await mirror.objects.read(revision.tree)).kind == "tree"


async def test_r16_a_damaged_file_is_mended_once_somebody_says_so(fleet: Fleet, mirror: Mirror) -> None:
    """Bits flipped deeper: the reader's error, `distrust`, and the next resolve clones anew; what is in use comes back too."""
    old = await fleet.push({"a": b"old"})
    await mirror.resolve(MAIN)
    await fleet.push({"a": b"deep"})
    await mirror.resolve(MAIN)
    mirror.retain({old})
    blob = await fleet.git("rev-parse", "HEAD:a")
    _damage(mirror, blob)
    with pytest.raises(MissingObjectError):
        await mirror.objects.read(blob)
    mirror.distrust()
    await mirror.resolve(MAIN)
    assert (await mirror.objects.read(blob)).content == b"deep"
    assert (await mirror.revision(old)).commit == old


async def test_r16_leftovers_of_a_killed_git_are_swept(fleet: Fleet, make_mirror: MirrorMaker) -> None:
    """Locks and half-written packs of a killed process neither block nor pile up."""
    first = make_mirror(fleet.url)
    await fleet.push({"a": b"1"})
    await first.resolve(MAIN)
    await first.close()
    left = ["shallow.lock", "config.lock", "objects/pack/tmp_pack_x", "refs/trimtab/kept/" + "1" * 40, "packed-refs.lock"]
    for name in left:
        (first.directory / name).write_bytes(b"torn")
    oid = await fleet.push({"a": b"2"})
    assert (await make_mirror(fleet.url).resolve(MAIN)).commit == oid
    assert not [name for name in left if (first.directory / name).exists()]


async def test_r16_a_mirror_that_cannot_be_written_is_a_clear_error(fleet: Fleet, make_mirror: MirrorMaker, tmp_path: Path) -> None:
    """The sentence names the folder; once it can be written, all is well."""
    oid = await fleet.push({"a": b"1"})
    (tmp_path / "cache").write_bytes(b"a file where a folder should be")
    mirror = make_mirror(fleet.url, "cache/mirror")
    with pytest.raises(GitError, match="cannot be written"):
        await mirror.resolve(MAIN)
    (tmp_path / "cache").unlink()
    assert (await mirror.resolve(MAIN)).commit == oid


@pytest.mark.parametrize("command", [False, True], ids=["own", "command"])
async def test_r16_a_full_disk_is_a_clear_error(fleet: Fleet, make_mirror: MirrorMaker, small_disk: Path, command: bool) -> None:
    """A disk of one MiB and a push of three: the error says so, and room made is room used."""
    mirror = make_mirror(fleet.url, f"{small_disk.name}/mirror", command=command)
    await fleet.push({"large": os.urandom(3 << 20)})
    with pytest.raises(GitError, match=r"No space left|cannot be written|write") as caught:
        await mirror.resolve(MAIN)
    assert "Free space" in str(caught.value)
    await asyncio.to_thread(_enlarge, small_disk)
    assert (await mirror.resolve(MAIN)).subject == "A change"


def _enlarge(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB; only where we may mount."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs a privilege that is not here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.fast
def test_errors_of_git_are_one_scrubbed_sentence_with_a_remedy() -> None:
    """The cause that git printed first, without credentials, and how to mend it."""
    errors = "warning: noise\nfatal: Authentication failed for 'https://u:p@example.com/x'\nfatal: more\n"
    error = explain(Finished(128, b"", errors), "Fetching x")
    assert (
        str(error)
        == "Fetching x failed: Authentication failed for 'https://***@example.com/x'. Check the Secret that the Repository names."
    )
    assert ":p@" not in error.detail


def _damage(mirror: Mirror, oid: str) -> None:
    """Overwrite a few bytes of an object, loose or packed."""
    path, offset = mirror.directory / "objects" / oid[:2] / oid[2:], 4
    for index in (mirror.directory / "objects/pack").glob("*.idx"):
        for line in repos.git(mirror.directory, "verify-pack", "-v", str(index)).splitlines():
            if line.startswith(oid):
                path, offset = index.with_suffix(".pack"), int(line.split()[4]) + 2
    path.chmod(0o644)
    content = path.read_bytes()
    path.write_bytes(content[:offset] + b"damaged" + content[offset + 7 :])


def _processes_that_name(url: str) -> list[str]:
    """The command lines of all processes that name `url`."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            if url.encode() in line:
                found.append(line.decode())
    return found
