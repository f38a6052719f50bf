"""Repository: fetch, and wake exactly the applications that the new commit can concern.

A reconcile: the remote is made from the spec and its Secret; the mirror resolves the ref (one question to the server; a fetch only if
the commit is new); the difference of the two trees against the index of what applications read gives those to wake; one status write
where something has changed. A failure keeps the last good revision in force.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import starmap

import msgspec

from trimtab.api.application import Source
from trimtab.api.meta import Condition, seconds, set_condition
from trimtab.api.repository import Repository, RepositoryRevision, RepositoryStatus
from trimtab.controllers.own import REPOSITORIES, reference, write_status
from trimtab.controllers.result import Done, Result, Retry
from trimtab.controllers.world import World
from trimtab.core import logs
from trimtab.core.clock import rfc3339
from trimtab.core.errors import InputError, TrimtabError
from trimtab.git.errors import AuthenticationRefusedError
from trimtab.git.mirror import Mirror
from trimtab.git.reads import Read, ReadIndex
from trimtab.git.refs import Ref
from trimtab.git.remote import Remote, normalise_url
from trimtab.git.revision import Revision
from trimtab.git.transport import MirrorLimits
from trimtab.sync.produce import Tree


class _Known:
    """What is known of one Repository: its mirror, its revision in force, who reads what of it, the commits they use."""

    def __init__(self, mirror: Mirror, made_from: str) -> None:
        self.mirror = mirror
        self.made_from = made_from
        self.revision: Revision | None = None
        self.hint = ""
        self.used: dict[str, str] = {}


class Repositories:
    """The reconciler of Repository, and the registry of trees for the applications."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, _Known] = {}
        self._indexes: dict[str, ReadIndex[str]] = {}
        self._statuses: dict[str, RepositoryStatus] = {}
        self._troubles: dict[str, str] = {}

    async def reconcile(self, key: str) -> Result:
        """Bring one Repository up to date."""
        read = self._world.repositories.get(key)
        if read is None:
            return await self._forget(key)
        if read.value is None:
            return Done()
        repository = read.value
        if repository.spec.suspend:
            return Done()
        try:
            known = await self._mirror(key, repository)
            hint, known.hint = known.hint, ""
            known.mirror.retain(set(known.used.values()))
            revision = await known.mirror.resolve(_ref(repository), oid_hint=hint)
            await self._advance(key, known, revision)
        except TrimtabError as error:
            await self._failed(key, repository, error)
            return Retry(error, at_least=min(seconds(repository.spec.interval), 15.0))
        await self._succeeded(key, repository, revision)
        return Done(again_after=seconds(repository.spec.interval) * (0.95 + 0.1 * self._world.chance()))

    def tree(self, key: str) -> Tree | None:
        """The revision in force; None while nothing has been fetched."""
        known = self._known.get(key)
        if known is None or known.revision is None:
            return None
        revision = known.revision
        return Tree(key.rpartition("/")[2], revision.name, revision.commit, revision.tree, known.mirror.objects)

    async def tree_at(self, key: str, commit: str) -> Tree:
        """The repository at another commit (a rollback). Raises UnavailableError, InputError when it is not there."""
        known = self._known.get(key)
        if known is None:
            raise InputError(f"Repository {key} does not exist.")
        try:
            revision = await known.mirror.revision(commit)
        except TrimtabError:
            await known.mirror.fetch("", commit)
            revision = await known.mirror.revision(commit)
        return Tree(key.rpartition("/")[2], revision.name, commit, revision.tree, known.mirror.objects)

    def distrust(self, namespace: str) -> None:
        """An object that should be in a mirror could not be read: examine the mirrors, and fetch again."""
        for key, known in self._known.items():
            if key.startswith(f"{namespace}/"):
                known.mirror.distrust()
                self._world.repository_queue.add(key)

    def trouble(self, key: str) -> str:
        """Why the repository cannot be read at present; empty when it can."""
        return self._troubles.get(key, "")

    def note_reads(self, key: str, application: str, reads: Iterable[tuple[str, str, str]], commit: str) -> None:
        """What an application read, so that only commits that concern it wake it; and the commit that it still uses."""
        index = self._indexes.setdefault(key, ReadIndex())
        index.put(application, starmap(Read, reads))
        known = self._known.get(key)
        if known is not None:
            known.used[application] = commit

    def forget_application(self, application: str) -> None:
        """An application is gone, or reads other repositories now."""
        for index in self._indexes.values():
            index.remove(application)
        for known in self._known.values():
            known.used.pop(application, None)

    def pushed(self, urls: Iterable[str], commit: str) -> int:
        """A webhook says that something was pushed: look at once. How many Repositories that concerns."""
        wanted = {normalise_url(url) for url in urls}
        concerned = [key for key, read in self._world.repositories.items() if read.value and normalise_url(read.value.spec.url) in wanted]
        for key in concerned:
            known = self._known.get(key)
            if known is not None:
                known.hint = commit
            self._world.repository_queue.add(key, first=True)
        return len(concerned)

    async def close(self) -> None:
        """End the mirrors' processes."""
        for known in self._known.values():
            await known.mirror.close()

    async def _mirror(self, key: str, repository: Repository) -> _Known:
        """The mirror, made anew when spec or credentials have changed."""
        known = self._known.get(key)
        wish = f"{repository.metadata.uid}/{repository.metadata.generation}"
        if known is not None and known.made_from == wish and not self._troubles.get(key):
            return known
        remote = await self._remote(key, repository)
        if known is not None and known.mirror.remote == remote:
            known.made_from = wish
            return known
        directory = self._world.directory / "mirrors" / hashlib.sha256(f"{key}\n{remote.url}".encode()).hexdigest()[:20]
        limits = msgspec.structs.replace(MirrorLimits(), fetch_seconds=seconds(repository.spec.timeout))
        fresh = _Known(Mirror(directory, remote, clock=self._world.clock, limits=limits), wish)
        if known is not None:
            await known.mirror.close()
            fresh.used = known.used
            if directory == known.mirror.directory:  # other credentials alone: what was fetched stays in force
                fresh.revision = known.revision
        self._known[key] = fresh
        return fresh

    async def _remote(self, key: str, repository: Repository) -> Remote:
        data: dict[str, str] = {}
        ref = repository.spec.secret_ref
        if ref is not None:
            where = f"Secret {repository.metadata.namespace}/{ref.name}"
            found = await self._world.documents.read("Secret", ref.name, f"repository {key}", lambda: self._renew(key))
            if found is None:
                raise InputError(f"{where}, which Repository {repository.metadata.name} names, does not exist.")
            data = {k: v.decode(errors="replace").strip("\r\n") for k, v in found.data.items()}
        return Remote(
            url=repository.spec.url,
            username=data.get("username", ""),
            password=data.get("password", ""),
            bearer=data.get("bearerToken", ""),
            ssh_private_key=data["identity"] + "\n" if "identity" in data else "",
            known_hosts=data["known_hosts"] + "\n" if "known_hosts" in data else "",
            ca=data.get("ca.crt", ""),
        )

    def _renew(self, key: str) -> None:
        """The credentials have changed: make the remote anew."""
        known = self._known.get(key)
        if known is not None:
            known.made_from = ""
        self._world.repository_queue.add(key)

    async def _advance(self, key: str, known: _Known, revision: Revision) -> None:
        """Put a revision in force and wake whom it concerns."""
        old, known.revision = known.revision, revision
        self._troubles.pop(key, None)
        if old is None:
            for application in self._referring(key):
                self._world.application_queue.add(application)
        elif old.tree != revision.tree:
            index = self._indexes.get(key)
            changes = await known.mirror.changes(old.tree, revision.tree)
            for application in index.concerned(changes) if index is not None else ():
                self._world.application_queue.add(application)

    def _referring(self, key: str) -> list[str]:
        """The applications whose sources name this Repository."""
        namespace, _, name = key.partition("/")
        return [
            application
            for application, read in self._world.applications.items()
            if read.value is not None and read.metadata.namespace == namespace and name in repositories_of(read.value.spec.sources)
        ]

    async def _succeeded(self, key: str, repository: Repository, revision: Revision) -> None:
        shown = RepositoryRevision(revision.name, revision.commit, revision.author, revision.subject[:200], rfc3339(revision.committed_at))
        message = f"{revision.short} is in force."
        await self._write(key, repository, Condition("Ready", "True", "Fetched", message), shown)

    async def _failed(self, key: str, repository: Repository, error: TrimtabError) -> None:
        known = self._known.get(key)
        revision = known.revision if known is not None else None
        rest = f" Last good revision {revision.commit[:7]} stays in force." if revision is not None else ""
        message = f"Repository {key}: {_told(repository, error)}{rest}"
        self._troubles[key] = message
        logs.get(__name__).warning("repository cannot be read", repository=key, error=str(error))
        if revision is None:
            for application in self._referring(key):
                self._world.application_queue.add(application)
        await self._write(key, repository, Condition("Ready", "False", error.reason, message), None)

    async def _write(self, key: str, repository: Repository, ready: Condition, revision: RepositoryRevision | None) -> None:
        """One status write, where something changed; and an Event when it fails or recovers."""
        old = self._statuses.get(key, repository.status)
        now = rfc3339(self._world.clock.now())
        placed = msgspec.structs.replace(ready, observed_generation=repository.metadata.generation)
        new = RepositoryStatus(repository.metadata.generation, revision or old.revision, set_condition(old.conditions, placed, now))
        if new == old:
            return
        self._statuses[key] = new
        was = next((c.status for c in old.conditions if c.type == "Ready"), "")
        if was != ready.status and (was or ready.status == "False"):
            about = reference(REPOSITORIES, repository.metadata)
            self._world.events.record(
                about, type="Normal" if ready.status == "True" else "Warning", reason=ready.reason, message=ready.message
            )
        await write_status(self._world.client, REPOSITORIES, repository.metadata, new)

    async def _forget(self, key: str) -> Result:
        known = self._known.pop(key, None)
        self._statuses.pop(key, None)
        self._troubles.pop(key, None)
        self._world.documents.forget(f"repository {key}")
        if known is not None:
            await known.mirror.close()
            for application in self._referring(key):
                self._world.application_queue.add(application)
        return Done()


def _told(repository: Repository, error: TrimtabError) -> str:
    """The error; a refused authentication with the Secret whose credentials were refused."""
    secret = repository.spec.secret_ref
    if secret is None or not isinstance(error, AuthenticationRefusedError):
        return str(error)
    return f"{error.sentence.removesuffix('.')} (secret {secret.name})."


def repositories_of(sources: Iterable[Source]) -> set[str]:
    """The names of all Repositories that sources name, those of values files included."""
    names: set[str] = set()
    for source in sources:
        names.add(source.repository_ref.name)
        helm = source.helm
        for wanted in helm.values_from if helm is not None else ():
            if wanted.file_ref is not None and wanted.file_ref.repository_ref is not None:
                names.add(wanted.file_ref.repository_ref.name)
    return names


def _ref(repository: Repository) -> Ref:
    ref = repository.spec.ref
    return Ref(**{k: v for k, v in msgspec.structs.asdict(ref).items() if v})
