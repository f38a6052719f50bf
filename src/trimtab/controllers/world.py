"""What all reconcilers share: one cluster, one pool of renderers, one installation, and the registries that connect them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from trimtab.api.application import Application
from trimtab.api.repository import Repository
from trimtab.cluster.client import Client
from trimtab.cluster.discovery import Discovery
from trimtab.cluster.events import EventRecorder
from trimtab.cluster.live import LiveStore
from trimtab.controllers.documents import Documents
from trimtab.controllers.own import Read
from trimtab.core.clock import Clock
from trimtab.core.queue import WorkQueue
from trimtab.render.pool import Pool
from trimtab.render.request import Capabilities
from trimtab.sync.authority import Authority
from trimtab.sync.installation import Installation
from trimtab.sync.keeper import Keeper
from trimtab.sync.live import Watches
from trimtab.sync.produce import Setting


class World(Struct):
    """Handed to every reconciler; made once by the manager."""

    client: Client
    discovery: Discovery
    installation: Installation
    namespace: str
    """The control namespace: where our own resources and the kept states are."""
    clock: Clock
    chance: Callable[[], float]
    group: asyncio.TaskGroup
    pool: Pool
    worker_version: str
    directory: Path
    """Where mirrors are kept; can be thrown away at any time."""
    documents: Documents
    keeper: Keeper
    watches: Watches
    events: EventRecorder
    authority: Authority
    applications: LiveStore[str, Read[Application]]
    repositories: LiveStore[str, Read[Repository]]
    application_queue: WorkQueue[str]
    repository_queue: WorkQueue[str]

    def setting(self) -> Setting:
        """What a render needs beside its source, as the cluster is now."""
        return Setting(
            pool=self.pool,
            worker_version=self.worker_version,
            capabilities=self._capabilities(),
            scope=self._scope,
            seed=self.installation.seed,
            clock=self.clock,
        )

    def kinds_changed(self) -> None:
        """Discovery says something else now: wake every application; each finds out for itself, without a request, whether it matters."""
        for application, _ in self.applications.items():  # ruff: ignore[incorrect-dict-iterator]  a live store is no dict
            self.application_queue.add(application)

    def _capabilities(self) -> Capabilities:
        return capabilities_of(self.discovery)

    def _scope(self, api_version: str, kind: str) -> bool | None:
        resource = self.discovery.find(api_version, kind)
        return resource.namespaced if resource is not None else None


_known: dict[str, Capabilities] = {}


def capabilities_of(discovery: Discovery) -> Capabilities:
    """What templates may ask of the cluster; worked out once for each state of discovery."""
    if discovery.digest not in _known:
        _known.clear()
        _known[discovery.digest] = Capabilities.of(discovery.kube_version, discovery.api_versions())
    return _known[discovery.digest]
