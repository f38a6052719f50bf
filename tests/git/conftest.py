from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.support import repos
from tests.support.gitserver import GitServer

from trimtab.core.clock import SystemClock
from trimtab.git.mirror import Mirror
from trimtab.git.remote import Remote
from trimtab.git.transport import CommandTransport, MirrorLimits


class Fleet:
    """A repository on a server, and a work tree that pushes to it."""

    def __init__(self, server: GitServer, url: str, work: Path) -> None:
        self.server, self.url, self.work = server, url, work

    async def push(self, files: dict[str, bytes | None], *, branch: str = "main", force: bool = False) -> str:
        """Commit `files` and push; the commit's id."""
        oid = await asyncio.to_thread(repos.commit, self.work, files)
        await asyncio.to_thread(repos.push, self.work, f"HEAD:refs/heads/{branch}", force=force)
        return oid

    async def git(self, *arguments: str, given: bytes = b"") -> str:
        """Run git in the work tree."""
        return await asyncio.to_thread(repos.git, self.work, *arguments, given=given)

    @property
    def bare(self) -> Path:
        """The repository on the server's disk."""
        return self.server.root / "fleet.git"


MirrorMaker = Callable[..., Mirror]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[GitServer]:
    """A Git server on loopback."""
    served = GitServer(tmp_path / "served")
    await served.start()
    yield served
    await served.stop()


@pytest.fixture
async def fleet(server: GitServer, tmp_path: Path) -> Fleet:
    """An empty repository and its work tree."""
    url = await server.create("fleet")
    return Fleet(server, url, await asyncio.to_thread(repos.init, tmp_path / "work", remote=url))


@pytest.fixture
async def make_mirror(tmp_path: Path) -> AsyncIterator[MirrorMaker]:
    """Makes mirrors, and closes them in the end. `command=True` has them ask through the git command."""
    made: list[Mirror] = []

    def make(remote: Remote | str, name: str = "mirror", *, limits: MirrorLimits | None = None, command: bool = False) -> Mirror:
        known = remote if isinstance(remote, Remote) else Remote(url=remote)
        mirror = Mirror(tmp_path / name, known, clock=SystemClock(), limits=limits or MirrorLimits())
        if command:
            mirror._transport = CommandTransport(known, limits or MirrorLimits())
        made.append(mirror)
        return mirror

    yield make
    for mirror in made:
        await mirror.close()


@pytest.fixture(params=["own", "command"])
def mirror(request: pytest.FixtureRequest, fleet: Fleet, make_mirror: MirrorMaker) -> Mirror:
    """A mirror of the fleet, over our own HTTP and through the git command."""
    return make_mirror(fleet.url, command=request.param == "command")
