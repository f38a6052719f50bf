"""What kinds there are, and the difference between "absent" and "not known"."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.support.clock import SkippingClock
from tests.support.cluster import API_SERVICES, CRDS, apply, drop
from tests.support.scripted import Answer, body, scripted, status

from trimtab.cluster.client import Client
from trimtab.cluster.connection import Connection
from trimtab.cluster.discovery import Discovery
from trimtab.cluster.resources import Resource
from trimtab.core.errors import UnavailableError

VERSION = body({"gitVersion": "v1.34.4", "major": "1", "minor": "34"})
AGGREGATED = {"Content-Type": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}


def crd(kind: str, group: str) -> dict[str, Any]:
    """A small CustomResourceDefinition."""
    plural = f"{kind.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


def listed(plural: str, kind: str) -> dict[str, Any]:
    """A kind as the aggregated document lists it."""
    return {
        "resource": plural,
        "responseKind": {"group": "", "version": "", "kind": kind},
        "scope": "Namespaced",
        "verbs": ["get", "watch"],
        "subresources": [{"subresource": "status"}],
    }


def document(*groups: tuple[str, str, str, list[dict[str, Any]]]) -> Answer:
    """An aggregated document: (group, version, freshness, kinds)."""
    items = [
        {"metadata": {"name": group}, "versions": [{"version": version, "freshness": freshness, "resources": kinds}]}
        for group, version, freshness, kinds in groups
    ]
    return body({"kind": "APIGroupDiscoveryList", "items": items}, headers=AGGREGATED)


CORE = document(("", "v1", "Current", [listed("pods", "Pod")]))
METRICS = document(("metrics.example", "v1", "Current", [listed("meters", "Meter")]))
METRICS_STALE = document(("metrics.example", "v1", "Stale", []))


@asynccontextmanager
async def discovering(*rounds: tuple[Answer, Answer]) -> AsyncGenerator[tuple[Discovery, SkippingClock]]:
    """A Discovery on a server that gives these (/api, /apis) documents, refresh by refresh."""
    clock = SkippingClock()
    async with scripted() as script:
        script.by_path = {
            "/api": [core for core, _ in rounds],
            "/apis": [groups for _, groups in rounds],
            "/version": [VERSION for _ in rounds],
        }
        async with Client(Connection(script.url, "script"), clock=clock, chance=lambda: 0.0) as client:
            yield Discovery(client), clock


async def test_the_real_server_is_read_in_two_documents(cluster: Client) -> None:
    """Built-in kinds, their scope, verbs and subresources; Helm's list of API versions; the server's version."""
    discovery = Discovery(cluster)
    before = cluster.statistics().requests.get("discover", 0)
    await discovery.refresh()
    assert cluster.statistics().requests["discover"] - before == 3  # with /version
    deployment = discovery.find("apps/v1", "Deployment")
    assert deployment is not None
    assert (deployment.plural, deployment.namespaced, deployment.api_version) == ("deployments", True, "apps/v1")
    assert {"status", "scale"} <= deployment.subresources
    assert {"watch", "patch"} <= deployment.verbs
    assert {"v1", "v1/Pod", "apps/v1", "apps/v1/Deployment", "apps/v1/Scale", "v1/Eviction"} <= set(discovery.api_versions())
    assert list(discovery.api_versions()) == sorted(discovery.api_versions())
    assert discovery.kube_version.startswith("v1.")
    assert discovery.troubles == {}


async def test_an_absent_kind_is_none(cluster: Client) -> None:
    """A complete answer without the kind: it is not there, at that version or at all."""
    discovery = Discovery(cluster)
    await discovery.refresh()
    assert discovery.find("apps/v1beta1", "Deployment") is None
    assert discovery.by_kind("apps", "Deploiement") is None
    assert discovery.by_kind("autoscaling", "HorizontalPodAutoscaler") == discovery.find("autoscaling/v2", "HorizontalPodAutoscaler")


async def test_a_new_crd_is_found_fresh(cluster: Client) -> None:
    """A kind that came after the last refresh is found by asking once more, and the digest moves with it."""
    discovery = Discovery(cluster, at_most_every=0)
    await discovery.refresh()
    before = discovery.digest
    await apply(cluster, crd("Found", "found.example"), CRDS)
    found = None
    while found is None:
        found = await discovery.find_fresh("found.example/v1", "Found")
    assert found.path("shop", "a") == "/apis/found.example/v1/namespaces/shop/founds/a"
    assert discovery.digest != before
    await drop(cluster, CRDS, "", "founds.found.example")


async def test_a_dead_aggregated_api_is_not_known(cluster: Client) -> None:
    """An APIService whose server does not answer: its kinds are unknown, all others are found as before."""
    api_service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.dead.example"},
        "spec": {
            "group": "dead.example",
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"name": "nobody", "namespace": "default"},
        },
    }
    await apply(cluster, api_service, API_SERVICES)
    discovery = Discovery(cluster)
    while not discovery.troubles:
        await discovery.refresh()
    try:
        with pytest.raises(UnavailableError, match=r"dead\.example/v1 .* not known at present.*kubectl get apiservice v1\.dead\.example"):
            discovery.find("dead.example/v1", "Thing")
        assert discovery.find("v1", "ConfigMap") is not None
    finally:
        await drop(cluster, API_SERVICES, "", "v1.dead.example")


async def test_a_stale_group_keeps_its_last_kinds_for_show_alone() -> None:
    """Once known, then stale: Helm's list keeps it, asking for it raises, and the digest says that something is the matter."""
    async with discovering((CORE, METRICS), (CORE, METRICS_STALE)) as (discovery, _):
        await discovery.refresh()
        known, digest = discovery.api_versions(), discovery.digest
        assert discovery.find("metrics.example/v1", "Meter") is not None
        await discovery.refresh()
        assert discovery.api_versions() == known
        assert discovery.digest != digest
        with pytest.raises(UnavailableError):
            discovery.find("metrics.example/v1", "Meter")
        with pytest.raises(UnavailableError):
            discovery.by_kind("metrics.example", "Meter")


async def test_a_failed_refresh_keeps_what_is_known() -> None:
    """A server that fails while asked leaves the last answer in force."""
    async with discovering((CORE, METRICS), (CORE, status(500))) as (discovery, _):
        await discovery.refresh()
        with pytest.raises(UnavailableError):
            await discovery.refresh()
        assert discovery.find("metrics.example/v1", "Meter") is not None


async def test_before_the_first_refresh_nothing_is_known() -> None:
    """Asking too early is no "absent"."""
    async with discovering() as (discovery, _):
        with pytest.raises(UnavailableError, match="not known yet"):
            discovery.find("v1", "Pod")


async def test_an_unknown_kind_is_looked_for_at_most_every_few_seconds() -> None:
    """A thousand manifests of an unknown kind make one refresh, not a thousand."""
    async with discovering((CORE, document()), (CORE, METRICS)) as (discovery, clock):
        for _ in range(1000):
            assert await discovery.find_fresh("metrics.example/v1", "Meter") is None
        clock.skip(5)
        assert await discovery.find_fresh("metrics.example/v1", "Meter") is not None


async def test_a_server_without_aggregated_discovery_is_asked_group_by_group() -> None:
    """Old servers answer /api and /apis with names alone; a group that fails is in trouble by itself."""
    pods = [{"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["get"]}, {"name": "pods/log", "kind": "Pod"}]
    groups: list[dict[str, Any]] = [
        {"name": name, "versions": [{"groupVersion": f"{name}/v1"}], "preferredVersion": {}} for name in ("apps", "dead.example")
    ]
    async with scripted() as script, Client(Connection(script.url, "script")) as client:
        script.by_path = {
            "/api": [body({"kind": "APIVersions", "versions": ["v1"]})],
            "/apis": [body({"kind": "APIGroupList", "groups": groups})],
            "/api/v1": [body({"resources": pods})],
            "/apis/apps/v1": [body({"resources": [{"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": []}]})],
            "/apis/dead.example/v1": [status(503, message="service unavailable")],
            "/version": [VERSION],
        }
        discovery = Discovery(client)
        await discovery.refresh()
    assert discovery.find("v1", "Pod") == Resource("", "v1", "Pod", "pods", True, frozenset({"get"}), frozenset({"log"}))
    assert discovery.by_kind("apps", "Deployment") is not None
    with pytest.raises(UnavailableError, match="service unavailable"):
        discovery.find("dead.example/v1", "Thing")
