"""Health of what keeps a number of pods running: Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController.

The counts are those by which `kubectl rollout status` decides (kubernetes.io/docs/concepts/workloads/controllers/deployment,
"Complete Deployment"). They are looked at first: a workload with all its replicas is healthy, whatever its conditions remember.
"""

from __future__ import annotations

from trimtab.sync.health.fields import Object, conditions, holds, mapping, number, plural, quote, text
from trimtab.sync.health.model import Health

_PASSING = ("serviceaccount", "failed calling webhook", "because it is being terminated")
"""Parts of a creation error that go away by themselves: an account or webhook that is just coming, a name that is just going."""


def deployment(live: Object) -> Health:
    """A Deployment: paused, short of new replicas, waiting for surplus ones to go, or complete."""
    spec, status = mapping(live, "spec"), mapping(live, "status")
    wanted = number(spec, "replicas", 1)
    replicas, updated, available = number(status, "replicas"), number(status, "updatedReplicas"), number(status, "availableReplicas")
    if spec.get("paused") is True:
        return Health("Suspended", "Paused", "is paused: changes of its pod template are not rolled out")
    if updated >= wanted and replicas <= wanted and available >= wanted and status.get("observedGeneration") is not None:
        return Health("Healthy", "Available", _available(available, wanted))
    return _stopped(live, surging=replicas > updated) or _unfinished(wanted, replicas, updated, available)


def _available(available: int, wanted: int, what: str = "replicas") -> str:
    return f"{available} of {wanted} {what} available"


def _unfinished(wanted: int, replicas: int, updated: int, available: int) -> Health:
    """Which of a rollout's three steps is under way; they stand in the order in which they end."""
    if updated < wanted:
        return Health("Progressing", "Updating", f"{updated} of {wanted} replicas updated, {available} available")
    if replicas > wanted:
        return Health("Progressing", "ScalingDown", f"{plural(replicas - wanted, 'surplus replica')} still to be terminated")
    return Health("Progressing", "Unavailable", _available(available, wanted))


def _stopped(live: Object, *, surging: bool) -> Health | None:
    """What a Deployment's conditions say about a rollout that cannot go on.

    A creation that fails while old replicas are still there (`surging`) may succeed once they have gone, as under a quota without
    room for the surge: the Deployment's own progress deadline decides then.
    """
    known = conditions(live)
    failed = _creation_failure(known.get("ReplicaFailure"))
    progressing = known.get("Progressing", {})
    if text(progressing, "reason") == "ProgressDeadlineExceeded":
        because = failed.message if failed else quote(text(progressing, "message"))
        return Health("Degraded", "ProgressDeadlineExceeded", f"has made no progress within its progressDeadlineSeconds: {because}")
    if failed and surging:
        return Health("Progressing", failed.reason, failed.message)
    return failed


def _creation_failure(condition: Object | None) -> Health | None:
    """What a ReplicaFailure condition says: quota, admission, pod security. The API's sentence names the pod and the limit."""
    if not holds(condition):
        return None
    message = text(condition, "message")
    reason = creation_reason(message, text(condition, "reason")) or "ReplicaFailure"
    passing = any(part in message for part in _PASSING)
    return Health("Progressing" if passing else "Degraded", reason, f"pods cannot be created: {quote(message)}")


def creation_reason(message: str, reason: str) -> str:
    """The API's reason for a pod that cannot be created. It calls a quota FailedCreate like everything else: its sentence tells."""
    return "ExceededQuota" if "exceeded quota" in message else reason


def replica_set(live: Object) -> Health:
    """A ReplicaSet or ReplicationController: it has its replicas, is on its way, or cannot create pods."""
    status = mapping(live, "status")
    wanted = number(mapping(live, "spec"), "replicas", 1)
    replicas, available = number(status, "replicas"), number(status, "availableReplicas")
    failed = _creation_failure(conditions(live).get("ReplicaFailure"))
    if failed:
        return failed
    if replicas > wanted:
        return Health("Progressing", "ScalingDown", f"{plural(replicas - wanted, 'surplus replica')} still to be terminated")
    if available < wanted or status.get("observedGeneration") is None:
        return Health("Progressing", "Unavailable", _available(available, wanted))
    return Health("Healthy", "Available", _available(available, wanted))


def stateful_set(live: Object) -> Health:
    """A StatefulSet: replicas first, then how far its update strategy lets an update go."""
    spec, status = mapping(live, "spec"), mapping(live, "status")
    wanted = number(spec, "replicas", 1)
    replicas, ready = number(status, "replicas"), number(status, "readyReplicas")
    available = min(ready, number(status, "availableReplicas", ready))
    if replicas > wanted:
        return Health("Progressing", "ScalingDown", f"{plural(replicas - wanted, 'surplus replica')} still to be terminated")
    if available < wanted or status.get("observedGeneration") is None:
        return Health("Progressing", "Unavailable", _available(available, wanted))
    return _updated_stateful_set(mapping(spec, "updateStrategy"), status, wanted, available)


def _updated_stateful_set(strategy: Object, status: Object, wanted: int, available: int) -> Health:
    """Whether the update has reached every replica that its strategy lets it reach.

    The controller reports `updatedReplicas` only while two revisions exist, and sets `currentRevision` to `updateRevision` at the
    end. Under OnDelete, and below a partition, old pods stay until a person acts, so they are no sign of sickness.
    """
    outdated = text(status, "updateRevision") != text(status, "currentRevision")
    updated = number(status, "updatedReplicas") if outdated else wanted
    partition = number(mapping(strategy, "rollingUpdate"), "partition")
    if text(strategy, "type") == "OnDelete":
        waiting = f"; {wanted - updated} of an old revision until somebody deletes them" if updated < wanted else ""
        return Health("Healthy", "Available", _available(available, wanted) + waiting)
    if updated < wanted - partition:
        return Health("Progressing", "Updating", f"{updated} of {wanted - partition} replicas updated, {available} of {wanted} available")
    kept = f"; the partition keeps {min(partition, wanted)} at the old revision" if partition and outdated else ""
    if outdated and not partition:
        return Health("Progressing", "Updating", "all replicas are updated, the new revision is not yet the current one")
    return Health("Healthy", "Available", _available(available, wanted) + kept)


def daemon_set(live: Object) -> Health:
    """A DaemonSet: one pod on each node that it selects, of the newest template unless its strategy is OnDelete."""
    status = mapping(live, "status")
    wanted, available = number(status, "desiredNumberScheduled"), number(status, "numberAvailable")
    updated = number(status, "updatedNumberScheduled")
    waits = text(mapping(live, "spec", "updateStrategy"), "type") == "OnDelete"
    if status.get("observedGeneration") is None:
        return Health("Progressing", "Unobserved", "its controller has not looked at it yet")
    if updated < wanted and not waits:
        return Health("Progressing", "Updating", f"{updated} of {wanted} pods updated, {available} available")
    if available < wanted:
        return Health("Progressing", "Unavailable", _available(available, wanted, "pods"))
    if not wanted:
        return Health("Healthy", "NoNodes", "no node is selected, so no pod is wanted")
    old = f"; {wanted - updated} of an old revision until somebody deletes them" if updated < wanted else ""
    return Health("Healthy", "Available", _available(available, wanted, "pods") + old)
