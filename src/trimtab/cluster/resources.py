"""What a kind is called, where it lives, and what may be done with it: the client's address book entry."""

from __future__ import annotations

from urllib.parse import quote

from msgspec import Struct


class Resource(Struct, frozen=True, gc=False):
    """One kind at one version, as discovery tells it.

    `group` is "" for the core group; `plural` is the name in the URL; `verbs` are those of discovery (`get`, `watch`, `patch` …);
    `subresources` are names such as `status` and `scale`.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()
    subresources: frozenset[str] = frozenset()

    @property
    def api_version(self) -> str:
        """`v1` or `apps/v1`: what stands in a manifest."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path, percent-encoded: of the collection without a name. A cluster-scoped kind ignores the namespace."""
        path = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if self.namespaced and namespace:
            path += f"/namespaces/{quote(namespace, safe='')}"
        path += f"/{self.plural}"
        if name:
            path += f"/{quote(name, safe='')}"
        return f"{path}/{subresource}" if subresource else path


def split_api_version(api_version: str) -> tuple[str, str]:
    """`apps/v1` as (`apps`, `v1`), `v1` as (``, `v1`)."""
    group, _, version = api_version.rpartition("/")
    return group, version


NAMESPACES = Resource("", "v1", "Namespace", "namespaces", namespaced=False)
LEASES = Resource("coordination.k8s.io", "v1", "Lease", "leases", namespaced=True)
EVENTS = Resource("events.k8s.io", "v1", "Event", "events", namespaced=True)
