"""What a change does to what runs, in a few words: `1 pod more (+100m CPU, +64Mi); nothing restarts`. Pure.

Sources: the workload controllers' documentation. Only a change of the pod template makes new pods; a selector, a Service or a
ConfigMap never does by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from trimtab.plan.difference import Difference, differences
from trimtab.plan.fields import show
from trimtab.plan.quantity import quantity, show_bytes, show_cpu

Body = Mapping[str, Any]

REPLICATED = frozenset({"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"})
TEMPLATED = REPLICATED | {"DaemonSet"}


def consequence(before: Body | None, after: Body | None, *, pods: int | None = None) -> str:
    """What happens when `before` becomes `after`; None on one side is a creation or a deletion. "" where nothing is worth a word.

    `pods` is how many pods the workload has now, where that is known; else it is what the object asks for.
    """
    kind = (after or before or {}).get("kind", "")
    if before is None:
        parts = _created(kind, after or {})
    elif after is None:
        parts = _deleted(kind, before, pods)
    else:
        parts = _changed(kind, before, after, pods)
    return "; ".join(parts)


def _created(kind: str, after: Body) -> Iterator[str]:
    if kind in REPLICATED and _replicas(after):
        yield f"starts {_pods(_replicas(after))}{_resources(_template(after), _replicas(after))}"
    elif kind == "DaemonSet":
        yield f"starts a pod on each node{_resources(_template(after), 1, each=True)}"
    elif kind == "Job":
        yield "runs to its end"


def _deleted(kind: str, before: Body, pods: int | None) -> Iterator[str]:
    match kind:
        case "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController":
            yield f"stops {_pods(_replicas(before) if pods is None else pods)}"
        case "DaemonSet":
            yield "stops its pods on every node" if pods is None else f"stops {_pods(pods)}"
        case "Service":
            yield "its name and address no longer answer"
        case "Ingress" | "HTTPRoute" | "GRPCRoute":
            yield "its hosts are no longer routed"
        case "Namespace":
            yield "deletes everything in it"
        case "PersistentVolumeClaim" | "PersistentVolume":
            yield "its data may be lost"
        case "CustomResourceDefinition":
            yield "deletes all its instances"
        case "HorizontalPodAutoscaler":
            yield "nothing scales it any more"


def _changed(kind: str, before: Body, after: Body, pods: int | None) -> Iterator[str]:
    found = differences(before, after)
    if kind in TEMPLATED:
        yield from _workload(kind, before, after, found, pods)
    elif kind == "CronJob" and _touched(found, "spec"):
        yield "from its next run"
    elif kind == "Service":
        yield from _service(found)
    elif kind in {"ConfigMap", "Secret"} and (_touched(found, "data") or _touched(found, "binaryData")):
        yield "nothing restarts; pods see it in mounted files within a minute, in their environment after a restart"
    elif kind in {"Role", "ClusterRole"} and _touched(found, "rules"):
        yield "rights change at once"
    elif kind == "HorizontalPodAutoscaler" and _touched(found, "spec"):
        yield "the number of pods may change"


def _workload(kind: str, before: Body, after: Body, found: tuple[Difference, ...], pods: int | None) -> Iterator[str]:
    if kind in REPLICATED:
        yield from _scaled(before, after)
    if _touched(found, "spec.template"):
        yield _restart(kind, before, after, pods)
    elif found and _touched(found, "spec"):
        yield "nothing restarts"
    elif found:
        yield "nothing restarts (metadata only)"


def _scaled(before: Body, after: Body) -> Iterator[str]:
    """By how many pods, where both sides say a number."""
    old, new = ((side.get("spec") or {}).get("replicas") for side in (before, after))
    if isinstance(old, int) and isinstance(new, int) and old != new:
        sign, count = ("+", new - old) if new > old else ("-", old - new)
        word = "more" if new > old else "fewer"
        yield f"{_pods(count)} {word}{_resources(_template(after), count, sign=sign)}"


def _restart(kind: str, before: Body, after: Body, pods: int | None) -> str:
    """How the pods are replaced."""
    spec = after.get("spec") or {}
    strategy = spec.get("updateStrategy" if kind in {"StatefulSet", "DaemonSet"} else "strategy") or {}
    if kind in {"ReplicaSet", "ReplicationController"} or strategy.get("type") == "OnDelete":
        return "pods stay as they are until they are deleted"
    if spec.get("paused"):
        return "nothing restarts while it is paused"
    count = pods if pods is not None else None if kind == "DaemonSet" else min(_replicas(before), _replicas(after))
    if count == 0:
        return "no pod runs, so none restarts"
    at_once = ", all at once" if strategy.get("type") == "Recreate" and count != 1 else ""
    partition = (strategy.get("rollingUpdate") or {}).get("partition")
    if isinstance(partition, int) and partition and kind == "StatefulSet" and count is not None:
        count = max(count - partition, 0)
    return f"restarts {'its pods on every node' if count is None else _pods(count)}{at_once}"


def _service(found: tuple[Difference, ...]) -> Iterator[str]:
    if _touched(found, "spec.selector"):
        yield "traffic goes to other pods at once"
    if _touched(found, "spec.type"):
        yield "how it is reached changes"
    if _touched(found, "spec.ports"):
        yield "its ports change at once"


def _touched(found: tuple[Difference, ...], root: str) -> bool:
    return any(at == root or at.startswith((f"{root}.", f"{root}[")) for at in (show(d.path) for d in found))


def _replicas(body: Body) -> int:
    """What an object asks for; the default is one."""
    count = (body.get("spec") or {}).get("replicas")
    return count if isinstance(count, int) else 1


def _template(body: Body) -> Body:
    return ((body.get("spec") or {}).get("template") or {}).get("spec") or {}


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"


def _resources(pod: Body, count: int, *, sign: str = "+", each: bool = False) -> str:
    """` (+100m CPU, +64Mi)`: what so many pods ask for together; "" where they ask for nothing."""
    cpu, memory = (_requested(pod, name) * count for name in ("cpu", "memory"))
    parts = [f"{sign}{show_cpu(cpu)} CPU"] * bool(cpu) + [f"{sign}{show_bytes(memory)}"] * bool(memory)
    return f" ({', '.join(parts)}{' each' if each else ''})" if parts else ""


def _requested(pod: Body, resource: str) -> Decimal:
    """The sum over containers; a request left out is the limit, as the API server has it. Side-car init containers count too."""
    sidecars = [c for c in pod.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    return sum((_request(c.get("resources") or {}, resource) for c in [*(pod.get("containers") or ()), *sidecars]), Decimal(0))


def _request(resources: Body, resource: str) -> Decimal:
    asked = (resources.get("requests") or {}).get(resource, (resources.get("limits") or {}).get(resource))
    return quantity(asked) or Decimal(0)
