"""What kinds the server has: aggregated discovery (KEP-3352) in two requests, or one request a group where a server lacks it.

"Could not read is never empty": a group whose document is stale, or could not be read, keeps what was last known of it for display,
but asking for one of its kinds raises. A kind that is absent (None) is absent by a complete and current answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct

from trimtab.cluster.client import Client
from trimtab.cluster.errors import NotFoundError, ServerFailedError
from trimtab.cluster.resources import Resource, split_api_version
from trimtab.core import digests
from trimtab.core.errors import ApiError, UnavailableError

_AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)


T = TypeVar("T")


class _Kind(Struct, frozen=True, rename="camel"):
    group: str = ""
    version: str = ""
    kind: str = ""


class _Subresource(Struct, frozen=True, rename="camel"):
    subresource: str
    response_kind: _Kind | None = None


class _Resource(Struct, frozen=True, rename="camel"):
    resource: str
    response_kind: _Kind | None = None
    scope: str = ""
    verbs: tuple[str, ...] = ()
    subresources: tuple[_Subresource, ...] = ()


class _Version(Struct, frozen=True):
    version: str
    resources: tuple[_Resource, ...] = ()
    freshness: str = "Current"


class _Name(Struct, frozen=True):
    name: str = ""


class _Group(Struct, frozen=True):
    metadata: _Name = _Name()
    versions: tuple[_Version, ...] = ()


class _GroupList(Struct, frozen=True):
    kind: str = ""
    items: tuple[_Group, ...] = ()


class _OldVersion(Struct, frozen=True, rename="camel"):
    group_version: str


class _OldGroup(Struct, frozen=True):
    name: str
    versions: tuple[_OldVersion, ...] = ()


class _OldRoot(Struct, frozen=True):
    """/apis (groups) and /api (versions) as they were before aggregation."""

    groups: tuple[_OldGroup, ...] = ()
    versions: tuple[str, ...] = ()


class _OldResource(Struct, frozen=True):
    name: str
    kind: str
    namespaced: bool = False
    verbs: tuple[str, ...] = ()


class _OldResources(Struct, frozen=True):
    resources: tuple[_OldResource, ...] = ()


class ServerVersion(Struct, frozen=True, rename="camel"):
    """/version: `v1.34.4`, `1`, `34` (some providers write `34+`)."""

    git_version: str = ""
    major: str = ""
    minor: str = ""


class GroupVersion(Struct, frozen=True):
    """One version of one group: its resources, and whether they are known to be current (`trouble` says why not)."""

    group: str
    version: str
    resources: tuple[Resource, ...] = ()
    trouble: str = ""
    kinds: frozenset[str] = frozenset()
    """The kinds of its resources and of their subresources (`Scale`, `Eviction` …)."""

    @property
    def api_version(self) -> str:
        """`v1` or `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version


class Discovery:
    """The kinds of one server. Call `refresh()` before anything else, and whenever a CRD or APIService changes."""

    def __init__(self, client: Client, *, at_most_every: float = 5.0) -> None:
        self._client = client
        self._at_most_every = at_most_every
        self._lock = asyncio.Lock()
        self._refreshed: float | None = None
        self._versions: tuple[GroupVersion, ...] = ()
        self._by_kind: dict[tuple[str, str], Resource] = {}
        self._by_version: dict[str, tuple[GroupVersion, ...]] = {}
        self._digest = ""
        self._server = ServerVersion()

    @property
    def kube_version(self) -> str:
        """The server's version, as `v1.34.4`."""
        return self._server.git_version

    @property
    def digest(self) -> str:
        """Changes whenever a kind comes, goes or changes."""
        return self._digest

    @property
    def troubles(self) -> dict[str, str]:
        """The group versions of which nothing current is known, and why."""
        return {version.api_version: version.trouble for version in self._versions if version.trouble}

    def resources(self) -> tuple[Resource, ...]:
        """Every kind at every version, in the server's order of preference within a group."""
        return tuple(resource for version in self._versions for resource in version.resources)

    def api_versions(self) -> tuple[str, ...]:
        """As Helm's `.Capabilities.APIVersions`: `v1`, `apps/v1`, `apps/v1/Deployment` …, sorted. Stale groups as last known."""
        known = {version.api_version for version in self._versions}
        return tuple(sorted(known | {f"{version.api_version}/{kind}" for version in self._versions for kind in version.kinds}))

    def find(self, api_version: str, kind: str) -> Resource | None:
        """The kind at that version; None where the server has no such one. Raises UnavailableError where that is not known."""
        self._need_refreshed()
        found = self._by_kind.get((api_version, kind))
        self._need_current(self._by_version.get(api_version, ()))
        return found

    def by_kind(self, group: str, kind: str) -> Resource | None:
        """The kind at the version that the server prefers. Raises UnavailableError as `find` does."""
        self._need_refreshed()
        for version in self._versions:
            if version.group == group:
                self._need_current((version,))
                found = self._by_kind.get((version.api_version, kind))
                if found is not None:
                    return found
        return None

    async def find_fresh(self, api_version: str, kind: str) -> Resource | None:
        """As `find`; an unknown kind, or a stale group, is looked for once more, at most every `at_most_every` seconds."""
        try:
            found = self.find(api_version, kind) if self._refreshed is not None else None
        except UnavailableError:
            found = None
        if found is None:
            await self._refresh_if_old()
            found = self.find(api_version, kind)
        return found

    async def refresh(self) -> None:
        """Ask the server anew; what is known stays as it is when this raises."""
        async with self._lock:
            await self._refresh()

    async def _refresh_if_old(self) -> None:
        async with self._lock:
            if self._refreshed is None or self._client.clock.monotonic() - self._refreshed >= self._at_most_every:
                await self._refresh()

    async def _refresh(self) -> None:
        started = self._client.clock.monotonic()
        core, groups, version = await asyncio.gather(
            self._root("/api"), self._root("/apis"), self._client.request("GET", "/version", verb="discover")
        )
        last = {known.api_version: known for known in self._versions}
        self._versions = tuple(_or_last_known(found, last) for found in (*core, *groups))
        self._by_version = {known.api_version: (known,) for known in self._versions}
        self._by_kind = {(resource.api_version, resource.kind): resource for resource in reversed(self.resources())}
        self._server = msgspec.json.decode(version.body, type=ServerVersion)
        self._digest = digests.digest_of([self.kube_version, [_facts(known) for known in self._versions]])
        self._refreshed = started

    async def _root(self, path: str) -> list[GroupVersion]:
        """All group versions under /api or /apis."""
        answer = await self._client.request("GET", path, accept=_AGGREGATED, compressed=True, verb="discover")
        if "apidiscovery.k8s.io" in answer.headers.get("Content-Type", ""):
            return [known for group in _read(answer.body, _GroupList, path).items for known in _aggregated(group)]
        root = _read(answer.body, _OldRoot, path)
        names = list(root.versions) if path == "/api" else [version.group_version for group in root.groups for version in group.versions]
        return list(await asyncio.gather(*(self._one(f"{path}/{name}", name) for name in names)))

    async def _one(self, path: str, api_version: str) -> GroupVersion:
        """One group version, from a server without aggregated discovery; its failure is its own."""
        group, version = split_api_version(api_version)
        try:
            answer = await self._client.request("GET", path, verb="discover")
            listed = _read(answer.body, _OldResources, path).resources
        except (ServerFailedError, NotFoundError) as error:
            return GroupVersion(group, version, trouble=str(error))
        return GroupVersion(group, version, _unaggregated(group, version, listed), kinds=frozenset(r.kind for r in listed))

    def _need_refreshed(self) -> None:
        if self._refreshed is None:
            raise UnavailableError(f"The kinds of {self._client.connection.server} are not known yet.")

    def _need_current(self, versions: Iterable[GroupVersion]) -> None:
        for version in versions:
            if version.trouble:
                raise UnavailableError(
                    f"The kinds of {version.api_version} at {self._client.connection.server} are not known at present: {version.trouble}",
                    remedy=f"See: kubectl get apiservice {version.version}.{version.group}",
                )


def _aggregated(group: _Group) -> list[GroupVersion]:
    name = group.metadata.name
    return [
        GroupVersion(
            name,
            version.version,
            tuple(
                Resource(
                    name,
                    version.version,
                    listed.response_kind.kind,
                    listed.resource,
                    listed.scope == "Namespaced",
                    frozenset(listed.verbs),
                    frozenset(sub.subresource for sub in listed.subresources),
                )
                for listed in version.resources
                if listed.response_kind and listed.response_kind.kind
            ),
            "" if version.freshness == "Current" else "its server does not answer, so its document is stale.",
            _kinds(version.resources),
        )
        for version in group.versions
    ]


def _kinds(listed: tuple[_Resource, ...]) -> frozenset[str]:
    parts: list[_Resource | _Subresource] = [*listed, *(part for resource in listed for part in resource.subresources)]
    return frozenset(part.response_kind.kind for part in parts if part.response_kind and part.response_kind.kind)


def _unaggregated(group: str, version: str, listed: tuple[_OldResource, ...]) -> tuple[Resource, ...]:
    subresources: Mapping[str, set[str]] = {resource.name: set() for resource in listed if "/" not in resource.name}
    for resource in listed:
        parent, _, name = resource.name.partition("/")
        if name and parent in subresources:
            subresources[parent].add(name)
    return tuple(
        Resource(group, version, r.kind, r.name, r.namespaced, frozenset(r.verbs), frozenset(subresources[r.name]))
        for r in listed
        if "/" not in r.name
    )


def _or_last_known(found: GroupVersion, last: Mapping[str, GroupVersion]) -> GroupVersion:
    """A version in trouble keeps the resources that were last read of it."""
    if found.trouble and not found.resources and found.api_version in last:
        known = last[found.api_version]
        return GroupVersion(found.group, found.version, known.resources, found.trouble, known.kinds)
    return found


def _facts(version: GroupVersion) -> list[object]:
    resources = sorted((r.kind, r.plural, r.namespaced, sorted(r.verbs), sorted(r.subresources)) for r in version.resources)
    return [version.api_version, bool(version.trouble), resources, sorted(version.kinds)]


def _read(body: bytes, kind: type[T], path: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise ApiError(f"The answer to {path} is no discovery document.") from error
