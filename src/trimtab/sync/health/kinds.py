"""Which way of reading a kind has: a function where counting is needed, else a rule, else the convention.

The convention is kstatus's: `status.observedGeneration`, and the conditions Ready, Available, Reconciling, Stalled, Failed and
Progressing (kubernetes-sigs/cli-utils: pkg/kstatus/README.md). It is a rule as well: `rules/convention.json`.
"""

from __future__ import annotations

from collections.abc import Callable

from trimtab.sync.health import jobs, pods, rules, scaling, workloads
from trimtab.sync.health.fields import Object, mapping, number, objects, text
from trimtab.sync.health.model import Health

FUNCTIONS: dict[tuple[str, str], Callable[[Object], Health]] = {
    ("", "Pod"): pods.pod,
    ("", "ReplicationController"): workloads.replica_set,
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "ReplicaSet"): workloads.replica_set,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("apps", "DaemonSet"): workloads.daemon_set,
    ("batch", "Job"): jobs.job,
    ("batch", "CronJob"): jobs.cron_job,
    ("autoscaling", "HorizontalPodAutoscaler"): scaling.horizontal_pod_autoscaler,
}


def judge(live: Object) -> Health:
    """What the object says of itself now, without its children and without a clock. It is taken not to be terminating."""
    key = (group_of(live), text(live, "kind"))
    behind = _behind(live)
    if behind is not None:
        return behind
    function = FUNCTIONS.get(key)
    if function is not None:
        return function(live)
    rule = rules.table().get(key)
    if rule is not None:
        return rules.apply(rule, live)
    return _unfamiliar(live) if key[1] else Health("Unknown", "NoKind", "is no Kubernetes object: it has no kind")


def group_of(live: Object) -> str:
    """`apps` of `apps/v1`, "" of `v1`."""
    group, slash, _ = text(live, "apiVersion").partition("/")
    return group if slash else ""


def _behind(live: Object) -> Health | None:
    """A controller that has not seen the newest generation says nothing about it."""
    wanted, seen = number(mapping(live, "metadata"), "generation"), mapping(live, "status").get("observedGeneration")
    return _unobserved() if type(seen) is int and seen < wanted else None


def _unobserved() -> Health:
    return Health("Progressing", "Unobserved", "its controller has not looked at the newest change yet")


def _unfamiliar(live: Object) -> Health:
    """A kind without a rule of its own. Conditions may carry an `observedGeneration` each (KEP-1623)."""
    wanted = number(mapping(live, "metadata"), "generation")
    for condition in objects(mapping(live, "status"), "conditions"):
        if text(condition, "type") in {"Ready", "Available"} and number(condition, "observedGeneration", wanted) < wanted:
            return _unobserved()
    return rules.apply(rules.table()[rules.ANY, rules.ANY], live)
