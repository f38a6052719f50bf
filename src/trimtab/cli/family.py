"""The live objects of an Application and their children, read by one list a kind: for `trimtab tree`.

Children are found by ownerReferences, whoever made them; an old ReplicaSet that has no pods is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from trimtab.api.meta import LABEL
from trimtab.cli.inventory import Inventory
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.discovery import Discovery
from trimtab.cluster.errors import NotFoundError
from trimtab.cluster.resources import Resource
from trimtab.plan.model import Entry, Key
from trimtab.sync.health import MISSING, Health, assess, children_of
from trimtab.sync.observe import key_of

Object = dict[str, Any]


class Node(Struct, frozen=True):
    """One object: its key, its health, and those that it owns."""

    key: Key
    health: Health
    children: tuple[Node, ...] = ()


async def read_family(client: Client, discovery: Discovery, inventory: Inventory, now: datetime) -> list[Node]:
    """A node for each entry of the inventory. Raises an ApiError where something cannot be read: it is then not known, not missing."""
    live = await _live(client, discovery, inventory)
    kin = await _kin(client, discovery, live.values())
    return [_node(entry.key, live.get(entry.key), kin, now) for entry in inventory.entries]


async def _live(client: Client, discovery: Discovery, inventory: Inventory) -> dict[Key, Object]:
    """One list a kind by our label; what the lists lack is asked for by name, for a label can be taken off."""
    kinds = {r for e in inventory.entries if (r := discovery.find(e.api_version, e.key.kind)) is not None}
    selector = f"{LABEL}={inventory.owner.id}" if inventory.owner is not None else ""
    lists = await asyncio.gather(*(_listed(client, resource, "", selector) for resource in kinds))
    live = {key_of(resource, item): item for resource, items in zip(kinds, lists, strict=True) for item in items}
    lacking = [e for e in inventory.entries if e.key not in live]
    found = await asyncio.gather(*(_get(client, discovery, entry) for entry in lacking))
    return live | {entry.key: item for entry, item in zip(lacking, found, strict=True) if item is not None}


async def _kin(client: Client, discovery: Discovery, live: Iterable[Object]) -> list[Object]:
    """Every object, in the namespaces of the workloads, of a kind that workloads have as children."""
    wanted = {
        (resource, item["metadata"].get("namespace", ""))
        for item in live
        for kind in children_of(item)
        if (resource := discovery.find(kind.api_version, kind.name)) is not None
    }
    lists = await asyncio.gather(*(_listed(client, resource, namespace, "") for resource, namespace in wanted))
    return [item for items in lists for item in items]


async def _listed(client: Client, resource: Resource, namespace: str, selector: str) -> list[Object]:
    items: list[Object] = []
    async for page, _ in objects.list_pages(client, resource, namespace=namespace, label_selector=selector):
        items += [_whole(resource, raw) for raw in page]
    return items


async def _get(client: Client, discovery: Discovery, entry: Entry) -> Object | None:
    resource = discovery.find(entry.api_version, entry.key.kind)
    if resource is None:
        return None
    try:
        return _whole(resource, await objects.get(client, resource, entry.key.namespace, entry.key.name))
    except NotFoundError:
        return None


def _whole(resource: Resource, raw: bytes) -> Object:
    """The object; items of a list do not say their kind."""
    return {"apiVersion": resource.api_version, "kind": resource.kind} | msgspec.json.decode(raw, type=Object)


def _node(key: Key, live: Object | None, kin: Sequence[Object], now: datetime) -> Node:
    if live is None:
        return Node(key, MISSING)
    children = [_node(_key(child), child, kin, now) for child in _owned(live, kin) if not _is_spent(child)]
    return Node(key, assess(live, children=kin, now=now), tuple(sorted(children, key=lambda node: node.key)))


def _owned(live: Object, kin: Sequence[Object]) -> list[Object]:
    uid = live["metadata"].get("uid")
    return [k for k in kin if uid in {o.get("uid") for o in k["metadata"].get("ownerReferences") or ()}]


def _is_spent(child: Object) -> bool:
    return child["kind"] == "ReplicaSet" and not child.get("spec", {}).get("replicas") and not child.get("status", {}).get("replicas")


def _key(item: Object) -> Key:
    group = item["apiVersion"].rpartition("/")[0]
    return Key(group, item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"])
