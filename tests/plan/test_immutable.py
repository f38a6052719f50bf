"""Changes that the API server will refuse are known before they are tried."""

from __future__ import annotations

from typing import Any

import pytest
from tests.plan.samples import sample

from trimtab.plan.immutable import immutable

pytestmark = pytest.mark.fast


def refused(kind: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The paths that cannot be changed."""
    return [found.path for found in immutable({"kind": kind, **before}, {"kind": kind, **after})]


def spec(**fields: Any) -> dict[str, Any]:
    """An object's spec."""
    return {"spec": fields}


def labels(**wanted: str) -> dict[str, Any]:
    """A selector."""
    return spec(selector={"matchLabels": wanted})


def storage(size: str) -> dict[str, Any]:
    """A claim's request."""
    return spec(resources={"requests": {"storage": size}})


def node(name: str) -> dict[str, Any]:
    """A suspended Job that names its node."""
    return spec(suspend=True, template={"spec": {"nodeSelector": {"a": name}}})


JOB = {"template": {"spec": {"containers": [{"name": "a", "image": "a:1"}]}}}
JOB_2 = {"template": {"spec": {"containers": [{"name": "a", "image": "a:2"}]}}}


@pytest.mark.parametrize(
    ("kind", "before", "after", "path"),
    [
        ("Deployment", labels(a="1"), labels(a="2"), "spec.selector.matchLabels.a"),
        ("Deployment", labels(a="1"), labels(a="1", b="1"), "spec.selector.matchLabels.b"),
        ("StatefulSet", spec(serviceName="a"), spec(serviceName="b"), "spec.serviceName"),
        ("Job", spec(**JOB), spec(**JOB_2), "spec.template.spec.containers[a].image"),
        ("PersistentVolumeClaim", spec(storageClassName="a"), spec(storageClassName="b"), "spec.storageClassName"),
        ("PersistentVolumeClaim", storage("2Gi"), storage("1Gi"), "spec.resources.requests.storage"),
        ("Service", spec(clusterIP="10.0.0.1"), spec(clusterIP="10.0.0.2"), "spec.clusterIP"),
        ("ConfigMap", {"immutable": True, "data": {"a": "1"}}, {"immutable": True, "data": {"a": "2"}}, "data.a"),
        ("Secret", {"type": "Opaque"}, {"type": "kubernetes.io/tls"}, "type"),
        ("RoleBinding", {"roleRef": {"name": "a"}}, {"roleRef": {"name": "b"}}, "roleRef.name"),
        ("StorageClass", {"parameters": {"a": "1"}}, {"parameters": {"a": "2"}}, "parameters.a"),
        ("PriorityClass", {"value": 1}, {"value": 2}, "value"),
        ("Pod", spec(nodeName="a"), spec(nodeName="b"), "spec.nodeName"),
    ],
)  # fmt: skip
def test_a_fixed_field_is_named(kind: str, before: dict[str, Any], after: dict[str, Any], path: str) -> None:
    """The path that stops the change, so that the plan can say which."""
    assert refused(kind, before, after) == [path]


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("Deployment", spec(replicas=1, template={"a": 1}), spec(replicas=2, template={"a": 2})),
        ("StatefulSet", spec(replicas=1, template={"a": 1}), spec(replicas=2, template={"a": 2})),
        ("StatefulSet", spec(serviceName="a"), spec(serviceName="a", podManagementPolicy="OrderedReady")),
        ("Job", spec(parallelism=1), spec(parallelism=2)),
        ("Job", node("1"), node("2")),
        ("PersistentVolumeClaim", storage("1Gi"), storage("2Gi")),
        ("PersistentVolumeClaim", storage("1Gi"), storage("1024Mi")),
        ("Service", spec(ports=[{"port": 80}]), spec(ports=[{"port": 81}])),
        ("Service", spec(type="ExternalName", clusterIP="a"), spec(type="ClusterIP", clusterIP="b")),
        ("ConfigMap", {"data": {"a": "1"}}, {"data": {"a": "2"}, "immutable": True}),
        ("Pod", spec(containers=[{"name": "a", "image": "a:1"}]), spec(containers=[{"name": "a", "image": "a:2"}])),
        ("Widget", spec(selector=1), spec(selector=2)),
    ],
)  # fmt: skip
def test_what_may_be_changed_is_no_problem(kind: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Growth, metadata, what a suspended Job allows, and a default that is written out."""
    assert refused(kind, before, after) == []


def test_an_object_against_itself_is_no_problem() -> None:
    """A real one, with everything the server put in."""
    found = sample("deployment-applied")
    assert immutable(found, found) == ()


def test_the_sentence_says_what_and_why() -> None:
    """It becomes the plan's `problem`."""
    found = immutable({"kind": "Secret", "type": "a"}, {"kind": "Secret", "type": "b"})
    assert str(found[0]) == "type cannot be changed; the object must be replaced."
    found = immutable({"kind": "Service", **spec(clusterIP="a")}, {"kind": "Service", **spec(clusterIP="b")})
    assert str(found[0]) == "spec.clusterIP cannot be changed (it is allocated); the object must be replaced."
