"""Stages: as few as the API server's acceptance needs, and the reverse for deletion."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plan.samples import desired, dropped

from trimtab.plan.model import Desired
from trimtab.plan.order import barriers, deletion_order, stages

pytestmark = pytest.mark.fast

CRD = "apiextensions.k8s.io"
ADMISSION = "admissionregistration.k8s.io"
Body = dict[str, Any]
Object = tuple[Desired, Body]


def thing(kind: str, name: str = "x", namespace: str = "", group: str = "", wave: int = 0, **body: Any) -> Object:
    """An object and its body."""
    found = desired(kind, name, namespace, group, wave)
    return found, {"kind": kind, "metadata": {"name": name, "namespace": namespace}, **body}


def definition(kind: str = "Widget", group: str = "example.com", wave: int = 0) -> Object:
    """A CustomResourceDefinition."""
    return thing("CustomResourceDefinition", f"{kind}.{group}", group=CRD, wave=wave, spec={"group": group, "names": {"kind": kind}})


def staged(*objects: Object) -> list[list[str]]:
    """The stages, by kind and in the order of the input."""
    wanted, bodies = [d for d, _ in objects], [b for _, b in objects]
    return [[wanted[i].key.kind for i in stage] for stage in stages(wanted, bodies)]


def awaited(*objects: Object) -> list[list[str]]:
    """What is awaited after each stage, by kind."""
    wanted, bodies = [d for d, _ in objects], [b for _, b in objects]
    return [[wanted[i].key.kind for i in held] for held in barriers(wanted, bodies, stages(wanted, bodies))]


def test_an_ordinary_application_is_one_stage() -> None:
    """Pods wait for ServiceAccounts and ConfigMaps by themselves; a stage more is a round trip more."""
    kinds = [("Deployment", "apps"), ("Service", ""), ("ServiceAccount", ""), ("ConfigMap", ""), ("Ingress", "networking.k8s.io")]
    assert len(staged(*(thing(kind, group=group, namespace="shop") for kind, group in kinds))) == 1


def test_a_namespace_comes_before_what_is_in_it() -> None:
    """And beside what is in another one."""
    inside, outside = thing("ConfigMap", namespace="shop"), thing("Secret", namespace="other")
    assert staged(inside, outside, thing("Namespace", "shop")) == [["Secret", "Namespace"], ["ConfigMap"]]


def test_a_definition_comes_before_its_instances_and_is_awaited() -> None:
    """By group and kind; a kind of the same name in another group does not wait."""
    objects = [thing("Widget", group="example.com"), thing("Widget", group="other.com"), definition()]
    assert staged(*objects) == [["Widget", "CustomResourceDefinition"], ["Widget"]]
    assert awaited(*objects) == [["CustomResourceDefinition"], []]


def test_namespaces_and_definitions_share_a_stage() -> None:
    """Neither needs the other: the usual operator's set is two stages."""
    widget = thing("Widget", group="example.com", namespace="shop")
    assert len(staged(widget, definition(), thing("Namespace", "shop"), thing("Deployment", group="apps", namespace="shop"))) == 2


def test_a_bare_pod_comes_after_the_account_that_it_names() -> None:
    """It is refused at admission otherwise; a Deployment's pods are tried again."""
    account = thing("ServiceAccount", "bot", "shop")
    job = thing("Job", namespace="shop", group="batch", spec={"template": {"spec": {"serviceAccountName": "bot"}}})
    pod = thing("Pod", namespace="shop", spec={"serviceAccountName": "bot", "priorityClassName": "high"})
    deployment = thing("Deployment", namespace="shop", group="apps", spec={"template": {"spec": {"serviceAccountName": "bot"}}})
    high = thing("PriorityClass", "high", group="scheduling.k8s.io")
    assert staged(pod, job, deployment, account, high) == [["Deployment", "ServiceAccount", "PriorityClass"], ["Pod", "Job"]]


def test_limits_come_before_the_workloads_of_their_namespace() -> None:
    """They change what is admitted later, not what is there."""
    workload, quota = thing("Deployment", namespace="shop", group="apps"), thing("ResourceQuota", namespace="shop")
    assert staged(workload, quota) == [["ResourceQuota"], ["Deployment"]]
    assert len(staged(thing("Deployment", namespace="other", group="apps"), quota)) == 1


def webhook(service: str = "hook") -> Object:
    """A webhook configuration whose Service is in `shop`."""
    hooks = [{"name": "a", "clientConfig": {"service": {"name": service, "namespace": "shop"}}}]
    return thing("ValidatingWebhookConfiguration", group=ADMISSION, webhooks=hooks)


def workload(name: str, app: str) -> Object:
    """A Deployment in `shop` whose pods have this label."""
    return thing("Deployment", name, "shop", "apps", spec={"template": {"metadata": {"labels": {"app": app}}}})


def test_what_sits_in_the_way_of_requests_goes_last_behind_its_workload() -> None:
    """A webhook registered before its pods run would stop them; the workload behind its Service is awaited, and no other."""
    service = thing("Service", "hook", "shop", spec={"selector": {"app": "hook"}})
    objects = [webhook(), service, workload("hook", "hook"), workload("web", "web")]
    wanted, bodies = [d for d, _ in objects], [b for _, b in objects]
    found = stages(wanted, bodies)
    assert found == [[1, 2, 3], [0]]
    assert barriers(wanted, bodies, found) == [(2,), ()]


def test_a_webhook_whose_service_is_elsewhere_awaits_nothing() -> None:
    """We know of no workload behind it."""
    assert awaited(webhook("elsewhere"), workload("web", "web")) == [[], []]


def test_waves_ascend_and_each_is_awaited_whole() -> None:
    """Explicit waves come first, whatever the kinds."""
    objects = [thing("Deployment", group="apps", wave=1), thing("Job", group="batch", wave=-1), thing("ConfigMap", wave=-1)]
    assert staged(*objects) == [["Job", "ConfigMap"], ["Deployment"]]
    assert awaited(*objects) == [["Job", "ConfigMap"], []]


def test_what_an_earlier_wave_needs_comes_with_it() -> None:
    """A Namespace without a wave of its own, and content in wave -1: it could never succeed in wave 0."""
    inside = thing("ConfigMap", namespace="shop", wave=-1)
    assert staged(inside, thing("Namespace", "shop"), thing("Secret")) == [["Namespace"], ["ConfigMap"], ["Secret"]]


KINDS = st.sampled_from([
    ("Namespace", ""), ("ConfigMap", ""), ("Deployment", "apps"), ("ResourceQuota", ""), ("Widget", "example.com"), ("Service", ""),
    ("MutatingWebhookConfiguration", ADMISSION), ("ServiceAccount", ""), ("PersistentVolumeClaim", ""),
])  # fmt: skip
SPACES = st.sampled_from(["one", "two"])


@st.composite
def any_object(draw: st.DrawFn) -> Object:
    """Any kind, anywhere, in any wave."""
    (kind, group), space, wave = draw(KINDS), draw(SPACES), draw(st.integers(-1, 1))
    if kind == "Namespace":
        return thing(kind, space, wave=wave)
    return thing(kind, draw(st.text("abcdef", min_size=1, max_size=6)), "" if group == ADMISSION else space, group, wave)


SETS = st.lists(
    st.one_of(any_object(), st.integers(-1, 1).map(lambda wave: definition(wave=wave))), max_size=12, unique_by=lambda o: o[0].key
)


def needed(one: Object, other: Object) -> bool:
    """Whether the first cannot be accepted without the second: said again, independently."""
    (d, _), (o, body) = one, other
    if o.key.kind == "Namespace":
        return d.key.namespace == o.key.name
    if o.key.kind == "CustomResourceDefinition":
        return (d.key.group, d.key.kind) == (body["spec"]["group"], body["spec"]["names"]["kind"])
    return o.key.kind == "ResourceQuota" and d.key.kind == "Deployment" and d.key.namespace == o.key.namespace


@given(SETS)
def test_each_object_is_in_one_stage_and_after_what_it_needs(objects: list[Object]) -> None:
    """Every object exactly once; nothing before what it needs, in whatever wave that was put."""
    found = stages([d for d, _ in objects], [b for _, b in objects])
    assert sorted(i for stage in found for i in stage) == list(range(len(objects)))
    at = {i: number for number, stage in enumerate(found) for i in stage}
    assert all(at[j] < at[i] for i, one in enumerate(objects) for j, other in enumerate(objects) if i != j and needed(one, other))


@given(SETS)
def test_no_wave_begins_before_the_one_before_it(objects: list[Object]) -> None:
    """Waves ascend, but for what an earlier wave needs."""
    found = stages([d for d, _ in objects], [b for _, b in objects])
    pulled = {j for j, other in enumerate(objects) if any(needed(one, other) for i, one in enumerate(objects) if i != j)}
    waves = [[objects[i][0].wave for i in stage if i not in pulled] for stage in found]
    flat = [(min(w), max(w)) for w in waves if w]
    assert all(last <= first for (_, last), (first, _) in pairwise(flat))


@given(SETS)
def test_there_are_no_more_stages_than_needed(objects: list[Object]) -> None:
    """One wave is at most: definitions and namespaces, quotas, the rest, webhooks."""
    flat = [(desired(d.key.kind, d.key.name, d.key.namespace, d.key.group), b) for d, b in objects]
    found = stages([d for d, _ in flat], [b for _, b in flat])
    depth = 1 + any(needed(a, b) for a in flat for b in flat if a is not b)
    depth += any(needed(a, b) and needed(b, c) for a in flat for b in flat for c in flat if a is not b and b is not c)
    watchers = [b["kind"].endswith("WebhookConfiguration") for _, b in flat]
    assert len(found) <= (depth if not all(watchers) else 0) + any(watchers)


def test_deletion_keeps_the_controller_until_its_objects_are_gone() -> None:
    """Webhooks first, then custom objects, then workloads with their rights, then definitions and namespaces."""
    kinds = {
        "Namespace": "",
        "Deployment": "apps",
        "Widget": "example.com",
        "CustomResourceDefinition": CRD,
        "ClusterRole": "rbac.authorization.k8s.io",
        "MutatingWebhookConfiguration": ADMISSION,
        "Gateway": "gateway.networking.k8s.io",
    }
    entries = [dropped(kind, group=group) for kind, group in kinds.items()]
    assert [[entries[i].key.kind for i in stage] for stage in deletion_order(entries)] == [
        ["MutatingWebhookConfiguration"],
        ["Widget", "Gateway"],
        ["Deployment", "ClusterRole"],
        ["Namespace", "CustomResourceDefinition"],
    ]


def test_deletion_goes_through_the_waves_backwards() -> None:
    """What was applied last goes first."""
    entries = [dropped("ConfigMap", wave=-1), dropped("ConfigMap", wave=2), dropped("Namespace", wave=2)]
    assert deletion_order(entries) == [[1], [2], [0]]


def test_nothing_has_no_stages() -> None:
    """An empty set."""
    assert stages([], []) == []
    assert barriers([], [], []) == []
    assert deletion_order([]) == []
