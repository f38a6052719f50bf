"""The inventory: what an application has applied, and so what it may delete. Pure.

An entry is written as pending (no uid) before a create. What became of it is read off the live object: by the owner annotation, and
for a whole inventory at once by `digest_of`, which the Application's status carries from after the apply. So one Secret write and
one status write make a plan durable, whatever its size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from trimtab.core.digests import digest
from trimtab.plan.model import Desired, Entry, Key, Live

Inventory = dict[Key, Entry]


def with_pending(inventory: Mapping[Key, Entry], desired: Iterable[Desired]) -> Inventory:
    """The inventory with a pending entry for each object that is to be created."""
    pending = {d.key: pending_entry(d) for d in desired if d.key not in inventory}
    return {**inventory, **pending}


def pending_entry(desired: Desired) -> Entry:
    """The entry of an object that nobody has seen alive yet."""
    return Entry(desired.key, desired.api_version, "", desired.digest, "", desired.place, desired.wave, desired.prune)


def digest_of(entries: Iterable[Entry]) -> str:
    """A digest over keys, uids, bodies and projections, in the order of the keys."""
    rows = sorted(f"{e.key}|{e.api_version}|{e.uid}|{e.body}|{e.projection}" for e in entries)
    return digest("\n".join(rows).encode())


def settle(inventory: Mapping[Key, Entry], live: Mapping[Key, Live], owner: str, expected: str) -> Inventory:
    """The inventory with its pending entries resolved from what lives.

    When all of it together has the digest that was noted after the last apply, each entry is as that apply left it. Otherwise a
    pending entry takes the uid of the live object that carries our owner annotation, and no projection, so that it is applied once
    more; one without such an object stays pending.
    """
    if all(e.uid for e in inventory.values()):
        return dict(inventory)
    as_left = {key: _seen(entry, live.get(key), trusted=True) for key, entry in inventory.items()}
    if expected and digest_of(as_left.values()) == expected:
        return as_left
    return {key: _seen(e, _ours(live.get(key), owner), trusted=False) for key, e in inventory.items()}


def _ours(live: Live | None, owner: str) -> Live | None:
    return live if live is not None and live.owner == owner else None


def _seen(entry: Entry, live: Live | None, *, trusted: bool) -> Entry:
    if entry.uid or live is None:
        return entry
    return msgspec.structs.replace(entry, uid=live.uid, projection=live.projection if trusted else "", made=live.alone)
