"""Kinds come and go: a change of a CustomResourceDefinition or an APIService refreshes discovery and wakes whom it concerns.

Whom it concerns, each application finds out for itself: one with an object that could not be used, and one whose templates asked about a
kind whose answer has changed. Nobody else renders again because somebody installed an operator.
"""

from __future__ import annotations

import asyncio

from trimtab.cluster.live import LiveStore
from trimtab.cluster.metadata import read_partial
from trimtab.cluster.resources import Resource
from trimtab.cluster.watch import Reflector
from trimtab.controllers.world import World
from trimtab.core import logs, tasks
from trimtab.core.errors import ApiError

DEFINITIONS = Resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False)
SERVICES = Resource("apiregistration.k8s.io", "v1", "APIService", "apiservices", namespaced=False)
PAUSES = (0.2, 1.0, 3.0)
"""Seconds before discovery is read after a change, and read again: the server serves a new kind some time after it has its definition."""


class Kinds:
    """Watches definitions and services, by their metadata alone."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._changed = asyncio.Event()
        self._told = world.discovery.digest
        """The state of discovery that applications know of; others refresh it, too."""

    async def run(self) -> None:
        """Watch, for ever."""
        for resource in (DEFINITIONS, SERVICES):
            store: LiveStore[str, int] = LiveStore(_generation, self._on_change)
            reflector = Reflector(
                self._world.client,
                resource,
                handler=store,
                clock=self._world.clock,
                chance=self._world.chance,
                metadata_only=True,
            )
            tasks.spawn(self._world.group, f"watch {resource.plural}", reflector.run())
        while True:
            await self._changed.wait()
            self._changed.clear()
            for pause in PAUSES:
                await self._world.clock.sleep(pause)
                await self._refresh()

    def _on_change(self, _key: str, _old: int | None, _new: int | None) -> None:
        self._changed.set()

    async def _refresh(self) -> None:
        try:
            await self._world.discovery.refresh()
        except ApiError as error:
            logs.get(__name__).warning("the kinds of the cluster could not be read", error=str(error))
            self._changed.set()
            await self._world.clock.sleep(5.0)
            return
        if self._world.discovery.digest != self._told:
            self._told = self._world.discovery.digest
            self._world.kinds_changed()


def _generation(raw: bytes) -> tuple[str, int]:
    metadata = read_partial(raw).metadata
    return metadata.name, metadata.generation
