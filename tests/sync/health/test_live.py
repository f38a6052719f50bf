"""The samples are still true: workloads made to fail on a real control plane, judged as they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.support import cluster as support

from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.resources import Resource
from trimtab.sync.health import Health, assess

REPLICA_SETS = Resource("apps", "v1", "ReplicaSet", "replicasets", namespaced=True)


def deployment(namespace: str, *, deadline: int = 600, **behaviour: str) -> dict[str, Any]:
    """A Deployment of one replica whose fake pods behave as told (see the dev cluster's annotations)."""
    annotations = {f"dev.trimtab.dev/{name.replace('_', '-')}": value for name, value in behaviour.items()}
    template = {
        "metadata": {"labels": {"app": "x"}, "annotations": annotations},
        "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}]},
    }
    spec = {"replicas": 1, "progressDeadlineSeconds": deadline, "selector": {"matchLabels": {"app": "x"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "namespace": namespace}, "spec": spec}


async def listed(client: Client, namespace: str, resource: Resource) -> list[dict[str, Any]]:
    """All objects of a kind, with the kind that a list leaves out of its items."""
    named = {"apiVersion": resource.api_version, "kind": resource.kind}
    pages = objects.list_pages(client, resource, namespace=namespace)
    return [{**named, **msgspec.json.decode(item)} async for items, _ in pages for item in items]


async def settled(client: Client, namespace: str, done: Callable[[Health], bool]) -> Health:
    """The Deployment's health with its children, once it is as awaited; fails after a minute with what it was."""
    health = Health("Unknown", "", "not looked at")
    for _ in range(600):
        live = await objects.get_json(client, support.DEPLOYMENTS, namespace, "x")
        children = [child for resource in (REPLICA_SETS, support.PODS) for child in await listed(client, namespace, resource)]
        health = assess(live, children=children)
        if done(health):
            return health
        await asyncio.sleep(0.1)
    pytest.fail(f"still {health}")


async def test_a_deployment_becomes_healthy(cluster: Client, namespace: str) -> None:
    """From its creation to its last replica it is Progressing, then Healthy."""
    live = await support.apply(cluster, deployment(namespace), support.DEPLOYMENTS)
    assert assess(live).status == "Progressing"
    assert (await settled(cluster, namespace, lambda health: health.status != "Progressing")).status == "Healthy"


async def test_a_crash_loop_is_seen_while_there_is_still_time(cluster: Client, namespace: str) -> None:
    """Progressing until its own deadline, and already with the cause, down to the program's last line."""
    crashing = deployment(namespace, waiting="CrashLoopBackOff", exit_code="3", last_line="no database")
    await support.apply(cluster, crashing, support.DEPLOYMENTS)
    health = await settled(cluster, namespace, lambda health: health.reason == "CrashLoopBackOff")
    assert health.status == "Progressing"
    assert health.message.endswith("CrashLoopBackOff, exit 3, last line: no database")


async def test_a_missed_deadline_degrades_and_keeps_the_cause(cluster: Client, namespace: str) -> None:
    """Degraded once the Deployment's controller has given up."""
    await support.apply(cluster, deployment(namespace, deadline=2, waiting="ImagePullBackOff"), support.DEPLOYMENTS)
    health = await settled(cluster, namespace, lambda health: health.status == "Degraded")
    assert health.reason == "ProgressDeadlineExceeded"
    assert health.message.endswith('ImagePullBackOff: Back-off pulling image "registry.example/app:1"')
