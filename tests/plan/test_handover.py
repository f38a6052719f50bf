"""Replicas change hands between Git and an autoscaler without a fall to one pod."""

from __future__ import annotations

from typing import Any

import pytest
from tests.plan.samples import OURS, entry, live

from trimtab.plan.fields import Fields, Path, path
from trimtab.plan.handover import driver, handover, take_back
from trimtab.plan.ownership import resolve

pytestmark = pytest.mark.fast

WITH = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 3, "paused": False}}
WITHOUT = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"paused": False}}
REPLICAS: Fields = {"f:spec": {"f:replicas": {}}}
HELD = live(WITH, entry(OURS, REPLICAS, operation="Apply"))


def scaled(_at: Path) -> str:
    """An autoscaler is there."""
    return "HorizontalPodAutoscaler web"


def alone(_at: Path) -> str:
    """None is."""
    return ""


def test_replicas_that_git_drops_are_handed_over_first() -> None:
    """The live value, applied by the second manager; the change of owner is for the plan to show."""
    found = handover(WITH, WITHOUT, HELD, manager=OURS, drives=scaled)
    assert found
    assert found.paths == (path("spec", "replicas"),)
    identity = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}
    assert found.body == {**identity, "spec": {"replicas": 3}}
    assert [(o.paths, o.before, o.after) for o in found.ownership] == [(("spec.replicas",), OURS, "HorizontalPodAutoscaler web")]


def test_without_an_autoscaler_nothing_is_handed_over() -> None:
    """Git dropped the field and nobody drives it: the default is what Git says."""
    assert handover(WITH, WITHOUT, HELD, manager=OURS, drives=alone) is None


def test_what_git_keeps_is_not_handed_over() -> None:
    """Nothing was dropped."""
    assert handover(WITH, WITH, HELD, manager=OURS, drives=scaled) is None


def test_what_the_autoscaler_owns_needs_no_handover() -> None:
    """Dropping our share of a field that somebody else owns too does not reset it."""
    shared = live(WITH, entry(OURS, REPLICAS, operation="Apply"), entry("kube-controller-manager", REPLICAS, subresource="scale"))
    assert handover(WITH, WITHOUT, shared, manager=OURS, drives=scaled) is None


@pytest.mark.parametrize(("holder", "subresource"), [("kube-controller-manager", "scale"), ("trimtab-handover", "")])
def test_when_the_autoscaler_goes_its_field_is_taken_back(holder: str, subresource: str) -> None:
    """Named in the plan before, and taken by the conflict's resolution with the same predicate."""
    left = live(WITH, entry(holder, REPLICAS, subresource=subresource))
    assert [(o.before, o.after) for o in take_back(WITH, left, manager=OURS, drives=alone)] == [(holder, OURS)]
    resolution = resolve(left, WITH, manager=OURS, conflicts=[(".spec.replicas", holder)], drives=alone)
    assert (resolution.drop, resolution.body) == ((), WITH)


def test_while_it_drives_nothing_is_taken_back() -> None:
    """Git may name replicas beside an autoscaler: they are yielded."""
    left = live(WITH, entry("kube-controller-manager", REPLICAS, subresource="scale"))
    assert take_back(WITH, left, manager=OURS, drives=scaled) == ()


def autoscaler(name: str = "web", kind: str = "HorizontalPodAutoscaler", **metadata: str) -> dict[str, Any]:
    """An autoscaler of the Deployment `shop/web`."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return {"kind": kind, "metadata": {"name": "scaler", "namespace": "shop", **metadata}, "spec": {"scaleTargetRef": target}}


def test_an_autoscaler_drives_what_it_names() -> None:
    """By group, kind, namespace and name; only replicas."""
    drives = driver(HELD, [autoscaler("other"), autoscaler()])
    assert drives(path("spec", "replicas")) == "HorizontalPodAutoscaler scaler"
    assert not drives(path("spec", "paused"))


def test_keda_may_leave_the_kind_out() -> None:
    """Its target is a Deployment then."""
    scaled_object = autoscaler(kind="ScaledObject")
    scaled_object["spec"]["scaleTargetRef"] = {"name": "web"}
    assert driver(HELD, [scaled_object])(path("spec", "replicas")) == "ScaledObject scaler"


@pytest.mark.parametrize(
    "other",
    [
        autoscaler("other"),
        autoscaler(namespace="elsewhere"),
        autoscaler(deletionTimestamp="2026-01-01T00:00:00Z"),
        autoscaler(kind="PodDisruptionBudget"),
    ],
)
def test_others_drive_nothing(other: dict[str, Any]) -> None:
    """Another target, another namespace, one that is going, another kind."""
    assert not driver(HELD, [other])(path("spec", "replicas"))
