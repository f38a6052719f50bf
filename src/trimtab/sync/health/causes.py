"""The deepest cause: from a workload down to the pod, container or event that holds it up.

Children are the objects that a caller watches while a workload is not healthy, in one flat list and any order; an Event among
them counts for the object that it is about, and is the only witness of some causes (a quota met by a StatefulSet's or Job's
controller, the words of a failing probe, a volume that cannot be mounted).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from trimtab.sync.health.deletion import deleted, leaving
from trimtab.sync.health.fields import Object, mapping, objects, quote, text
from trimtab.sync.health.kinds import group_of, judge
from trimtab.sync.health.model import RUNNING, SEVERITY, VAGUE, Health
from trimtab.sync.health.workloads import creation_reason


class Kind(Struct, frozen=True, gc=False):
    """A kind to be watched, at a version that every supported cluster serves."""

    api_version: str
    name: str


_POD, _REPLICA_SET, _JOB, _EVENT = Kind("v1", "Pod"), Kind("apps/v1", "ReplicaSet"), Kind("batch/v1", "Job"), Kind("v1", "Event")

_CHILDREN: dict[tuple[str, str], tuple[Kind, ...]] = {
    ("apps", "Deployment"): (_REPLICA_SET, _POD),
    ("apps", "ReplicaSet"): (_POD,),
    ("apps", "StatefulSet"): (_POD,),
    ("apps", "DaemonSet"): (_POD,),
    ("", "ReplicationController"): (_POD,),
    ("batch", "Job"): (_POD,),
    ("batch", "CronJob"): (_JOB, _POD),
    ("", "PersistentVolumeClaim"): (_EVENT,),
}

_REVISION = "deployment.kubernetes.io/revision"
_COMBINED = "(combined from similar events): "
_DEPTH = 4
"""Deployment → ReplicaSet → Pod is two; a ring of owners must end too."""


class Cause(Struct, frozen=True):
    """Who holds the object up, and why."""

    path: tuple[str, ...]
    """`Kind/name` of each object on the way down; empty where the object's own event tells."""
    health: Health

    def __str__(self) -> str:
        """`ReplicaSet/x-6d4 → Pod/x-6d4-abc: CrashLoopBackOff, exit 1`."""
        return f"{' → '.join(self.path)}: {self.health.message}" if self.path else self.health.message


def children_of(live: Object) -> tuple[Kind, ...]:
    """The kinds of children worth watching while the object is not healthy, from the top down."""
    return _CHILDREN.get((group_of(live), text(live, "kind")), ())


def cause(live: Object, children: Sequence[Object]) -> str:
    """The deepest cause among the children as one phrase; "" where they give none."""
    found = deepest(live, children)
    return str(found) if found is not None else ""


def deepest(live: Object, children: Sequence[Object], depth: int = _DEPTH) -> Cause | None:
    """The deepest cause among the children, or else the object's own newest warning, where it does not know better."""
    for child, health in _ailing(live, children):
        below = deepest(child, children, depth - 1) if depth else None
        name = f"{text(child, 'kind')}/{text(mapping(child, 'metadata'), 'name')}"
        if below is None:
            return Cause((name,), health)
        if below.path:
            return Cause((name, *below.path), below.health)
        return Cause((name,), Health(health.status, health.reason, f"{health.message} ({below.health.message})"))
    warning = _newest_warning(live, children) if judge(live).reason in VAGUE else None
    return Cause((), warning) if warning is not None else None


def _ailing(owner: Object, children: Sequence[Object]) -> list[tuple[Object, Health]]:
    """The owner's unhealthy children: those that stay before those that leave, the newest revision first, then the worst."""
    judged = ((child, leaving(child, None) if deleted(child) else judge(child)) for child in children if _owns(owner, child))
    ailing = [(child, health) for child, health in judged if health.status != "Healthy" and health.reason != RUNNING]
    return sorted(
        ailing,
        key=lambda pair: (
            deleted(pair[0]),
            -_revision(pair[0]),
            -SEVERITY[pair[1].status],
            text(mapping(pair[0], "metadata"), "name"),
        ),
    )


def _owns(owner: Object, child: Object) -> bool:
    uid = text(mapping(owner, "metadata"), "uid")
    return bool(uid) and any(text(reference, "uid") == uid for reference in objects(mapping(child, "metadata"), "ownerReferences"))


def _revision(child: Object) -> int:
    try:
        return int(text(mapping(child, "metadata", "annotations"), _REVISION))
    except ValueError:
        return 0


def newest_event(live: Object, events: Sequence[Object], *types: str) -> Object | None:
    """The newest Event of these types (Warning, Normal) about the object (core/v1 or events.k8s.io/v1)."""
    uid = text(mapping(live, "metadata"), "uid")
    about = [
        event
        for event in events
        if uid and text(event, "kind") == "Event" and text(event, "type") in types
        and uid in {text(mapping(event, "involvedObject"), "uid"), text(mapping(event, "regarding"), "uid")}
    ]  # fmt: skip
    return max(about, key=_time, default=None)


def _time(event: Object) -> str:
    """When the event last happened. RFC 3339 in UTC sorts as text; the field depends on who wrote it."""
    series = text(mapping(event, "series"), "lastObservedTime")
    return max(series, *(text(event, name) for name in ("lastTimestamp", "deprecatedLastTimestamp", "eventTime")))


def _newest_warning(live: Object, children: Sequence[Object]) -> Health | None:
    event = newest_event(live, children, "Warning")
    if event is None:
        return None
    said = text(event, "message") or text(event, "note")
    reason = creation_reason(said, text(event, "reason")) or "Warning"
    return Health("Progressing", reason, quote(said.removeprefix(_COMBINED)) or reason)
