"""What the server, its controllers and webhooks make of an object is no drift (design: rule 3)."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.git.test_git_credentials import _certificate
from tests.support import cluster as support
from tests.support.fleet import CONFIG_MAPS, DEPLOYMENTS, Fleet, config_map, deployment

from trimtab.cluster.resources import Resource
from trimtab.controllers.own import APPLICATIONS

HOOKS = Resource("admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", namespaced=False)
POD: dict[str, Any] = {
    "metadata": {"labels": {"app": "x"}},
    "spec": {"containers": [{"name": "c", "image": "app:1", "ports": [{"containerPort": 80}]}]},
}
SELECTOR = {"matchLabels": {"app": "x"}}
NEVER = [{"apiGroups": ["none.example.test"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["nothings"]}]
HOOK = {"name": "h.example.test", "rules": NEVER, "clientConfig": {"url": "https://127.0.0.1:1/x"}, "sideEffects": "None"}
SCHEMA = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 3}}}}}


def _namespaced() -> list[tuple[str, str, dict[str, Any]]]:
    """`(apiVersion, kind, fields)` of namespaced kinds, defaults left out."""
    job = {"template": {"spec": {**POD["spec"], "restartPolicy": "Never"}}}
    subject = {"kind": "ServiceAccount", "name": "x"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"}
    backend = {"service": {"name": "x", "port": {"number": 80}}}
    return [
        ("v1", "ConfigMap", {"data": {"a": "1"}}),
        ("v1", "Secret", {"stringData": {"a": "1"}}),
        ("v1", "Service", {"spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}}),
        ("v1", "ServiceAccount", {}),
        ("v1", "PersistentVolumeClaim", {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
        ("v1", "ResourceQuota", {"spec": {"hard": {"count/widgets.example.test": "100"}}}),
        ("v1", "LimitRange", {"spec": {"limits": [{"type": "Container", "default": {"cpu": "0.5"}}]}}),
        ("v1", "Pod", {"spec": POD["spec"]}),
        ("v1", "PodTemplate", {"template": POD}),
        ("v1", "ReplicationController", {"spec": {"selector": {"app": "rc"}, "template": {**POD, "metadata": {"labels": {"app": "rc"}}}}}),
        ("apps/v1", "Deployment", {"spec": {"selector": SELECTOR, "template": POD}}),
        ("apps/v1", "StatefulSet", {"spec": {"selector": SELECTOR, "serviceName": "x", "template": POD}}),
        ("apps/v1", "DaemonSet", {"spec": {"selector": SELECTOR, "template": POD}}),
        ("apps/v1", "ReplicaSet", {"spec": {"selector": SELECTOR, "template": POD}}),
        ("apps/v1", "ControllerRevision", {"revision": 1, "data": {"a": 1}}),
        ("batch/v1", "Job", {"spec": job}),
        ("batch/v1", "CronJob", {"spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job}}}),
        (
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            {"spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "none.example.test/v1", "kind": "X", "name": "x"}}},
        ),
        ("policy/v1", "PodDisruptionBudget", {"spec": {"minAvailable": 1, "selector": SELECTOR}}),
        ("networking.k8s.io/v1", "NetworkPolicy", {"spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}}),
        (
            "networking.k8s.io/v1",
            "Ingress",
            {"spec": {"rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]}},
        ),
        ("rbac.authorization.k8s.io/v1", "Role", {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", {"roleRef": role, "subjects": [subject]}),
        ("coordination.k8s.io/v1", "Lease", {"spec": {"holderIdentity": "nobody"}}),
        ("discovery.k8s.io/v1", "EndpointSlice", {"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}]}),
        ("storage.k8s.io/v1", "CSIStorageCapacity", {"storageClassName": "x", "capacity": "1024Mi"}),
        ("resource.k8s.io/v1", "ResourceClaimTemplate", {"spec": {"spec": {}}}),
        ("resource.k8s.io/v1", "ResourceClaim", {"spec": {}}),
    ]


def _cluster_wide(name: str) -> list[tuple[str, str, dict[str, Any]]]:
    """`(apiVersion, kind, fields)` of kinds without a namespace; `name` is theirs."""
    policy = {
        "matchConstraints": {"resourceRules": NEVER},
        "validations": [{"expression": "true"}],
    }
    volume = {"capacity": {"storage": "1000Mi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}
    cluster_role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    account = {"kind": "ServiceAccount", "name": "x", "namespace": "default"}
    return [
        ("v1", "Namespace", {}),
        ("v1", "PersistentVolume", {"spec": volume}),
        ("storage.k8s.io/v1", "StorageClass", {"provisioner": "example.test/none"}),
        ("storage.k8s.io/v1", "CSIDriver", {"spec": {}}),
        ("storage.k8s.io/v1", "VolumeAttributesClass", {"driverName": "example.test", "parameters": {"a": "b"}}),
        ("scheduling.k8s.io/v1", "PriorityClass", {"value": 5}),
        ("node.k8s.io/v1", "RuntimeClass", {"handler": "runc"}),
        ("networking.k8s.io/v1", "IngressClass", {"spec": {"controller": "example.test/none"}}),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", {"roleRef": cluster_role, "subjects": [account]}),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", {"webhooks": [{**HOOK, "admissionReviewVersions": ["v1"]}]}),
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", {"webhooks": [{**HOOK, "admissionReviewVersions": ["v1"]}]}),
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", {"spec": policy}),
        (
            "admissionregistration.k8s.io/v1",
            "ValidatingAdmissionPolicyBinding",
            {"spec": {"policyName": name, "validationActions": ["Audit"]}},
        ),
        (
            "flowcontrol.apiserver.k8s.io/v1",
            "PriorityLevelConfiguration",
            {"spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}}},
        ),
        ("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", {"spec": {"priorityLevelConfiguration": {"name": name}}}),
        ("resource.k8s.io/v1", "DeviceClass", {"spec": {}}),
    ]


async def _equal(fleet: Fleet, objects: int, seconds: float = 30.0) -> None:
    """Wait until `a` is equal with so many objects, however they are."""

    async def equal() -> bool:
        status = await fleet.status("a")
        return status.get("synced") == "Equal" and status.get("counts", {}).get("objects") == objects

    await fleet.until(equal, seconds, lambda: fleet.status("a"))


async def _nothing_more(fleet: Fleet, seconds: float = 3.0) -> None:
    """No object is written again in the seconds to come; nothing counts as drifted."""
    await fleet.quiet(0.5)
    before = fleet.writes()
    await asyncio.sleep(seconds)
    after = fleet.writes()
    assert (after.get("apply"), after.get("delete")) == (before.get("apply"), before.get("delete"))
    status = await fleet.status("a")
    assert status["counts"].get("drifted", 0) == 0
    assert status["synced"] == "Equal", status["message"]


async def test_forty_five_built_in_kinds_with_their_defaults_left_out(fleet: Fleet) -> None:
    """Applied once, and never again, with every controller of the control plane at work, and after a restart of ours.

    ConfigMap, Secret, Service, ServiceAccount, PersistentVolumeClaim, ResourceQuota, LimitRange, Pod, PodTemplate, ReplicationController,
    Deployment, StatefulSet, DaemonSet, ReplicaSet, ControllerRevision, Job, CronJob, HorizontalPodAutoscaler, PodDisruptionBudget,
    NetworkPolicy, Ingress, Role, RoleBinding, Lease, EndpointSlice, CSIStorageCapacity, ResourceClaimTemplate, ResourceClaim; Namespace,
    PersistentVolume, StorageClass, CSIDriver, VolumeAttributesClass, PriorityClass, RuntimeClass, IngressClass, ClusterRole,
    ClusterRoleBinding, ValidatingWebhookConfiguration, MutatingWebhookConfiguration, ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding, PriorityLevelConfiguration, FlowSchema, DeviceClass.
    """
    name = f"{fleet.target}-x"
    kinds = [(v, k, "x", f) for v, k, f in _namespaced()] + [(v, k, name, f) for v, k, f in _cluster_wide(name)]
    manifests = [{"apiVersion": version, "kind": kind, "metadata": {"name": called}, **fields} for version, kind, called, fields in kinds]
    assert len({m["kind"] for m in manifests}) == 45
    await fleet.push({f"apps/a/{m['kind']}.json": json.dumps(m) for m in manifests})
    await fleet.application("a")
    await _equal(fleet, len(manifests))
    await _nothing_more(fleet)
    await fleet.stop()
    await fleet.start()
    await _nothing_more(fleet)
    await support.drop(fleet.admin, APPLICATIONS, fleet.control, "a")

    async def gone() -> bool:
        return await fleet.get(APPLICATIONS, "a", fleet.control) is None

    await fleet.until(gone, 30, lambda: fleet.status("a"))


async def test_what_an_autoscaler_does_is_no_drift(fleet: Fleet) -> None:
    """Replicas that Git leaves out are set through the scale subresource, and let be."""
    await fleet.push({"apps/a/d.yaml": deployment("d", replicas=None)})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.patch(DEPLOYMENTS, "d", {"spec": {"replicas": 3}}, manager="kube-controller-manager", subresource="scale")
    await _nothing_more(fleet, 1.0)
    found = await fleet.get(DEPLOYMENTS, "d")
    assert found is not None
    assert found["spec"]["replicas"] == 3


async def test_the_defaults_of_a_definition_are_no_drift(fleet: Fleet) -> None:
    """A custom resource's schema fills in fields as the server's own kinds do."""
    group = f"d{fleet.target}.example.test"
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"}, "versions": [version]},
    }
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {}}
    await fleet.push({"apps/a/crd.json": json.dumps(definition), "apps/a/w.json": json.dumps(widget)})
    await fleet.application("a")
    await _equal(fleet, 2)
    await _nothing_more(fleet, 1.0)
    resource = Resource(group, "v1", "Widget", "widgets", namespaced=True)
    found = await fleet.get(resource, "w")
    assert found is not None
    assert found["spec"] == {"size": 3}


@pytest.fixture
async def injector(fleet: Fleet, tmp_path: Path) -> AsyncIterator[None]:
    """A mutating webhook on loopback HTTPS that adds a label and a key to each ConfigMap of the target namespace."""
    context, ca = _certificate(tmp_path)
    runner = await _serving(context)
    config = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": f"injector-{fleet.target}"},
        "webhooks": [
            {
                "name": "injector.example.test",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "clientConfig": {
                    "url": f"https://127.0.0.1:{runner.addresses[0][1]}/",
                    "caBundle": base64.b64encode(ca.encode()).decode(),
                },
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": fleet.target}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}],
            }
        ],
    }
    await support.apply(fleet.admin, config, HOOKS)
    yield
    await support.drop(fleet.admin, HOOKS, "", f"injector-{fleet.target}")
    await runner.cleanup()


async def _serving(context: ssl.SSLContext) -> web.AppRunner:
    async def mutate(request: web.Request) -> web.Response:
        review = await request.json()
        patch: list[dict[str, Any]] = [{"op": "add", "path": "/metadata/labels/injected", "value": "yes"}]
        patch.append({"op": "add", "path": "/data/injected", "value": "by-the-webhook"})
        answer = {"uid": review["request"]["uid"], "allowed": True}
        if review["request"]["object"].get("data") and review["request"]["object"]["metadata"].get("labels"):
            answer |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(patch).encode()).decode()}
        return web.json_response({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer})

    application = web.Application()
    application.router.add_post("/", mutate)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    return runner


@pytest.mark.usefixtures("injector")
async def test_what_a_mutating_webhook_adds_is_no_drift(fleet: Fleet) -> None:
    """It stays through a change from Git, and a person's edit of our own field is put back beside it."""
    injected = {"injected": "by-the-webhook"}

    async def injecting() -> bool:  # the API server takes a moment to know of a new webhook
        await support.apply(fleet.admin, support.config_map("probe", fleet.target, {"a": "b"}, {"a": "b"}), CONFIG_MAPS)
        found = await fleet.get(CONFIG_MAPS, "probe")
        return found is not None and "injected" in found["data"]

    await fleet.until(injecting)
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1")})
    await fleet.application("a")
    await fleet.until_data("a", {"k": "1"} | injected)
    await _equal(fleet, 1)
    await _nothing_more(fleet, 1.0)
    await fleet.push({"apps/a/a.yaml": config_map("a", k="2")})
    await fleet.until_data("a", {"k": "2"} | injected)
    await fleet.patch(CONFIG_MAPS, "a", {"data": {"k": "9"}}, manager="kubectl-edit")
    await fleet.until_data("a", {"k": "2"} | injected)
    await _nothing_more(fleet, 1.0)
