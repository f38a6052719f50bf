"""An independent witness: sees what lives by watches of its own, on a connection of its own, and tells when.

Nothing that the controller says of itself goes into a time that the demo prints. The witness's story: one task a kind follows the
objects that bear our label; each event is stamped with the wall clock when it arrives, and rings the signal.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
from msgspec import Struct

from trimtab.api.meta import LABEL, OWNER
from trimtab.cli.follow import Signal
from trimtab.cli.scope import Scope
from trimtab.cluster.client import Client
from trimtab.cluster.live import LiveStore
from trimtab.cluster.resources import NAMESPACES, Resource
from trimtab.cluster.watch import Reflector
from trimtab.plan.model import Key
from trimtab.plan.owner import application_of
from trimtab.sync.health import assess

DEPLOYMENTS = Resource("apps", "v1", "Deployment", "deployments", namespaced=True)
KINDS = (
    NAMESPACES,
    DEPLOYMENTS,
    *(Resource("", "v1", kind, kind.lower() + "s", namespaced=True) for kind in ("ConfigMap", "Service", "ServiceAccount")),
    *(Resource("", "v1", kind, kind.lower() + "s", namespaced=True) for kind in ("LimitRange", "ResourceQuota")),
    Resource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", namespaced=True),
    Resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", namespaced=True),
)
"""What the demo's four applications consist of."""


class Sighting(Struct, frozen=True):
    """One object as it was seen last."""

    application: str
    """`namespace/name` of the Application that its owner annotation names."""
    uid: str
    healthy: bool
    replicas: int | None
    ready: int
    """Ready pods of a Deployment of this very generation; 0 of anything else."""


class Witness:
    """What lives, and since when."""

    def __init__(self, client: Client, scope: Scope) -> None:
        self._client = client
        self._scope = scope
        self._seen: dict[Key, Sighting] = {}
        self._there_at: dict[Key, float] = {}
        self._healthy_at: dict[Key, float] = {}
        self.signal = Signal()

    async def watch(self) -> None:
        """Begin to watch; returns when every kind is followed."""
        reflectors = [self._reflector(kind) for kind in KINDS]
        for reflector in reflectors:
            self._scope.start(f"witness {reflector.resource.plural}", reflector.run())
        for reflector in reflectors:
            await reflector.wait_synced()

    def seen(self, key: Key) -> Sighting | None:
        """The object as it was seen last; None where it does not live."""
        return self._seen.get(key)

    def there_since(self, application: str) -> list[float]:
        """The moments (seconds since the epoch) at which the objects of the application that live were first seen."""
        return self._times(self._there_at, application)

    def healthy_since(self, application: str) -> list[float]:
        """The moments at which those that live were first seen healthy."""
        return self._times(self._healthy_at, application)

    def _times(self, moments: dict[Key, float], application: str) -> list[float]:
        return [at for key, at in moments.items() if key in self._seen and self._seen[key].application == application]

    def _reflector(self, resource: Resource) -> Reflector[Any]:
        store: LiveStore[Key, Sighting] = LiveStore(lambda raw: _sight(resource, raw), self._on_change)
        return Reflector(self._client, resource, label_selector=LABEL, handler=store)

    def _on_change(self, key: Key, _old: Sighting | None, new: Sighting | None) -> None:
        if new is None:
            self._seen.pop(key, None)
            self._there_at.pop(key, None)
            self._healthy_at.pop(key, None)
        else:
            self._seen[key] = new
            self._there_at.setdefault(key, time.time())
            if new.healthy:
                self._healthy_at.setdefault(key, time.time())
        self.signal.ring()


def _sight(resource: Resource, raw: bytes) -> tuple[Key, Sighting]:
    live = msgspec.json.decode(raw, type=dict[str, Any])
    live.setdefault("kind", resource.kind)
    live.setdefault("apiVersion", resource.api_version)
    metadata, spec, status = live["metadata"], live.get("spec") or {}, live.get("status") or {}
    current = status.get("observedGeneration") == metadata.get("generation")
    sighting = Sighting(
        application=application_of((metadata.get("annotations") or {}).get(OWNER, "")),
        uid=metadata["uid"],
        healthy=assess(live).status == "Healthy",
        replicas=spec.get("replicas"),
        ready=status.get("readyReplicas", 0) if current else 0,
    )
    return Key(resource.group, resource.kind, metadata.get("namespace", ""), metadata["name"]), sighting
