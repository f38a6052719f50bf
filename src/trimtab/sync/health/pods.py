"""Health of a Pod, by its phase (kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle)."""

from __future__ import annotations

from trimtab.sync.health import containers
from trimtab.sync.health.fields import Object, conditions, holds, mapping, objects, quote, text
from trimtab.sync.health.model import RUNNING, Health


def pod(live: Object) -> Health:
    """A Pod: ended well or badly, out of sight, running, or on its way to a node and its containers' start."""
    match text(mapping(live, "status"), "phase"):
        case "Succeeded":
            return Health("Healthy", "Succeeded", "has run to its end")
        case "Failed":
            return _failed(live)
        case "Running":
            return containers.trouble(live) or _running(live)
        case "Unknown":
            return Health("Unknown", "NodeLost", "its node does not answer, so its state is not known")
        case _:
            return containers.trouble(live) or _pending(live)


def _failed(live: Object) -> Health:
    """Evicted, past its deadline, refused by the kubelet; otherwise the container that failed tells why."""
    status = mapping(live, "status")
    reason, message = text(status, "reason"), quote(text(status, "message"))
    if reason:
        return Health("Degraded", reason, f"{reason}: {message}" if message else f"has failed: {reason}")
    return containers.ended_badly(live) or Health("Degraded", "Failed", message or "has failed")


def _running(live: Object) -> Health:
    """A pod whose containers run. One that is to end (restartPolicy Never or OnFailure) is under way until it has."""
    known = conditions(live)
    if text(mapping(live, "spec"), "restartPolicy") in {"Never", "OnFailure"}:
        return Health("Progressing", RUNNING, "is running, to its end")
    resize = known.get("PodResizePending")
    if holds(resize):
        reason = text(resize, "reason") or "Deferred"
        said = f"cannot be resized on its node: {quote(text(resize, 'message'))}"
        return Health("Degraded" if reason == "Infeasible" else "Progressing", f"Resize{reason}", said)
    if holds(known.get("Ready")):
        return Health("Healthy", "Ready", "is ready")
    return Health("Progressing", "NotReady", _why_not_ready(live, known))


def _why_not_ready(live: Object, known: dict[str, Object]) -> str:
    """A container that is not ready, a readiness gate that nobody opened, or what the Ready condition says."""
    disruption = known.get("DisruptionTarget")
    if holds(disruption):
        return f"is to leave its node: {quote(text(disruption, 'message')) or text(disruption, 'reason')}"
    waiting = containers.unready(live)
    if waiting:
        return waiting
    for gate in objects(mapping(live, "spec"), "readinessGates"):
        if not holds(known.get(text(gate, "conditionType"))):
            return f"waits for its readiness gate {text(gate, 'conditionType')}"
    return quote(text(known.get("Ready", {}), "message")) or "is not ready yet"


def _pending(live: Object) -> Health:
    """A pod that waits for a scheduler, an init container or its first start."""
    scheduled = conditions(live).get("PodScheduled", {})
    if text(scheduled, "reason") == "SchedulingGated":
        gates = ", ".join(text(gate, "name") for gate in objects(mapping(live, "spec"), "schedulingGates"))
        return Health(
            "Suspended", "SchedulingGated", f"is held back by its scheduling gates: {gates}" if gates else "is held back by a gate"
        )
    if text(scheduled, "status") == "False":
        reason = text(scheduled, "reason") or "Unschedulable"
        # What follows tells of the attempt to evict other pods, at length and without news.
        said, _, _ = text(scheduled, "message").partition(" preemption:")
        return Health("Progressing", reason, f"no node takes it: {quote(said).rstrip(',')}")
    if not text(mapping(live, "spec"), "nodeName"):
        return Health("Progressing", "Pending", "waits for a scheduler")
    return Health("Progressing", "Starting", _what_starts(live))


def _what_starts(live: Object) -> str:
    """The first init container that has not ended, otherwise the containers."""
    for container in objects(mapping(live, "status"), "initContainerStatuses"):
        ended = "terminated" in mapping(container, "state")
        if not ended and container.get("ready") is not True and container.get("started") is not True:
            return f"init container {text(container, 'name')} has not started yet"
        if not ended and container.get("ready") is not True:
            return f"init container {text(container, 'name')} is running"
    return "its containers are starting"
