"""Carry out a folder's plan without a controller: the same writes, and the same kept state, so that a controller can take it up later.

    the installation, made where there is none ── pending entries kept ── writes, stage by stage ── entries kept ── health

There are no watches here: health is asked for, object by object, at a growing pace, and only of those that are not healthy yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec

from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.discovery import Discovery
from trimtab.cluster.errors import AlreadyExistsError, NotFoundError
from trimtab.cluster.resources import NAMESPACES
from trimtab.core.clock import Clock
from trimtab.core.errors import InputError, SupersededError
from trimtab.plan.inventory import Inventory, with_pending
from trimtab.plan.model import Desired, Key, Live
from trimtab.plan.owner import Owner
from trimtab.sync.authority import Authority
from trimtab.sync.carry import Awaiting, Carried, carry_out
from trimtab.sync.installation import Installation, find_or_make
from trimtab.sync.keeper import Keeper
from trimtab.sync.local import Situation, look
from trimtab.sync.planning import Planned
from trimtab.sync.state import KeptSet, State
from trimtab.sync.writer import Writer

HEALTHY = frozenset({"Healthy", "Suspended"})
FIRST_PAUSE, LAST_PAUSE = 0.05, 1.0
"""Seconds between two rounds of questions."""
QUIET = 2.0
"""Seconds before a wait is told of."""


async def establish(client: Client, owner: Owner, wanted: Installation, desired: Mapping[Key, Desired]) -> None:
    """Make sure that the installation is kept before anything bears its id. A namespace that is part of the plan is made for it.

    Raises InputError where the namespace is nobody's to make, SupersededError where another installation was made meanwhile.
    """
    chance, namespace = {4: bytes.fromhex(wanted.id), len(wanted.seed): wanted.seed}, owner.namespace
    try:
        found = await find_or_make(client, namespace, random=chance.__getitem__)
    except NotFoundError as error:
        if Key("", "Namespace", "", namespace) not in desired:
            raise InputError(f"There is no namespace {namespace}.", remedy="Make it:  --create-namespace") from error
        await _make_namespace(client, owner)
        found = await find_or_make(client, namespace, random=chance.__getitem__)
    if found.id != wanted.id:
        raise SupersededError(f"Another installation was made in namespace {namespace} meanwhile. Run the command again.")


async def _make_namespace(client: Client, owner: Owner) -> None:
    """The bare namespace, by the manager that applies it in a moment: so it counts as made by us."""
    body = msgspec.json.encode({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": owner.namespace}})
    try:
        await objects.create(client, NAMESPACES, "", body, manager=owner.manager)
    except AlreadyExistsError:
        return


def is_kept(situation: Situation, wanted: KeptSet, planned: Planned) -> bool:
    """Whether nothing is to be done, and what is kept says so already."""
    state, kept = situation.state, {entry.key: entry for entry in situation.state.inventory}
    same = wanted.key == state.current.key and situation.inventory == kept and not planned.forgotten
    return planned.plan.equal and (same or not (wanted.desired or kept))


async def carry(client: Client, discovery: Discovery, situation: Situation, wanted: KeptSet, planned: Planned, ready: Awaiting) -> Carried:
    """Carry a plan out and keep what came of it, as the controller does."""
    owner, state, keeper = situation.owner, situation.state, Keeper(client, situation.owner.namespace)
    await keeper.load(owner)  # to know its chunks: those that are left over are taken away
    good = state.current if state.current.key and state.current.key != wanted.key else state.good
    pending = with_pending(situation.inventory, [planned.desired[a.key] for a in planned.plan.actions if a.verb == "create"])
    await keeper.save(owner, State(owner.full, tuple(pending.values()), wanted, good))
    previous = {d.key: d for d in state.current.desired}
    writer = Writer(client, discovery, owner, Authority(), previous=previous.get)
    actions = [a for a in planned.plan.actions if a.verb != "keep"]
    carried = await carry_out(actions, planned.desired, pending, writer, superseded=lambda: False, barriers=planned.barriers, ready=ready)
    inventory: Inventory = {key: entry for key, entry in carried.inventory.items() if key not in planned.forgotten}
    await keeper.save(owner, State(owner.full, tuple(inventory.values()), wanted, good))
    return msgspec.structs.replace(carried, inventory=inventory)


class Patience:
    """Waits for health by asking. `tell` gets a line whenever what is waited for changes, after the first two seconds."""

    def __init__(
        self,
        client: Client,
        discovery: Discovery,
        versions: Mapping[Key, str],
        *,
        clock: Clock,
        seconds: float,
        tell: Callable[[str], None],
    ) -> None:
        self._client = client
        self._discovery = discovery
        self._versions = versions
        self._clock = clock
        self._seconds = seconds
        self._tell = tell
        self.unhealthy: dict[Key, str] = {}
        """What was not healthy when it was last looked at, each with why."""

    async def ready(self, keys: Sequence[Key]) -> bool:
        """Wait until all of these are healthy; False when the time is up."""
        return await self.healthy(keys, {})

    async def healthy(self, keys: Sequence[Key], known: Mapping[Key, Live]) -> bool:
        """The same, where some were just seen: only those that were not healthy then are looked at."""
        self.unhealthy = {key: why for key in keys if (why := _why(known.get(key)))}
        started, pause, said = self._clock.monotonic(), FIRST_PAUSE, ""
        while self.unhealthy:
            await self._look(list(self.unhealthy))
            waited = self._clock.monotonic() - started
            if self.unhealthy and waited >= self._seconds:
                return False
            if self.unhealthy and waited >= QUIET and (text := self._text()) != said:
                said = text
                self._tell(text)
            await self._clock.sleep(pause if self.unhealthy else 0.0)
            pause = min(2 * pause, LAST_PAUSE)
        await self._know_new_kinds(keys)
        return True

    async def _look(self, keys: Sequence[Key]) -> None:
        found = await asyncio.gather(*(self._live(key) for key in keys))
        told = {key: _why(live) for key, live in zip(keys, found, strict=True)}
        self.unhealthy = {key: why for key, why in told.items() if why}

    async def _live(self, key: Key) -> Live | None:
        resource = await self._discovery.find_fresh(self._versions[key], key.kind)
        return await look(self._client, resource, key) if resource is not None else None

    async def _know_new_kinds(self, keys: Sequence[Key]) -> None:
        if any(key.kind == "CustomResourceDefinition" for key in keys):
            await self._discovery.refresh()

    def _text(self) -> str:
        """What is waited for, in one line."""
        key, why = next(iter(self.unhealthy.items()))
        more = f" (and {len(self.unhealthy) - 1} more)" if len(self.unhealthy) > 1 else ""
        return f"waiting for {key}: {why}{more}"


def _why(live: Live | None) -> str:
    """Why an object is not healthy; "" where it is."""
    if live is None:
        return "is not there"
    return "" if live.health in HEALTHY else live.message or live.health.lower()
