"""The plan's tables and predictions against the API server that they speak of."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from tests.plan.samples import OTHER, OURS, conflicts
from tests.support.cluster import CONFIG_MAPS, DEPLOYMENTS, drop, encode

from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.errors import ConflictError, ForbiddenError, InvalidError
from trimtab.cluster.resources import Resource
from trimtab.plan.difference import differences
from trimtab.plan.fields import Path, item, path, paths, server_text, value
from trimtab.plan.handover import handover
from trimtab.plan.immutable import immutable
from trimtab.plan.managers import classify
from trimtab.plan.owner import HANDOVER_MANAGER
from trimtab.plan.ownership import extras, rename_entries, resolve
from trimtab.plan.projection import entry_of, lookup, project, projection_digest

Object = dict[str, Any]

POD: Object = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "app",
                "image": "app:1",
                "env": [{"name": "LOG", "value": "info"}],
                "ports": [{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}],
            }
        ],
    },
}
JOB_POD: Object = {**POD, "spec": {**POD["spec"], "restartPolicy": "Never"}}
SELECTOR = {"matchLabels": {"app": "web"}}
RBAC = "rbac.authorization.k8s.io"
SUBJECT = {"kind": "ServiceAccount", "name": "default", "namespace": "default"}
CLAIM: Object = {"accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": {"requests": {"storage": "2Gi"}}}


def kind(group: str, name: str, plural: str, *, namespaced: bool = True) -> Resource:
    """A built-in kind at v1."""
    return Resource(group, "v1", name, plural, namespaced)


KINDS = {
    r.kind: r
    for r in (
        DEPLOYMENTS,
        CONFIG_MAPS,
        kind("apps", "StatefulSet", "statefulsets"),
        kind("apps", "DaemonSet", "daemonsets"),
        kind("batch", "Job", "jobs"),
        kind("batch", "CronJob", "cronjobs"),
        kind("", "Service", "services"),
        kind("", "Secret", "secrets"),
        kind("", "Pod", "pods"),
        kind("", "PersistentVolumeClaim", "persistentvolumeclaims"),
        kind("", "PersistentVolume", "persistentvolumes", namespaced=False),
        kind("", "ResourceQuota", "resourcequotas"),
        kind(RBAC, "RoleBinding", "rolebindings"),
        kind("storage.k8s.io", "StorageClass", "storageclasses", namespaced=False),
        kind("scheduling.k8s.io", "PriorityClass", "priorityclasses", namespaced=False),
        kind("node.k8s.io", "RuntimeClass", "runtimeclasses", namespaced=False),
        kind("networking.k8s.io", "IngressClass", "ingressclasses", namespaced=False),
    )
}

BODIES: dict[str, Object] = {
    "Deployment": {"spec": {"replicas": 1, "selector": SELECTOR, "template": POD}},
    "StatefulSet": {"spec": {"replicas": 1, "serviceName": "web", "selector": SELECTOR, "template": POD}},
    "DaemonSet": {"spec": {"selector": SELECTOR, "template": POD}},
    "Job": {"spec": {"parallelism": 1, "template": JOB_POD}},
    "CronJob": {"spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": JOB_POD}}}},
    "Service": {"spec": {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 80}]}},
    "ConfigMap": {"immutable": True, "data": {"a": "1"}},
    "Secret": {"type": "Opaque", "data": {"a": "eA=="}},
    "Pod": {"spec": {**POD["spec"], "nodeName": "nowhere"}},
    "PersistentVolumeClaim": {"spec": CLAIM},
    "PersistentVolume": {"spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/a"}}},
    "ResourceQuota": {"spec": {"scopes": ["BestEffort"], "hard": {"pods": "100"}}},
    "RoleBinding": {"roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"}, "subjects": [SUBJECT]},
    "StorageClass": {"provisioner": "a.example.com", "parameters": {"a": "1"}},
    "PriorityClass": {"value": 1, "description": "a"},
    "RuntimeClass": {"handler": "a"},
    "IngressClass": {"spec": {"controller": "example.com/a"}},
}

CONTAINER = (*path("spec", "template", "spec", "containers"), item({"name": "app"}))
CHANGES: tuple[tuple[str, Path, Any], ...] = (
    ("Deployment", path("spec", "replicas"), 2),
    ("Deployment", (*CONTAINER, "f:image"), "app:2"),
    ("Deployment", path("spec", "selector", "matchLabels", "app"), "other"),
    ("StatefulSet", path("spec", "replicas"), 2),
    ("StatefulSet", path("spec", "minReadySeconds"), 3),
    ("StatefulSet", (*CONTAINER, "f:image"), "app:2"),
    ("StatefulSet", path("spec", "serviceName"), "other"),
    ("StatefulSet", path("spec", "podManagementPolicy"), "OrderedReady"),
    ("DaemonSet", (*CONTAINER, "f:image"), "app:2"),
    ("Job", path("spec", "parallelism"), 2),
    ("Job", (*CONTAINER, "f:image"), "app:2"),
    ("CronJob", path("spec", "schedule"), "0 0 2 1 *"),
    ("Service", path("spec", "selector", "app"), "other"),
    ("Service", path("spec", "clusterIP"), "10.0.0.77"),
    ("ConfigMap", path("data", "a"), "2"),
    ("ConfigMap", path("data", "b"), "2"),
    ("ConfigMap", path("metadata", "labels", "x"), "2"),
    ("Secret", path("data", "a"), "eQ=="),
    ("Secret", path("type"), "example.com/other"),
    ("Pod", path("spec", "nodeName"), "other"),
    ("Pod", (*path("spec", "containers"), item({"name": "app"}), "f:image"), "app:2"),
    ("PersistentVolumeClaim", path("spec", "storageClassName"), "other"),
    ("PersistentVolumeClaim", path("spec", "volumeMode"), "Filesystem"),
    ("PersistentVolumeClaim", path("spec", "resources", "requests", "storage"), "1Gi"),
    ("PersistentVolume", path("spec", "hostPath", "path"), "/b"),
    ("PersistentVolume", path("spec", "persistentVolumeReclaimPolicy"), "Delete"),
    ("ResourceQuota", path("spec", "hard", "pods"), "99"),
    ("RoleBinding", path("roleRef", "name"), "edit"),
    ("RoleBinding", path("subjects"), [{**SUBJECT, "name": "other"}]),
    ("StorageClass", path("provisioner"), "b.example.com"),
    ("StorageClass", path("parameters", "a"), "2"),
    ("StorageClass", path("allowVolumeExpansion"), True),
    ("PriorityClass", path("value"), 2),
    ("PriorityClass", path("description"), "b"),
    ("RuntimeClass", path("handler"), "b"),
    ("IngressClass", path("spec", "controller"), "example.com/b"),
)


def body_of(name: str, namespace: str) -> Object:
    """One of the bodies, with its identity."""
    resource = KINDS[name]
    metadata = {"name": f"fixed-{namespace}"} | ({"namespace": namespace} if resource.namespaced else {})
    return {"apiVersion": resource.api_version, "kind": name, "metadata": metadata, **copy.deepcopy(BODIES[name])}


def changed(body: Object, at: Path, to: Any) -> Object:
    """The body with one other value."""
    result = copy.deepcopy(body)
    node: Any = result
    for number, step in enumerate(at[:-1]):
        found, below = lookup(result, at[: number + 1])
        node = below if found else node.setdefault(step[2:], {})
    node[at[-1][2:]] = to
    return result


async def applied(cluster: Client, body: Object, *, manager: str = OURS, force: bool = False, dry_run: bool = False) -> Object:
    """Server-side apply."""
    metadata = body["metadata"]
    answer = await objects.apply(
        cluster,
        KINDS[body["kind"]],
        metadata.get("namespace", ""),
        metadata["name"],
        encode(body),
        manager=manager,
        force=force,
        dry_run=dry_run,
    )
    return msgspec.json.decode(answer, type=Object)


@pytest.mark.parametrize(("name", "at", "to"), CHANGES, ids=[f"{n}-{server_text(at)}" for n, at, _ in CHANGES])
async def test_what_is_called_immutable_is_what_the_server_refuses(cluster: Client, namespace: str, name: str, at: Path, to: Any) -> None:
    """For each row: refused by the API server if and only if the plan says so beforehand."""
    before = body_of(name, namespace)
    after = changed(before, at, to)
    assert differences(before, after)
    await applied(cluster, before, force=True)
    try:
        await applied(cluster, after, dry_run=True)
        refused = False
    except (InvalidError, ForbiddenError):
        refused = True
    finally:
        await drop(cluster, KINDS[name], namespace, before["metadata"]["name"])
    assert bool(immutable(before, after)) == refused


async def live_now(cluster: Client, body: Object) -> Object:
    """The object as it lives."""
    metadata = body["metadata"]
    return await objects.get_json(cluster, KINDS[body["kind"]], metadata.get("namespace", ""), metadata["name"])


async def patched(cluster: Client, body: Object, patch: Object, *, manager: str = "kubectl-patch", subresource: str = "") -> Object:
    """A merge patch, as people make them."""
    metadata = body["metadata"]
    answer = await objects.merge_patch(
        cluster, KINDS[body["kind"]], metadata["namespace"], metadata["name"], encode(patch), manager=manager, subresource=subresource
    )
    return msgspec.json.decode(answer, type=Object)


def digest(live: Object) -> str:
    """The digest of our fields."""
    return projection_digest(live, manager=OURS, api_version=live["apiVersion"])


@pytest.mark.parametrize("name", BODIES)
async def test_an_object_just_applied_projects_to_what_we_applied(cluster: Client, namespace: str, name: str) -> None:
    """Projected on our entry, what the server made of a body is the body: its defaults are not in it, and nobody added anything."""
    body = body_of(name, namespace)
    live = await applied(cluster, body)
    fields = entry_of(live, manager=OURS, api_version=live["apiVersion"])
    assert fields
    wanted = {n: held for n, held in body.items() if n not in {"apiVersion", "kind", "metadata"}}
    assert differences(wanted, project(live, fields)) == ()
    assert extras(live, manager=OURS, api_version=live["apiVersion"]) == ()
    await drop(cluster, KINDS[name], namespace, body["metadata"]["name"])


async def test_a_conflict_is_found_by_the_text_that_the_server_prints(cluster: Client, namespace: str) -> None:
    """Keyed items, names with dots and plain fields: each conflict of a real 409 leads to a path of the holder."""
    body = body_of("Deployment", namespace)
    body["metadata"]["labels"] = {"app.kubernetes.io/name": "a"}
    await applied(cluster, body)
    other = changed(changed(body, (*CONTAINER, "f:image"), "app:2"), path("metadata", "labels", "app.kubernetes.io/name"), "b")
    environment = (*CONTAINER, "f:env", item({"name": "LOG"}), "f:value")
    lookup(other, environment[:-1])[1]["value"] = "debug"
    with pytest.raises(ConflictError) as refused:
        await applied(cluster, other, manager="kubectl")
    live = await live_now(cluster, body)
    fields = entry_of(live, manager=OURS, api_version="apps/v1")
    assert fields
    known = {server_text(at) for at in paths(fields)}
    told = {cause.field for cause in refused.value.causes}
    assert told == {server_text(at) for at in ((*CONTAINER, "f:image"), environment, path("metadata", "labels", "app.kubernetes.io/name"))}
    assert told <= known


async def test_the_item_of_a_set_is_printed_as_the_server_does(cluster: Client, namespace: str) -> None:
    """A finalizer stands in our entry as a value step, and is projected by it."""
    body = body_of("ConfigMap", namespace)
    body["metadata"]["finalizers"] = ["example.com/kept"]
    live = await applied(cluster, body)
    fields = entry_of(live, manager=OURS, api_version="v1")
    assert fields
    assert (*path("metadata", "finalizers"), value("example.com/kept")) in set(paths(fields))
    assert project(live, fields)["metadata"]["finalizers"] == ["example.com/kept"]
    await patched(cluster, body, {"metadata": {"finalizers": []}})


async def test_what_a_person_added_goes_when_its_entry_becomes_ours(cluster: Client, namespace: str) -> None:
    """A key added by `kubectl patch` survives a forced apply, and does not survive the renaming of its entry and an apply."""
    body = {**body_of("ConfigMap", namespace), "immutable": False}
    before = digest(await applied(cluster, body))
    live = await patched(cluster, body, {"data": {"added": "1"}})
    assert (digest(live), [e.path for e in extras(live, manager=OURS, api_version="v1")]) == (before, ["data.added"])
    assert "added" in (await applied(cluster, body, force=True))["data"]
    entries = rename_entries(
        live["metadata"]["managedFields"], to=OURS, api_version="v1", take=lambda e: classify(e["manager"]) == "person"
    )
    await patched(cluster, body, {"metadata": {"managedFields": entries}}, manager=OURS)
    live = await applied(cluster, body)
    assert live["data"] == {"a": "1"}
    assert digest(live) == before


async def test_a_second_application_is_refused_by_name(cluster: Client, namespace: str) -> None:
    """The owner annotation that both write makes the server refuse the second, though all else is equal."""
    body = changed(body_of("Service", namespace), path("metadata", "annotations", "trimtab.dev/owner"), "lab/trimtab/web")
    await applied(cluster, body)
    second = changed(body, path("metadata", "annotations", "trimtab.dev/owner"), "lab/trimtab/other")
    with pytest.raises(ConflictError) as error:
        await applied(cluster, second, manager=OTHER)
    causes = [{"field": c.field, "message": c.message} for c in error.value.causes]
    resolution = resolve(await live_now(cluster, body), second, manager=OTHER, conflicts=conflicts({"details": {"causes": causes}}))
    assert "Application trimtab/web of installation lab" in resolution.refused


@pytest.mark.parametrize(("handed", "replicas"), [(True, 3), (False, 1)])
async def test_replicas_stay_when_they_are_handed_over_before_git_drops_them(
    cluster: Client, namespace: str, handed: bool, replicas: int
) -> None:
    """With the handover the live value stays; without it the apply falls to the default of one."""
    before = changed(body_of("Deployment", namespace), path("spec", "replicas"), 3)
    after = copy.deepcopy(before)
    del after["spec"]["replicas"]
    live = await applied(cluster, before)
    found = handover(before, after, live, manager=OURS, drives=lambda _: "HorizontalPodAutoscaler web")
    assert found
    if handed:
        await applied(cluster, found.body, manager=HANDOVER_MANAGER)
    assert (await applied(cluster, after))["spec"]["replicas"] == replicas


async def test_an_empty_map_of_ours_stays_equal_while_a_controller_fills_it(cluster: Client, namespace: str) -> None:
    """`annotations: {}` in a manifest, and a controller that writes its revision there on each rollout."""
    body = body_of("Deployment", namespace)
    body["metadata"]["annotations"] = {}
    before = digest(await applied(cluster, body))
    live = await patched(cluster, body, {"metadata": {"annotations": {"example.com/revision": "7"}}}, manager="kube-controller-manager")
    assert live["metadata"]["annotations"]["example.com/revision"] == "7"
    assert digest(live) == before


async def test_a_persons_scale_is_taken_back_and_an_autoscalers_is_not(cluster: Client, namespace: str) -> None:
    """Both write through the scale subresource; the manager tells them apart."""
    body = body_of("Deployment", namespace)
    await applied(cluster, body)
    for manager, dropped in (("kubectl", ()), ("kube-controller-manager", (path("spec", "replicas"),))):
        scale = {"spec": {"replicas": 4 if manager == "kubectl" else 5}}
        await patched(cluster, body, scale, manager=manager, subresource="scale")
        live = await live_now(cluster, body)
        resolution = resolve(live, body, manager=OURS, conflicts=[(".spec.replicas", manager)])
        assert resolution.drop == dropped
