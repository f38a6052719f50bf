"""What a pod's containers say: the first one that holds the pod up, and why.

Waiting reasons are the kubelet's (kubernetes: pkg/kubelet/container/sync_result.go, pkg/kubelet/images/types.go).
"""

from __future__ import annotations

from trimtab.sync.health.fields import Object, last_line, mapping, number, objects, quote, text
from trimtab.sync.health.model import Health

_STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Waiting reasons of a container that simply has not begun. Every other one names an error, whether we know it or not."""

_CRASHED = "CrashLoopBackOff"


def trouble(pod: Object) -> Health | None:
    """The worst that a container of the pod says; None where none of them holds it up.

    Init containers come first, as they run first; what waits behind one of them is not to blame.
    """
    status, spec = mapping(pod, "status"), mapping(pod, "spec")
    restarts = text(spec, "restartPolicy") in {"", "Always"}
    sidecars = {text(item, "name") for item in objects(spec, "initContainers") if item.get("restartPolicy") == "Always"}
    several = _several(pod)
    first: Health | None = None
    for name, initial in (("initContainerStatuses", True), ("containerStatuses", False)):
        for container in objects(status, name):
            always = text(container, "name") in sidecars or (restarts and not initial)
            found = _container(container, always=always, endless=always or text(spec, "restartPolicy") != "Never")
            if found is not None:
                named = _named(found, text(container, "name"), initial=initial, several=several)
                if named.status == "Degraded":
                    return named
                first = first or named
    return first


def _several(pod: Object) -> bool:
    spec = mapping(pod, "spec")
    return len(objects(spec, "containers")) + len(objects(spec, "initContainers")) > 1


def _named(health: Health, name: str, *, initial: bool, several: bool) -> Health:
    """The same, with the container's name where a reader could not know which one is meant."""
    if not several and not initial:
        return health
    return Health(health.status, health.reason, f"{'init container' if initial else 'container'} {name}: {health.message}")


def _container(container: Object, *, always: bool, endless: bool) -> Health | None:
    """One container. `always`: it is to run for ever; `endless`: it is started again after a failure."""
    state = mapping(container, "state")
    if "waiting" in state:
        return _waiting(mapping(state, "waiting"), mapping(container, "lastState", "terminated"))
    ended = mapping(state, "terminated")
    failed = number(ended, "exitCode") != 0
    if not ended or (not failed and not always):
        return None
    if not endless:
        return Health("Degraded", text(ended, "reason") or "Error", _end(ended))
    return Health("Progressing", text(ended, "reason") or "Restarting", f"{_end(ended)}, to be started again")


def _waiting(waiting: Object, ended: Object) -> Health | None:
    """A container that does not run; `ended` is how it ended last time."""
    reason = text(waiting, "reason")
    if reason in _STARTING:
        return None
    if reason == _CRASHED:
        return Health("Degraded", _CRASHED, f"{_CRASHED}, {_end(ended)}" if ended else _CRASHED)
    said = quote(text(waiting, "message"))
    return Health("Degraded", reason, f"{reason}: {said}" if said else reason)


def _end(ended: Object) -> str:
    """How a container ended: `OOMKilled, exit 137`, `exit 1, last line: …`."""
    reason, signal, line = text(ended, "reason"), number(ended, "signal"), last_line(text(ended, "message"))
    parts = [] if reason in {"", "Error", "Completed"} else [reason]
    parts.append(f"exit {number(ended, 'exitCode')}")
    if signal:
        parts.append(f"signal {signal}")
    if line:
        parts.append(f"last line: {line}")
    return ", ".join(parts)


def ended_badly(pod: Object) -> Health | None:
    """The container that made a failed pod fail, if the pod says which."""
    for name, initial in (("initContainerStatuses", True), ("containerStatuses", False)):
        for container in objects(mapping(pod, "status"), name):
            ended = mapping(container, "state", "terminated") or mapping(container, "lastState", "terminated")
            if number(ended, "exitCode") != 0:
                health = Health("Degraded", text(ended, "reason") or "Error", _end(ended))
                return _named(health, text(container, "name"), initial=initial, several=_several(pod))
    return None


def unready(pod: Object) -> str:
    """Which container a running pod waits for, which probe, and how it ended before; "" where all are ready."""
    status, spec = mapping(pod, "status"), mapping(pod, "spec")
    probes = {text(item, "name"): item for item in objects(spec, "containers") + objects(spec, "initContainers")}
    for container in objects(status, "containerStatuses"):
        if container.get("ready") is not True:
            name, ended = text(container, "name"), mapping(container, "lastState", "terminated")
            before = f", and ended before: {_end(ended)}" if ended else ""
            return f"container {name} {_probe(container, probes.get(name, {}))}{before}"
    return ""


def _probe(container: Object, spec: Object) -> str:
    """What a container that runs and is not ready has not passed."""
    if "running" not in mapping(container, "state"):
        return "has not started yet"
    if "startupProbe" in spec and container.get("started") is not True:
        return "has not passed its startup probe"
    return "does not pass its readiness probe" if "readinessProbe" in spec else "is not ready yet"
