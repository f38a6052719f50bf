"""The cluster's side of a command on a folder: what an owner applied and what lives, read once and not watched.

    situate ── the kept state, and the live objects of its inventory ── plan_for ── the same plan as the controller's

Nothing is written here. What cannot be read raises: a person waits for the answer, and a guess would be worse than an error.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter

from msgspec import Struct

from trimtab.api.application import ApplicationSpec, ValuesFrom
from trimtab.api.meta import LABEL
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.discovery import Discovery
from trimtab.cluster.errors import NotFoundError
from trimtab.cluster.resources import Resource
from trimtab.core.clock import Clock
from trimtab.core.errors import InputError
from trimtab.plan.compare import Seen
from trimtab.plan.inventory import Inventory, settle
from trimtab.plan.model import Key, Live
from trimtab.plan.owner import Owner
from trimtab.render.pool import Pool
from trimtab.render.request import Capabilities
from trimtab.sync.keeper import SECRETS, Keeper
from trimtab.sync.observe import observer
from trimtab.sync.planning import Planned, make_plan
from trimtab.sync.produce import KeyOf, Setting
from trimtab.sync.state import KeptSet, State

CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps", namespaced=True)


class Situation(Struct, frozen=True):
    """What a plan rests on beside the rendered objects."""

    owner: Owner
    state: State
    inventory: Inventory
    seen: Seen


async def situate(client: Client, discovery: Discovery, owner: Owner, *, noted: str = "") -> Situation:
    """What is kept of an owner, and what lives of it. `noted` is the inventory's digest in the Application's status, if there is one."""
    state = await Keeper(client, owner.namespace).load(owner) or State(owner.full)
    entries = {entry.key: entry for entry in state.inventory}
    seen = await snapshot(client, discovery, {key: entry.api_version for key, entry in entries.items()}, owner)
    return Situation(owner, state, settle(entries, seen.live, owner.full, noted), seen)


async def snapshot(client: Client, discovery: Discovery, wanted: Mapping[Key, str], owner: Owner) -> Seen:
    """What lives of these objects (key → apiVersion): one LIST a kind and namespace by our label, one GET for each that the list lacks.

    A kind that the server does not have (its definition is gone) is marked, and nothing is concluded about it, as under watches.
    """
    places = sorted((version, key.kind, key.namespace, key) for key, version in wanted.items())
    unserved: set[tuple[str, str]] = set()
    work = []
    for (version, kind, namespace), group in groupby(places, key=itemgetter(slice(3))):
        keys = [key for *_, key in group]
        resource = discovery.find(version, kind)
        if resource is None:
            unserved |= {(key.group, key.kind) for key in keys}
        else:
            work.append(_of_kind(client, resource, namespace, keys, owner))
    live: dict[Key, Live] = {}
    for found in await asyncio.gather(*work):
        live |= found
    return Seen(live, frozenset(unserved))


async def _of_kind(client: Client, resource: Resource, namespace: str, keys: list[Key], owner: Owner) -> dict[Key, Live]:
    observe = observer(resource)
    listed: dict[Key, Live] = {}
    async for page, _ in objects.list_pages(client, resource, namespace=namespace, label_selector=f"{LABEL}={owner.id}"):
        listed |= dict(map(observe, page))
    rest = await asyncio.gather(*(look(client, resource, key) for key in keys if key not in listed))
    return listed | {key: found for key, found in zip([k for k in keys if k not in listed], rest, strict=True) if found is not None}


async def look(client: Client, resource: Resource, key: Key) -> Live | None:
    """One object as it is now; None where there is none."""
    try:
        return observer(resource)(await objects.get(client, resource, key.namespace, key.name))[1]
    except NotFoundError:
        return None


def key_reader(client: Client, namespace: str) -> KeyOf:
    """Reads what `valuesFrom` names in ConfigMaps and Secrets: as it is now, one GET each."""

    async def read(wanted: ValuesFrom) -> str:
        ref = wanted.secret_key_ref or wanted.config_map_key_ref
        if ref is None:
            raise InputError("valuesFrom names neither a file, nor a ConfigMap, nor a Secret.")
        resource = SECRETS if wanted.secret_key_ref is not None else CONFIG_MAPS
        try:
            data = (await objects.get_json(client, resource, namespace, ref.name)).get("data") or {}
        except NotFoundError:
            data = {}
        if ref.key not in data and not ref.optional:
            raise InputError(f"{resource.kind} {namespace}/{ref.name} has no key {ref.key}, which valuesFrom names.")
        content: str = data.get(ref.key, "")
        return base64.b64decode(content).decode(errors="replace") if resource is SECRETS else content

    return read


def setting_for(discovery: Discovery, pool: Pool, worker_version: str, seed: bytes, clock: Clock) -> Setting:
    """What renders need beside their source, as this cluster is now."""

    def scope(api_version: str, kind: str) -> bool | None:
        resource = discovery.find(api_version, kind)
        return resource.namespaced if resource is not None else None

    capabilities = Capabilities.of(discovery.kube_version, discovery.api_versions())
    return Setting(pool, worker_version, capabilities, scope, seed, clock)


def plan_for(situation: Situation, spec: ApplicationSpec, wanted: KeptSet, *, lost: list[str], approved: str = "") -> Planned:
    """The local grade of the plan, made as the controller makes it."""
    return make_plan(
        situation.owner,
        spec,
        wanted,
        situation.inventory,
        situation.seen,
        previous=lambda: {d.key: d for d in situation.state.current.desired},
        revision="",
        lost=lost,
        approved=approved,
    )
