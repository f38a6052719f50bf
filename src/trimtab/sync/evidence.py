"""Why an object is not healthy: its children, read once when there is something to tell, down to the deepest cause.

A failing Deployment says only that it has no pods; the pod says that its image cannot be pulled. Nothing of this is asked at rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.discovery import Discovery
from trimtab.cluster.errors import NotFoundError
from trimtab.core.errors import ApiError
from trimtab.plan.model import Key
from trimtab.sync.health import cause, children_of

Object = dict[str, Any]
MOST = 2000
"""Children that are read at most; a cause is found among fewer, or not at all."""


async def explain(client: Client, discovery: Discovery, api_version: str, key: Key) -> str:
    """The cause as a path of objects, empty where none is known. What cannot be read is left out: this only adds to a message."""
    try:
        resource = discovery.find(api_version, key.kind)
        if resource is None:
            return ""
        live = await objects.get_json(client, resource, key.namespace, key.name)
        live.setdefault("kind", key.kind)
        return cause(live, await _children(client, discovery, live))
    except (ApiError, NotFoundError):
        return ""


async def _children(client: Client, discovery: Discovery, live: Object) -> list[Object]:
    """The children of the kinds that matter, by owner references, level by level."""
    owners = {live["metadata"]["uid"]}
    found: list[Object] = []
    for kind in children_of(live):
        resource = discovery.find(kind.api_version, kind.name)
        if resource is None:
            continue
        async for page, _ in objects.list_pages(client, resource, namespace=live["metadata"].get("namespace", "")):
            level = [o for o in _decoded(page, kind.api_version, kind.name) if _belongs(o, owners)]
            found += level
            owners |= {o["metadata"]["uid"] for o in level}
            if len(found) > MOST:
                return found
    return found


def _decoded(page: Iterable[bytes], api_version: str, kind: str) -> Iterable[Object]:
    for raw in page:
        decoded: Object = msgspec.json.decode(raw)
        yield {**decoded, "apiVersion": api_version, "kind": kind}


def _belongs(child: Mapping[str, Any], owners: set[str]) -> bool:
    about = child.get("involvedObject") or child.get("regarding") or {}
    return about.get("uid") in owners or any(o.get("uid") in owners for o in child["metadata"].get("ownerReferences", ()))
