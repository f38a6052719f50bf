"""A bare mirror of a remote repository, as much of it as was asked for.

What happens when the remote does something unusual:

force-push      followed: the new commit is fetched and resolved; the old one stays readable (kept.py) while it is in use or recent
deleted branch  RefNotFoundError; nothing is concluded, everything fetched before stays readable
moved tag       followed, like a branch
empty           RefNotFoundError that says so; the first push is followed
unrelated       a repository replaced by another history is followed like a force-push
down, slow      GitError at the deadline; the process group is killed

The story of its tasks: any number of callers may resolve and read at once. Listings run side by side; fetches, and the rebuilding of
a damaged mirror, take turns under one lock, and who waited finds the commit kept and fetches nothing. When many small packs have come
together, a task of its own rolls them up, beside all that. A directory has one owner process.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import shutil
from collections.abc import AsyncGenerator, Collection, Generator
from pathlib import Path

from trimtab.core import logs
from trimtab.core.clock import Clock
from trimtab.core.errors import TrimtabError
from trimtab.core.metrics import FETCHES
from trimtab.git.changes import Change, Differ
from trimtab.git.errors import GitError, MissingObjectError, RefNotFoundError
from trimtab.git.kept import KeptCommits, sweep
from trimtab.git.objects import ObjectReader
from trimtab.git.process import environment, explain, run
from trimtab.git.refs import Choice, Ref, choose
from trimtab.git.remote import Remote
from trimtab.git.revision import Revision, parse_commit
from trimtab.git.transport import CommandTransport, MirrorLimits, Transport

_HAVES = 16
_TIDY_SECONDS = 600.0
_PACKS = 30
_LOOSE_IN_SAMPLE = 12  # some 3,000 loose objects, 500 pushes
_DEFAULT_LIMITS = MirrorLimits()


class Mirror:
    """The mirror of `remote` in `directory`, which is made when first needed. `objects` reads from it."""

    def __init__(self, directory: Path, remote: Remote, *, clock: Clock, limits: MirrorLimits = _DEFAULT_LIMITS) -> None:
        self.directory = directory
        self.remote = remote
        self.objects = ObjectReader(directory, cap=limits.object_bytes)
        self.fetched_at = 0.0
        """The clock's monotonic time of the last fetch that brought something."""
        self._clock = clock
        self._limits = limits
        self._differ = Differ(directory)
        self._transport = _transport(remote, limits)
        self._kept = KeptCommits(directory)
        self._in_use: frozenset[str] = frozenset()
        self._lock = asyncio.Lock()
        self._opened = False
        self._doubted = False
        self._tidying: asyncio.Task[None] | None = None

    async def ls_refs(self, ref: Ref | None = None) -> dict[str, str]:
        """What the remote advertises; only what `ref` needs, when given. Raises GitError."""
        with _counted("list"):
            return await self._transport.ls_refs(ref.prefixes if ref else ["HEAD", "refs/heads/", "refs/tags/"])

    async def fetch(self, name: str, oid: str) -> None:
        """Bring commit `oid`, which the remote has under `name` (`` for none), unless it is here. Raises GitError, LimitError."""
        async with self._lock, _writing(self.directory):
            await self._open()
            if oid not in self._kept:
                with _counted("fetch"):
                    await self._bring(name, oid)
                self.fetched_at = self._clock.monotonic()
                self._tidy_when_due()
            self._kept.add(oid)
            self._kept.trim(self._limits.history, self._in_use)

    async def resolve(self, ref: Ref, *, oid_hint: str = "") -> Revision:
        """The revision that `ref` is at now, whole and readable.

        `oid_hint` is what a webhook said: it is fetched while the remote is asked, so it saves a round trip and decides nothing.
        Raises RefNotFoundError, GitError, LimitError.
        """
        if self._doubted:
            await self._examine()
        choice = await self._ask(ref, oid_hint)
        await self.fetch(choice.name, choice.oid)
        try:
            return await self.revision(choice.oid, choice.short)
        except MissingObjectError:
            await self._rebuild(choice)
            return await self.revision(choice.oid, choice.short)

    async def revision(self, oid: str, name: str = "") -> Revision:
        """A commit that is here, and its root tree. Raises MissingObjectError."""
        commit = await self.objects.read(oid)
        if commit.kind != "commit":
            raise RefNotFoundError(f"{name or oid} names a {commit.kind}, not a commit.")
        revision = parse_commit(commit.content, oid=oid, name=name or oid[:12])
        await self.objects.read(revision.tree)
        return revision

    async def changes(self, old_tree: str, new_tree: str) -> list[Change]:
        """All differences between two trees that are here, complete or an error. Raises MissingObjectError."""
        return await self._differ.changes(old_tree, new_tree)

    def retain(self, commits: Collection[str]) -> None:
        """Tell which commits applications still use: these stay readable whatever becomes of the remote."""
        self._in_use = frozenset(commits)

    def distrust(self) -> None:
        """Something could not be read: examine the mirror before it resolves again, and clone anew if it is damaged."""
        self._doubted = True

    async def close(self) -> None:
        """End its processes and connections; the mirror stays on disk."""
        if self._tidying:
            self._tidying.cancel()
            await asyncio.wait([self._tidying])
        await self.objects.close()
        await self._differ.close()
        await self._transport.close()

    async def _ask(self, ref: Ref, oid_hint: str) -> Choice:
        """What the remote says; a hint's objects travel meanwhile, and when that fails, the ordinary way tells why."""
        if ref.commit:
            return choose(ref, {})
        if not oid_hint or oid_hint in self._kept:
            return choose(ref, await self.ls_refs(ref))
        listing, _ = await asyncio.gather(self.ls_refs(ref), self._fetch_hint(oid_hint))
        return choose(ref, listing)

    async def _fetch_hint(self, oid: str) -> None:
        with contextlib.suppress(TrimtabError):
            await self.fetch("", oid)

    async def _open(self) -> None:
        """Make the mirror if there is none, or only half of one; load what was kept."""
        if self._opened and (self.directory / "HEAD").exists():
            return
        if not all((self.directory / part).exists() for part in ("HEAD", "config", "objects", "refs")):
            await _make(self.directory)
        sweep(self.directory)
        self._kept = KeptCommits(self.directory)
        self._kept.load()
        self._opened = True

    async def _bring(self, name: str, oid: str) -> None:
        try:
            await self._transport.fetch(self.directory, oid, name, self._kept.latest(_HAVES))
        except BaseException:
            sweep(self.directory)  # what a stopped fetch had written is given back
            raise
        [found] = await self.objects.info_many([f"{oid}^{{tree}}"])
        if not found:
            raise GitError(f"{name or oid} moved while it was fetched.", remedy="It is tried again.")

    def _tidy_when_due(self) -> None:
        packs = sum(1 for _ in (self.directory / "objects/pack").glob("*.pack"))
        sample = self.directory / "objects/17"  # ids are evenly spread: one folder of 256 tells of all
        loose = sum(1 for _ in sample.iterdir()) if sample.exists() else 0
        if (packs > _PACKS or loose > _LOOSE_IN_SAMPLE) and (self._tidying is None or self._tidying.done()):
            self._tidying = asyncio.create_task(_roll_up(self.directory), name=f"tidy {self.directory.name}")

    async def _examine(self) -> None:
        """Check every object of the mirror; throw the mirror away when one is damaged."""
        arguments = ["fsck", "--no-dangling", "--no-progress"]
        finished = await run(arguments, directory=self.directory, variables=environment(), deadline=self._limits.fetch_seconds)
        if finished.status:
            async with self._lock:
                await self._discard()
        self._doubted = False

    async def _rebuild(self, choice: Choice) -> None:
        """A kept commit cannot be read: the mirror is damaged. Clone anew."""
        async with self._lock:
            await self._discard()
        await self.fetch(choice.name, choice.oid)

    async def _discard(self) -> None:
        await asyncio.to_thread(shutil.rmtree, self.directory, ignore_errors=True)
        await self.objects.close()
        await self._differ.close()
        self._opened = False
        self._kept = KeptCommits(self.directory)
        await self._open()
        for oid in self._in_use:
            with contextlib.suppress(TrimtabError):
                await self._bring("", oid)
                self._kept.add(oid)


def _transport(remote: Remote, limits: MirrorLimits) -> Transport:
    if remote.scheme not in {"https", "http"}:
        return CommandTransport(remote, limits)
    # aiohttp takes 340 ms to import, which a render of a local folder need not wait for.
    from trimtab.git.smart_http import WebTransport  # ruff: ignore[import-outside-top-level]

    return WebTransport(remote, limits)


async def _roll_up(directory: Path) -> None:
    """Join loose objects and small packs into packs of growing size, so that a push costs the same after ten thousand of them."""
    arguments = ["repack", "--geometric=2", "-d", "-q"]
    try:
        finished = await run(arguments, directory=directory, variables=environment(), deadline=_TIDY_SECONDS)
        if finished.status:
            raise explain(finished, "git repack")
    except TrimtabError as error:  # it is only slower, and tried again after the next fetch
        logs.get(__name__).warning("mirror not tidied", mirror=directory.name, cause=str(error))


async def _make(directory: Path) -> None:
    """An empty bare repository, whole or not at all."""
    beside = directory.with_name(directory.name + ".new")
    for path in (beside, directory):
        await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
    beside.parent.mkdir(parents=True, exist_ok=True)
    arguments = ["init", "--quiet", "--bare", "--template=", "--initial-branch=main", "--end-of-options", str(beside)]
    finished = await run(arguments, variables=environment(), deadline=30)
    if finished.status:
        raise explain(finished, f"Making a mirror in {directory}")
    beside.rename(directory)


@contextlib.asynccontextmanager
async def _writing(directory: Path) -> AsyncGenerator[None]:
    """Tell of a disk that is full, read-only or gone. Raises GitError."""
    try:
        yield
    except OSError as error:
        remedy = "Free space there." if error.errno == errno.ENOSPC else ""
        raise GitError(f"The mirror in {directory} cannot be written: {error.strerror}.", remedy=remedy) from None


@contextlib.contextmanager
def _counted(kind: str) -> Generator[None]:
    """Count a question to a Git server by its outcome."""
    try:
        yield
    except BaseException:
        FETCHES.labels(kind, "failed").inc()
        raise
    FETCHES.labels(kind, "ok").inc()
