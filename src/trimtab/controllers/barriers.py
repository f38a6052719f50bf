"""Waiting between two stages for objects to become healthy: by watching, pre-empted by anything newer, ended by the health timeout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from trimtab.api.application import Application
from trimtab.api.meta import seconds
from trimtab.controllers.world import World
from trimtab.plan.model import Desired, Key
from trimtab.sync.carry import Awaiting

STEP = 0.02
"""Seconds between two looks at the live index; no request is made."""


def barrier(world: World, application: Application, desired: Mapping[Key, Desired], superseded: Callable[[], bool]) -> Awaiting:
    """A function that waits until objects are healthy; False when that was given up."""
    timeout = seconds(application.spec.health.timeout)

    async def ready(keys: Sequence[Key]) -> bool:
        until = world.clock.monotonic() + timeout
        while not all(_healthy(world, desired[key]) for key in keys):
            if superseded() or world.clock.monotonic() >= until:
                return False
            await world.clock.sleep(STEP)
        if any(key.kind == "CustomResourceDefinition" for key in keys):
            await world.discovery.refresh()
        return True

    return ready


def _healthy(world: World, desired: Desired) -> bool:
    live = world.watches.get(desired.api_version, desired.key)
    return live is not None and live.health == "Healthy"
