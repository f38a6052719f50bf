"""In which order objects are applied, and deleted. Pure.

Explicit waves come first, ascending. Within a wave, an object waits only for what the API server needs to accept it, because each
stage more is a round trip more: a namespace's content for the namespace, an instance for its CustomResourceDefinition, a bare Pod or
Job for its ServiceAccount and PriorityClass, workloads for the quotas and limits of their namespace, and everything for what sits in
the way of requests (webhooks, admission policies, aggregated APIs), which goes last. Pods wait for ConfigMaps, volumes and
ServiceAccounts by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from trimtab.plan.model import Desired, Entry, Key

Stages = list[list[int]]
"""Each stage the positions of its objects in the input; everything in one stage is applied in parallel."""

Name = tuple[str, str, str, str]
"""What an object is or needs: (group, kind, namespace, name)."""

DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
WORKLOADS = frozenset({
    ("", "Pod"), ("", "ReplicationController"), ("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"),
    ("apps", "ReplicaSet"), ("batch", "Job"), ("batch", "CronJob"),
})  # fmt: skip
BARE_PODS = frozenset({("", "Pod"), ("batch", "Job")})
"""Kinds whose pods are refused, or delayed by a long back-off, where their ServiceAccount is not there yet."""
LIMITS = frozenset({("", "ResourceQuota"), ("", "LimitRange")})
"""Kinds that change what is admitted later, but not what is there already."""
WATCHERS = frozenset({
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"), ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"), ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"), ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
    ("apiregistration.k8s.io", "APIService"),
})  # fmt: skip
"""Kinds that sit in the way of other objects' requests as soon as they are there."""


def stages(desired: Sequence[Desired], decoded: Sequence[Mapping[str, Any]]) -> Stages:
    """The fewest stages in which each object comes after what it needs, waves ascending. `decoded[i]` is the body of `desired[i]`.

    What an earlier wave needs (a namespace without a wave of its own, say) is applied in that wave: it could not succeed otherwise.
    """
    needs = _needs(desired, decoded)
    waves = _waves(desired, needs)
    levels = _levels(desired, needs, waves)
    places = sorted({(waves[i], levels[i]) for i in range(len(desired))})
    stage_of = {place: number for number, place in enumerate(places)}
    result: Stages = [[] for _ in places]
    for i in range(len(desired)):
        result[stage_of[waves[i], levels[i]]].append(i)
    return result


def barriers(desired: Sequence[Desired], decoded: Sequence[Mapping[str, Any]], staged: Stages) -> list[tuple[int, ...]]:
    """For each stage, the objects that must be healthy before the next one begins; none are after the last.

    At the end of a wave: all of it. Within a wave: a CustomResourceDefinition (its health is that it is established), and the workload
    behind a webhook before the webhook, which would otherwise stop its own pods. For the rest it is enough that they are accepted.
    """
    waves = _waves(desired, _needs(desired, decoded))
    wave_of = [waves[stage[0]] for stage in staged]
    return [
        tuple(_awaited(desired, decoded, staged, number, whole_wave=wave_of[number] != wave_of[number + 1], waves=waves))
        for number in range(len(staged) - 1)
    ] + [()] * min(len(staged), 1)


def _awaited(
    desired: Sequence[Desired],
    decoded: Sequence[Mapping[str, Any]],
    staged: Stages,
    number: int,
    *,
    whole_wave: bool,
    waves: Sequence[int],
) -> Iterator[int]:
    if whole_wave:
        wave = waves[staged[number][0]]
        yield from (i for stage in staged[: number + 1] for i in stage if waves[i] == wave)
        return
    behind = {name for i in staged[number + 1] for name in _backends(decoded[i])}
    selectors = [_selector(d) for d in decoded if _service(d) in behind]
    for i in staged[number]:
        if _kind(desired[i].key) == DEFINITION or (_kind(desired[i].key) in WORKLOADS and _selected(decoded[i], selectors)):
            yield i


def _needs(desired: Sequence[Desired], decoded: Sequence[Mapping[str, Any]]) -> list[set[int]]:
    """For each object, the positions of those that must be accepted before it, in whatever wave they are."""
    where = {(d.key.group, d.key.kind, d.key.namespace, d.key.name): i for i, d in enumerate(desired)}
    definitions = {_defines(body): i for i, body in enumerate(decoded) if _kind(desired[i].key) == DEFINITION}
    limits: dict[str, set[int]] = {}
    for i, d in enumerate(desired):
        if _kind(d.key) in LIMITS:
            limits.setdefault(d.key.namespace, set()).add(i)
    result = []
    for i, d in enumerate(desired):
        found = {where[name] for name in _names_needed(d.key, decoded[i]) if name in where}
        found |= {definitions[_kind(d.key)]} if _kind(d.key) in definitions else set()
        found |= limits.get(d.key.namespace, set()) if _kind(d.key) in WORKLOADS else set()
        result.append(found - {i})
    return result


def _names_needed(key: Key, body: Mapping[str, Any]) -> Iterator[Name]:
    if key.namespace:
        yield ("", "Namespace", "", key.namespace)
    if _kind(key) in BARE_PODS:
        spec = _pod_spec(body)
        account = spec.get("serviceAccountName") or spec.get("serviceAccount")
        if account:
            yield ("", "ServiceAccount", key.namespace, account)
        if spec.get("priorityClassName"):
            yield ("scheduling.k8s.io", "PriorityClass", "", spec["priorityClassName"])
        if spec.get("runtimeClassName"):
            yield ("node.k8s.io", "RuntimeClass", "", spec["runtimeClassName"])


def _pod_spec(body: Mapping[str, Any]) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = body.get("spec") or {}
    if body.get("kind") == "Pod":
        return spec
    return ((spec.get("template") or {}).get("spec")) or {}


def _waves(desired: Sequence[Desired], needs: Sequence[set[int]]) -> list[int]:
    """Each object's wave, pulled forward to the first wave that needs it. Needs are at most three deep, so a few passes settle it."""
    waves = [d.wave for d in desired]
    moved = True
    while moved:
        moved = False
        for i, needed in enumerate(needs):
            for j in needed:
                if waves[j] > waves[i]:
                    waves[j], moved = waves[i], True
    return waves


def _levels(desired: Sequence[Desired], needs: Sequence[set[int]], waves: Sequence[int]) -> list[int]:
    """How many stages of its wave an object must wait for; what sits in the way of requests comes after all others of its wave."""
    levels = [-1] * len(desired)

    def level(i: int) -> int:
        if levels[i] < 0:
            levels[i] = 0  # an object cannot need itself, by kinds; this bounds the descent all the same
            levels[i] = max((level(j) + 1 for j in needs[i] if waves[j] == waves[i]), default=0)
        return levels[i]

    deepest: dict[int, int] = {}
    for i, d in enumerate(desired):
        if _kind(d.key) not in WATCHERS:
            deepest[waves[i]] = max(deepest.get(waves[i], -1), level(i))
    for i, d in enumerate(desired):
        if _kind(d.key) in WATCHERS:
            levels[i] = deepest.get(waves[i], -1) + 1
    return levels


def _kind(key: Key) -> tuple[str, str]:
    return key.group, key.kind


def _defines(body: Mapping[str, Any]) -> tuple[str, str]:
    """The (group, kind) that a CustomResourceDefinition makes known."""
    spec = body.get("spec") or {}
    return spec.get("group", ""), (spec.get("names") or {}).get("kind", "")


def _backends(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The Services (namespace, name) behind a webhook configuration or an APIService."""
    direct = (body.get("spec") or {}).get("service") if body.get("kind") == "APIService" else None
    clients = [(hook.get("clientConfig") or {}).get("service") for hook in body.get("webhooks") or ()]
    for service in [direct, *clients]:
        if service:
            yield service.get("namespace", ""), service.get("name", "")


def _service(body: Mapping[str, Any]) -> tuple[str, str] | None:
    metadata = body.get("metadata") or {}
    return (metadata.get("namespace", ""), metadata.get("name", "")) if body.get("kind") == "Service" else None


def _selector(service: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    return (service.get("metadata") or {}).get("namespace", ""), (service.get("spec") or {}).get("selector") or {}


def _selected(workload: Mapping[str, Any], selectors: Iterable[tuple[str, Mapping[str, str]]]) -> bool:
    """Whether a Service with one of these selectors sends to this workload's pods."""
    namespace = (workload.get("metadata") or {}).get("namespace", "")
    holder = workload if workload.get("kind") == "Pod" else (workload.get("spec") or {}).get("template") or {}
    labels = (holder.get("metadata") or {}).get("labels") or {}
    return any(s and namespace == where and s.items() <= labels.items() for where, s in selectors)


def deletion_order(entries: Sequence[Entry]) -> Stages:
    """The reverse: waves descending, and in a wave webhooks, then custom objects, then the rest, then definitions and namespaces.

    Custom objects go while the controller that ends their finalizers, its ServiceAccount and its rights are still there. Each stage is
    to be gone before the next begins.
    """
    places = sorted({_deletion_place(e) for e in entries})
    return [[i for i, e in enumerate(entries) if _deletion_place(e) == place] for place in places]


def _deletion_place(entry: Entry) -> tuple[int, int]:
    return -entry.wave, _deletion_rank(entry.key)


def _deletion_rank(key: Key) -> int:
    if _kind(key) in WATCHERS:
        return 0
    if _kind(key) in {DEFINITION, ("", "Namespace")}:
        return 3
    return 1 if _is_custom(key.group) else 2


def _is_custom(group: str) -> bool:
    """Whether a group is none of Kubernetes' own: those have no dot, or end in `.k8s.io` (but Gateway API and its like are definitions)."""
    return "." in group and (not group.endswith(".k8s.io") or group in CUSTOM_K8S_GROUPS)


CUSTOM_K8S_GROUPS = frozenset({
    "gateway.networking.k8s.io", "policy.networking.k8s.io", "snapshot.storage.k8s.io", "groupsnapshot.storage.k8s.io",
})  # fmt: skip
"""Groups under k8s.io that are installed as CustomResourceDefinitions."""
