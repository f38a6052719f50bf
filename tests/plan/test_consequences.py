"""Consequences: what a change does to what runs, in words."""

from __future__ import annotations

from typing import Any

import pytest

from trimtab.plan.consequences import consequence

pytestmark = pytest.mark.fast

Body = dict[str, Any]


def workload(kind: str = "Deployment", *, image: str = "app:1", requests: Body | None = None, **spec: Any) -> Body:
    """A workload of one container."""
    container = {"name": "app", "image": image, "resources": {"requests": requests or {"cpu": "100m", "memory": "64Mi"}}}
    return {"kind": kind, "spec": {"replicas": 2, "template": {"spec": {"containers": [container]}}, **spec}}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (workload(), workload(replicas=3), "1 pod more (+100m CPU, +64Mi); nothing restarts"),
        (workload(replicas=4), workload(), "2 pods fewer (-200m CPU, -128Mi); nothing restarts"),
        (workload(), workload(image="app:2"), "restarts 2 pods"),
        (workload(replicas=4), workload(replicas=5, image="app:2"), "1 pod more (+100m CPU, +64Mi); restarts 4 pods"),
        (workload(strategy={"type": "Recreate"}), workload(image="app:2", strategy={"type": "Recreate"}), "restarts 2 pods, all at once"),
        (workload(replicas=0), workload(replicas=0, image="app:2"), "no pod runs, so none restarts"),
        (workload(paused=True), workload(paused=True, image="app:2"), "nothing restarts while it is paused"),
        (workload(), workload(minReadySeconds=5), "nothing restarts"),
        (workload("DaemonSet"), workload("DaemonSet", image="app:2"), "restarts its pods on every node"),
        (
            workload("StatefulSet", updateStrategy={"type": "OnDelete"}),
            workload("StatefulSet", image="app:2", updateStrategy={"type": "OnDelete"}),
            "pods stay as they are until they are deleted",
        ),
        (workload("StatefulSet", replicas=5), workload("StatefulSet", replicas=5, image="app:2"), "restarts 5 pods"),
        (
            workload("StatefulSet", updateStrategy={"rollingUpdate": {"partition": 1}}),
            workload("StatefulSet", image="app:2", updateStrategy={"rollingUpdate": {"partition": 1}}),
            "restarts 1 pod",
        ),
    ],
)
def test_a_workloads_change_says_what_restarts_and_what_it_costs(before: Body, after: Body, words: str) -> None:
    """Only the template makes new pods; replicas make more or fewer."""
    assert consequence(before, after) == words


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (None, workload(), "starts 2 pods (+200m CPU, +128Mi)"),
        (None, workload("DaemonSet"), "starts a pod on each node (+100m CPU, +64Mi each)"),
        (None, {"kind": "ConfigMap"}, ""),
        (workload(), None, "stops 2 pods"),
        ({"kind": "Namespace"}, None, "deletes everything in it"),
        ({"kind": "PersistentVolumeClaim"}, None, "its data may be lost"),
        ({"kind": "CustomResourceDefinition"}, None, "deletes all its instances"),
    ],
)
def test_a_creation_and_a_deletion_say_what_comes_and_goes(before: Body | None, after: Body | None, words: str) -> None:
    """Where it is worth a word."""
    assert consequence(before, after) == words


def test_the_pods_that_live_count_where_they_are_known() -> None:
    """An autoscaler may run more than the manifest says."""
    assert consequence(workload(), workload(image="app:2"), pods=7) == "restarts 7 pods"
    assert consequence(workload("DaemonSet"), None, pods=3) == "stops 3 pods"


def test_a_metadata_change_restarts_nothing() -> None:
    """A label of the Deployment is none of its pods."""
    assert consequence(workload(), {**workload(), "metadata": {"labels": {"a": "1"}}}) == "nothing restarts (metadata only)"


def test_the_same_object_has_no_consequence() -> None:
    """Nothing to say."""
    assert not consequence(workload(), workload())


@pytest.mark.parametrize(
    ("kind", "before", "after", "words"),
    [
        ("Service", {"spec": {"selector": {"a": "1"}}}, {"spec": {"selector": {"a": "2"}}}, "traffic goes to other pods at once"),
        ("Role", {"rules": []}, {"rules": [{"verbs": ["get"]}]}, "rights change at once"),
        ("CronJob", {"spec": {"schedule": "a"}}, {"spec": {"schedule": "b"}}, "from its next run"),
        ("Widget", {"spec": {"a": 1}}, {"spec": {"a": 2}}, ""),
    ],
)
def test_other_kinds_say_what_matters(kind: str, before: Body, after: Body, words: str) -> None:
    """A reader learns what the fields do not say."""
    assert consequence({"kind": kind, **before}, {"kind": kind, **after}) == words


def test_a_config_change_says_when_pods_see_it() -> None:
    """The commonest surprise."""
    words = consequence({"kind": "ConfigMap", "data": {"a": "1"}}, {"kind": "ConfigMap", "data": {"a": "2"}})
    assert words == "nothing restarts; pods see it in mounted files within a minute, in their environment after a restart"


def test_a_request_left_out_is_the_limit() -> None:
    """As the API server has it."""
    limited = workload()
    limited["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": 1}}
    assert consequence(None, limited) == "starts 2 pods (+2 CPU)"
