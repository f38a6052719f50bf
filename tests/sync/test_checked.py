"""The checked grade: what the API server says that each write would do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs
from tests.support import cluster as support
from tests.support.fleet import config_map, deployment

from trimtab.api.application import ApplicationSpec
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.discovery import Discovery
from trimtab.cluster.errors import UnreachableError
from trimtab.cluster.resources import Resource
from trimtab.plan.complete import Completion, Printed, complete
from trimtab.plan.model import Action, Plan
from trimtab.plan.owner import Owner
from trimtab.sync.checked import check
from trimtab.sync.direct import carry
from trimtab.sync.local import plan_for, situate
from trimtab.sync.planning import Planned
from trimtab.sync.state import KeptSet

CONFIG_MAPS, SECRETS, DEPLOYMENTS = support.CONFIG_MAPS, support.SECRETS, support.DEPLOYMENTS
HPAS = Resource("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", namespaced=True)
SPEC = ApplicationSpec(sources=[])


class Bench:
    """One owner in one namespace, and its manifests."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self.owner = Owner("0a0b0c0d", namespace, "x")
        self.discovery = Discovery(client)

    async def plan(self, *manifests: str) -> tuple[Planned, KeptSet]:
        """The local plan of these manifests."""
        await self.discovery.refresh()
        bodies = [json.loads(m) for m in manifests]
        printed = [Printed(b["apiVersion"], b["kind"], "", b["metadata"]["name"], json.dumps(b).encode()) for b in bodies]
        done = complete(printed, Completion(self.owner, self.namespace, lambda _version, _kind: True, b"seed"))
        wanted = KeptSet(key=str(manifests), desired=done.desired)
        situation = await situate(self.client, self.discovery, self.owner)
        return plan_for(situation, SPEC, wanted, lost=[]), wanted

    async def check(self, *manifests: str) -> Plan:
        """The checked plan."""
        planned, _ = await self.plan(*manifests)
        return await check(planned.plan, planned.desired, self.client, self.discovery, self.owner)

    async def apply(self, *manifests: str) -> None:
        """Carry the plan out."""
        planned, wanted = await self.plan(*manifests)
        situation = await situate(self.client, self.discovery, self.owner)

        async def ready(_keys: object) -> bool:
            return True

        carried = await carry(self.client, self.discovery, situation, wanted, planned, ready)
        assert not carried.failures

    async def by_hand(self, resource: Resource, name: str, patch: Any, manager: str = "kubectl-edit") -> None:
        """What a person does to an object."""
        await objects.merge_patch(self.client, resource, self.namespace, name, json.dumps(patch).encode(), manager=manager)


@pytest.fixture
def bench(cluster: Client, namespace: str) -> Bench:
    """An owner of nothing yet."""
    return Bench(cluster, namespace)


def only(plan: Plan) -> Action:
    """The one action of a plan."""
    (action,) = plan.actions
    return action


def told(action: Action) -> list[tuple[str, Any, Any]]:
    """Path, before and after of each change."""
    return [(c.path, c.before, c.after) for c in action.changes]


async def test_a_new_object_stays_new(bench: Bench) -> None:
    """Nothing is there: create, with what starts."""
    action = only(await bench.check(deployment("d", replicas=2)))
    assert (action.verb, action.problem, action.changes) == ("create", "", ())
    assert action.consequence.startswith("starts 2 pods")


async def test_the_digest_is_the_same_in_both_grades(bench: Bench) -> None:
    """The checked plan is the same plan, better known: what approves one approves the other."""
    planned, _ = await bench.plan(config_map("a", k="1"))
    checked = await check(planned.plan, planned.desired, bench.client, bench.discovery, bench.owner)
    assert (planned.plan.grade, checked.grade) == ("Local", "Checked")
    assert planned.plan.digest == checked.digest


async def test_asking_changes_nothing(bench: Bench) -> None:
    """A dry run of an adoption leaves the object as it was, to the last entry."""
    await support.apply(bench.client, support.config_map("a", bench.namespace, {"k": "1"}), CONFIG_MAPS, manager="kubectl")
    before = await objects.get_json(bench.client, CONFIG_MAPS, bench.namespace, "a")
    assert only(await bench.check(config_map("a", k="2"))).verb == "adopt"
    assert await objects.get_json(bench.client, CONFIG_MAPS, bench.namespace, "a") == before


async def test_drift_is_told_with_its_fields(bench: Bench) -> None:
    """Who, and from what back to what; the local grade knows only who."""
    await bench.apply(config_map("a", k="1"))
    await bench.by_hand(CONFIG_MAPS, "a", {"data": {"k": "9"}})
    action = only(await bench.check(config_map("a", k="1")))
    assert action.reason == "changed by kubectl-edit"
    assert told(action) == [("data.k", "9", "1")]


async def test_what_people_added_goes(bench: Bench) -> None:
    """A sidecar's worth of fields that Git does not have is shown as taken out."""
    await bench.apply(deployment("d"))
    await bench.by_hand(DEPLOYMENTS, "d", {"metadata": {"labels": {"mine": "yes"}}}, "kubectl-label")
    action = only(await bench.check(deployment("d")))
    assert told(action) == [("metadata.labels.mine", "yes", None)]
    assert action.changes[0].removed


async def test_an_object_that_would_stay_as_it_is_is_no_action(bench: Bench) -> None:
    """The body in Git has changed, the object would not: a quantity written otherwise."""
    quota = '{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"memory": "%s"}}}'
    await bench.apply(quota % "1Gi")
    planned, _ = await bench.plan(quota % "1024Mi")
    assert [a.verb for a in planned.plan.actions] == ["patch"]
    checked = await check(planned.plan, planned.desired, bench.client, bench.discovery, bench.owner)
    assert (checked.actions, checked.unchanged) == ((), 1)
    assert checked.equal


async def scaled(bench: Bench, replicas: int) -> None:
    """An autoscaler that has scaled a Deployment."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
    spec = {"scaleTargetRef": target, "minReplicas": replicas, "maxReplicas": replicas}
    head = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h", "namespace": bench.namespace}}
    await support.apply(bench.client, {**head, "spec": spec}, HPAS, manager="kubectl")
    scale = json.dumps({"spec": {"replicas": replicas}}).encode()
    manager = "horizontal-pod-autoscaler"
    await objects.merge_patch(bench.client, DEPLOYMENTS, bench.namespace, "d", scale, manager=manager, subresource="scale")


async def test_a_field_that_an_autoscaler_drives_is_left_to_it(bench: Bench) -> None:
    """Scaled to 3 under an autoscaler where Git says 1: no change is foretold, because none is made."""
    await bench.apply(deployment("d", replicas=1))
    await scaled(bench, 3)
    plan = await bench.check(deployment("d", replicas=1, image="app:2"))
    assert [path for path, _, _ in told(only(plan))] == ["spec.template.spec.containers[app].image"]


async def test_a_field_that_git_leaves_to_an_autoscaler_does_not_fall(bench: Bench) -> None:
    """Git drops the replicas that it set: they are handed over first, in earnest as in the plan, and asking hands nothing over."""
    await bench.apply(deployment("d", replicas=3))
    await scaled(bench, 3)
    before = await objects.get_json(bench.client, DEPLOYMENTS, bench.namespace, "d")
    action = only(await bench.check(deployment("d", replicas=None, image="app:2")))
    assert [path for path, _, _ in told(action)] == ["spec.template.spec.containers[app].image"]
    assert [(o.paths, o.after) for o in action.ownership] == [(("spec.replicas",), "HorizontalPodAutoscaler h")]
    after = await objects.get_json(bench.client, DEPLOYMENTS, bench.namespace, "d")
    assert [e["manager"] for e in after["metadata"]["managedFields"]] == [e["manager"] for e in before["metadata"]["managedFields"]]


async def test_a_field_that_nothing_drives_falls_to_its_default(bench: Bench) -> None:
    """Without an autoscaler the same change means one pod, and the plan says so."""
    await bench.apply(deployment("d", replicas=3))
    action = only(await bench.check(deployment("d", replicas=None)))
    assert told(action) == [("spec.replicas", 3, 1)]


async def test_a_deletion_says_what_goes(bench: Bench) -> None:
    """By the live object, not by the manifest: it was scaled meanwhile."""
    await bench.apply(deployment("d", replicas=1), config_map("a"))
    action = only(await bench.check(config_map("a")))
    assert (action.verb, action.reason, action.consequence) == ("delete", "no longer in Git", "stops 1 pod")


async def test_a_quota_has_its_say(bench: Bench) -> None:
    """Admission refuses in a dry run as it would in earnest."""
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"count/configmaps": "1"}}}
    await bench.apply(json.dumps(quota))

    async def refused() -> str:
        return next(a.problem for a in (await bench.check(json.dumps(quota), config_map("a"), config_map("b"))).actions)

    while not await refused():  # the quota controller counts in its own time; the run's own timeout is the bound
        pass
    assert "exceeded quota" in await refused()


async def test_rights_have_their_say(bench: Bench) -> None:
    """What the caller may not do is a problem of that action."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader", "namespace": bench.namespace}}
    await support.apply(bench.client, account, support.SERVICE_ACCOUNTS)
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "reader", "namespace": bench.namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": bench.namespace}],
    }
    bindings = Resource("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", namespaced=True)
    await support.apply(bench.client, role, bindings)
    planned, _ = await bench.plan(config_map("a"))
    connection = await support.service_account_connection(bench.client, bench.namespace, "reader")
    async with Client(connection) as reader:
        plan = await check(planned.plan, planned.desired, reader, bench.discovery, bench.owner)
    assert "forbidden" in only(plan).problem


async def test_secrets_are_masked_whatever_their_answer(bench: Bench) -> None:
    """The values of live and of dry-run objects pass through here, and none gets out."""
    secret = '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "%s", "same": "steady"}}'
    await bench.apply(secret % "first")
    await bench.by_hand(SECRETS, "s", {"stringData": {"k": "second", "more": "third"}})
    action = only(await bench.check(secret % "first"))
    assert {c.path for c in action.changes} == {"data.k", "data.more"}
    assert all(c.masked for c in action.changes)
    assert all("bytes" in f"{c.before}{c.after}" for c in action.changes)


async def test_a_server_that_does_not_answer_raises(bench: Bench) -> None:
    """Nothing is foretold of what cannot be asked."""
    planned, _ = await bench.plan(config_map("a"))
    away = structs.replace(bench.client.connection, server="https://127.0.0.1:1")
    async with Client(away) as nowhere:
        with pytest.raises(UnreachableError):
            await check(planned.plan, planned.desired, nowhere, bench.discovery, bench.owner)
