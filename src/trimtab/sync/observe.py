"""From a live object's JSON to the little that is kept of it.

This runs once for each watch event and each answer to an apply, so it decodes once, and asks three pure questions: what are our
fields' values (projection), what have others added (ownership), is it healthy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from trimtab.api.meta import LABEL, OWNER
from trimtab.cluster.resources import Resource
from trimtab.plan.model import Key, Live
from trimtab.plan.owner import MANAGER_PREFIX
from trimtab.plan.ownership import extras
from trimtab.plan.projection import projection_digest
from trimtab.sync.health import assess

Object = dict[str, Any]

_decode = msgspec.json.Decoder().decode


class Version(Struct, frozen=True, rename="camel", gc=False):
    """Which object at which version."""

    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class _Head(Struct, frozen=True, gc=False):
    metadata: Version


_head = msgspec.json.Decoder(_Head)


def read_version(raw: bytes) -> Version:
    """Name and version alone: a tenth of the work of reading an object."""
    return _head.decode(raw).metadata


def observer(resource: Resource) -> Callable[[bytes], tuple[Key, Live]]:
    """The function that summarises objects of one kind at one version. Items of a list do not say their kind, so it is given here."""

    def observe(raw: bytes) -> tuple[Key, Live]:
        live: dict[str, Any] = _decode(raw)
        live.setdefault("kind", resource.kind)
        live.setdefault("apiVersion", resource.api_version)
        return key_of(resource, live), summarise(live, resource.api_version)

    return observe


def key_of(resource: Resource, live: Object) -> Key:
    """The key of a live object."""
    metadata = live["metadata"]
    return Key(resource.group, resource.kind, metadata.get("namespace", ""), metadata["name"])


def summarise(live: Object, api_version: str) -> Live:
    """What is kept of a live object."""
    metadata = live["metadata"]
    owner = (metadata.get("annotations") or {}).get(OWNER, "")
    manager = manager_of(metadata, owner)
    health = assess(live)
    return Live(
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation", 0),
        owner=owner,
        projection=projection_digest(live, manager=manager, api_version=api_version),
        taken=extras(live, manager=manager, api_version=api_version),
        changed_by=_changed_by(metadata, manager),
        alone=_alone(metadata, manager),
        deleting=metadata.get("deletionTimestamp") is not None,
        health=health.status,
        message=health.message,
    )


def manager_of(metadata: Object, owner: str) -> str:
    """The field manager of the Application that has this object: by our label, or by the owner annotation where the label was taken off."""
    label = (metadata.get("labels") or {}).get(LABEL, "")
    return MANAGER_PREFIX + (label or hashlib.sha256(owner.encode()).hexdigest()[:10])


def _changed_by(metadata: Object, manager: str) -> str:
    """The manager, other than ours, whose entry is the newest; status writers do not count."""
    entries = [e for e in metadata.get("managedFields", ()) if e.get("manager") != manager and e.get("subresource") != "status"]
    newest = max(entries, key=lambda e: e.get("time") or "", default=None)
    return str(newest.get("manager", "")) if newest is not None else ""


def _alone(metadata: Object, manager: str) -> bool:
    """Whether every entry of the main resource is ours. An object that others made has an entry of theirs, be it for its labels."""
    writers = {e.get("manager") for e in metadata.get("managedFields", ()) if not e.get("subresource")}
    return writers == {manager}
