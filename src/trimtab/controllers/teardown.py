"""Deleting an Application: from the inventory alone, for Git may be gone.

`deletionPolicy: Delete` deletes what we applied, with uid preconditions, in reverse order. Data-bearing objects are kept and named:
volumes and their claims, definitions with instances, and a Namespace unless it was ours and nothing of others is in it. The finalizer
goes only when the rest has gone, and always can: an object that is gone already, or somebody else's by now, is no obstacle.
"""

from __future__ import annotations

from trimtab.api.application import Application
from trimtab.api.meta import FINALIZER
from trimtab.cluster import objects
from trimtab.cluster.errors import NotFoundError
from trimtab.controllers.memory import Memory
from trimtab.controllers.own import APPLICATIONS, MANAGER, reference
from trimtab.controllers.result import Done, Result, Retry
from trimtab.controllers.world import World
from trimtab.core.digests import canonical
from trimtab.core.errors import UnavailableError
from trimtab.plan.model import Action, Entry, Key
from trimtab.plan.order import deletion_order
from trimtab.sync.carry import carry_out
from trimtab.sync.deletable import kept_back
from trimtab.sync.writer import Writer


async def ensure_finalizer(world: World, application: Application) -> None:
    """Put our finalizer on an Application before anything is applied for it."""
    if FINALIZER not in application.metadata.finalizers:
        await _finalizers(world, application, [*application.metadata.finalizers, FINALIZER])


async def tear_down(world: World, application: Application, memory: Memory) -> Result:
    """Delete (or leave) the objects, then the kept state, then the finalizer."""
    kept: dict[Key, str] = {}
    if application.spec.deletion_policy == "Delete":
        kept = await kept_back(world.client, world.discovery, list(memory.inventory.values()))
        remaining = await _delete(world, memory, [e for e in memory.inventory.values() if e.key not in kept])
        if remaining:
            waiting = UnavailableError(f"Waiting for {remaining[0].key} to go ({len(remaining)} left).")
            return Retry(waiting, at_least=1.0)
    if kept:
        names = "; ".join(f"{key} ({why})" for key, why in sorted(kept.items()))
        world.events.record(
            reference(APPLICATIONS, application.metadata), type="Normal", reason="Kept", message=f"Kept at deletion: {names}."
        )
    await world.keeper.drop(memory.owner)
    await _finalizers(world, application, [f for f in application.metadata.finalizers if f != FINALIZER])
    return Done()


async def _delete(world: World, memory: Memory, entries: list[Entry]) -> list[Entry]:
    """One round of deletions, backwards; the entries whose objects are not gone yet."""
    order = deletion_order(entries)
    actions = [
        Action(
            "delete",
            entries[i].key,
            entries[i].api_version,
            "the Application is deleted",
            stage=-stage,
            uid=_uid(world, memory, entries[i]),
        )
        for stage, members in enumerate(order)
        for i in members
    ]
    writer = Writer(world.client, world.discovery, memory.owner, world.authority, purpose="Teardown")
    carried = await carry_out(actions, {}, memory.inventory, writer, superseded=lambda: False, barriers={}, ready=_never_waits)
    memory.inventory = carried.inventory
    for failed in carried.failures:
        if isinstance(failed.error, UnavailableError):
            raise failed.error
    return [e for e in entries if e.key in memory.inventory]


def _uid(world: World, memory: Memory, entry: Entry) -> str:
    """The uid to delete: the inventory's; of a pending entry the live object's, where it carries our owner annotation."""
    if entry.uid:
        return entry.uid
    live = world.watches.get(entry.api_version, entry.key)
    return live.uid if live is not None and live.owner == memory.owner.full else "never-created"


async def _never_waits(_: object) -> bool:
    return True


async def _finalizers(world: World, application: Application, finalizers: list[str]) -> None:
    """Write the list of finalizers, under the uid: a namesake that came meanwhile is another Application."""
    metadata = application.metadata
    patch = {"metadata": {"uid": metadata.uid, "finalizers": finalizers, "resourceVersion": metadata.resource_version}}
    try:
        await objects.merge_patch(world.client, APPLICATIONS, metadata.namespace, metadata.name, canonical(patch), manager=MANAGER)
    except NotFoundError:
        return
