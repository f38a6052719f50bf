"""What the deletion of an application leaves alive, because data or other people's objects would go with it (design: rule 2)."""

from __future__ import annotations

from collections.abc import Sequence

from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.discovery import Discovery
from trimtab.cluster.errors import NotFoundError
from trimtab.cluster.metadata import read_partial
from trimtab.cluster.resources import Resource
from trimtab.plan.budget import DATA, DEFINITION
from trimtab.plan.model import Entry, Key

VOLUMES = DATA - {("", "Namespace")}
COMES_BY_ITSELF = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
"""What Kubernetes puts into every namespace."""
IGNORED = {"events", "endpoints", "endpointslices", "replicasets", "pods", "controllerrevisions", "leases", "bindings", "podmetrics"}
"""Kinds that others derive from objects that are counted themselves."""


async def kept_back(client: Client, discovery: Discovery, entries: Sequence[Entry]) -> dict[Key, str]:
    """The entries that are kept, each with its reason. Raises an ApiError where what is inside cannot be read: then nothing is deleted."""
    kept: dict[Key, str] = {}
    ours = {e.key for e in entries}
    for entry in sorted(entries, key=lambda e: e.key.kind == "Namespace" and not e.key.group):
        why = await _reason(client, discovery, entry, ours - kept.keys())
        if why:
            kept[entry.key] = why
    return kept


async def _reason(client: Client, discovery: Discovery, entry: Entry, ours: set[Key]) -> str:
    at = (entry.key.group, entry.key.kind)
    if not entry.prune:
        return "kept by its own rule"
    if at in VOLUMES:
        return "holds data"
    if at == DEFINITION:
        return await _instances(client, discovery, entry, ours)
    if at == ("", "Namespace"):
        return await _strangers(client, discovery, entry, ours) if entry.made else "was there before"
    return ""


async def _instances(client: Client, discovery: Discovery, entry: Entry, ours: set[Key]) -> str:
    """Instances that are not ours keep their definition alive."""
    plural, _, group = entry.key.name.partition(".")
    for resource in discovery.resources():
        if (resource.plural, resource.group) == (plural, group):
            others = [key for key in await _keys(client, resource, "") if key not in ours]
            return f"has {len(others)} instances of others" if others else ""
    return ""


async def _strangers(client: Client, discovery: Discovery, entry: Entry, ours: set[Key]) -> str:
    """Objects of others in a namespace of ours; one list a kind, at deletion alone."""
    for resource in discovery.resources():
        if not resource.namespaced or "list" not in resource.verbs or resource.plural in IGNORED:
            continue
        for key in await _keys(client, resource, entry.key.name):
            if key not in ours and (key.kind, key.name) not in COMES_BY_ITSELF:
                return f"has {key} of others in it"
    return ""


async def _keys(client: Client, resource: Resource, namespace: str) -> list[Key]:
    """The keys of all objects that no other object owns."""
    keys: list[Key] = []
    try:
        async for page, _ in objects.list_pages(client, resource, namespace=namespace):
            for raw in page:
                metadata = read_partial(raw).metadata
                if not metadata.owner_references:
                    keys.append(Key(resource.group, resource.kind, metadata.namespace, metadata.name))
    except NotFoundError:
        return []
    return keys
