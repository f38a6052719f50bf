"""Which controllers drive fields of an object now: asked only when it matters, at a conflict over such a field, or when Git drops it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.discovery import Discovery
from trimtab.plan.handover import AUTOSCALERS, driver
from trimtab.plan.managers import Drives

GROUPS = {"HorizontalPodAutoscaler": "autoscaling", "ScaledObject": "keda.sh"}


async def drivers_of(client: Client, discovery: Discovery, live: Mapping[str, Any]) -> Drives:
    """One list a kind of autoscaler that the cluster has, in the object's namespace. Raises an ApiError where they cannot be read."""
    found: list[dict[str, Any]] = []
    namespace = live["metadata"].get("namespace", "")
    for kind in AUTOSCALERS:
        resource = discovery.by_kind(GROUPS[kind], kind)
        if resource is not None:
            async for page, _ in objects.list_pages(client, resource, namespace=namespace):
                found += [{**msgspec.json.decode(raw), "kind": kind} for raw in page]
    return driver(live, found)
