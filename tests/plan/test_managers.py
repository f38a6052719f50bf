"""Who is who among field managers, and which fields are a controller's to drive."""

from __future__ import annotations

import pytest
from tests.plan.samples import OURS

from trimtab.plan.fields import Path, field, item, path
from trimtab.plan.managers import KNOWN, NOBODYS, YIELDS, Who, classify, nobodys, yielded

pytestmark = pytest.mark.fast

WHO: dict[Who, str] = {
    "ours": "trimtab:0123456789 trimtab-handover",
    "other-application": "trimtab:ffffffffff",
    "person": "kubectl kubectl-edit kubectl-client-side-apply kubectl-patch k9s Lens OpenLens headlamp rancher Mozilla oc",
    "tool": "before-first-apply helm argocd-controller argocd-application-controller kustomize-controller fleetagent kluctl flux",
    "controller": "kubectl-rollout kube-controller-manager cainjector keda-operator vpa-recommender pilot-discovery kubelet manager",
    "unknown": "home-made trimtab node",
}


@pytest.mark.parametrize(("who", "manager"), [(who, manager) for who, managers in WHO.items() for manager in managers.split()])
def test_a_manager_is_known_by_its_name(who: Who, manager: str) -> None:
    """The table tells people, earlier tools and controllers apart; a restart by `kubectl rollout` is nobody's change."""
    assert classify(manager, ours=OURS) == who


def test_each_row_says_why() -> None:
    """A row without a reason cannot be judged by who comes later."""
    assert all([row.reason for row in KNOWN] + [row.reason for row in (*YIELDS, *NOBODYS)])


CA = (*path("webhooks"), item({"name": "x.example.com"}), *path("clientConfig", "caBundle"))
REPLICAS = path("spec", "replicas")


@pytest.mark.parametrize(
    ("manager", "subresource", "kind", "at"),
    [
        ("kube-controller-manager", "scale", "Deployment", REPLICAS),
        ("keda-operator", "", "StatefulSet", REPLICAS),
        ("cainjector", "", "ValidatingWebhookConfiguration", CA),
        ("cainjector", "", "CustomResourceDefinition", path("spec", "conversion", "webhook", "clientConfig", "caBundle")),
        ("manager", "", "MutatingWebhookConfiguration", CA),
        ("pilot-discovery", "", "MutatingWebhookConfiguration", CA),
        ("kube-controller-manager", "", "PersistentVolumeClaim", path("spec", "volumeName")),
        ("kube-controller-manager", "", "ServiceAccount", (*path("secrets"), item({"name": "x-token"}))),
    ],
)
def test_a_controller_keeps_what_it_drives(manager: str, subresource: str, kind: str, at: Path) -> None:
    """These (manager, subresource, path) rows are dropped from our body."""
    assert yielded(manager, subresource, kind, at)


@pytest.mark.parametrize(
    ("manager", "subresource", "at"),
    [
        ("kubectl", "scale", REPLICAS),
        ("home-made", "scale", REPLICAS),
        ("helm", "", REPLICAS),
        ("kube-controller-manager", "", REPLICAS),
        ("kube-controller-manager", "scale", path("spec", "paused")),
        ("cainjector", "", path("spec", "selector")),
    ],
)
def test_nobody_else_keeps_a_field(manager: str, subresource: str, at: Path) -> None:
    """Neither a person who scales by hand, nor an unknown manager, nor a controller outside its row."""
    assert not yielded(manager, subresource, "Deployment", at)


@pytest.mark.parametrize(
    ("kind", "at"),
    [
        ("Deployment", (*path("spec", "template", "metadata", "annotations"), field("kubectl.kubernetes.io/restartedAt"))),
        ("ConfigMap", (*path("metadata", "annotations"), field("kubectl.kubernetes.io/last-applied-configuration"))),
        ("Namespace", (*path("metadata", "labels"), field("kubernetes.io/metadata.name"))),
        ("Deployment", path("status", "replicas")),
        ("Service", path("spec", "clusterIPs")),
    ],
)
def test_what_is_no_configuration_is_nobodys(kind: str, at: Path) -> None:
    """Restarts, records and allocations are no drift, whoever's entry they stand in."""
    assert nobodys(kind, at)
    assert not nobodys(kind, path("spec", "template"))
