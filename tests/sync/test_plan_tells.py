"""A local plan tells what each change does to what runs, and what the API server will refuse of it."""

from __future__ import annotations

import json

import pytest
from tests.support.fleet import config_map, deployment

from trimtab.api.application import ApplicationSpec
from trimtab.plan.compare import Seen
from trimtab.plan.complete import Completion, Printed, complete
from trimtab.plan.model import Action, Desired, Entry, Key, Live
from trimtab.plan.owner import Owner
from trimtab.sync.planning import Planned, make_plan
from trimtab.sync.state import KeptSet

pytestmark = pytest.mark.fast
OWNER = Owner("0a0b0c0d", "trimtab", "x")


def desired(*manifests: str) -> tuple[Desired, ...]:
    """Manifests, completed."""
    bodies = [json.loads(m) for m in manifests]
    printed = [Printed(b["apiVersion"], b["kind"], "", b["metadata"]["name"], json.dumps(b).encode()) for b in bodies]
    return complete(printed, Completion(OWNER, "shop", lambda _version, _kind: True, b"seed")).desired


def planned(before: tuple[Desired, ...], after: tuple[Desired, ...]) -> Planned:
    """The plan that leads from one applied set to another."""
    inventory = {d.key: Entry(d.key, d.api_version, f"uid-{d.key.name}", d.digest, "p") for d in before}
    live = {d.key: Live(f"uid-{d.key.name}", "1", owner=OWNER.full, projection="p") for d in before}
    spec = ApplicationSpec(sources=[])
    kept = KeptSet(key="k", desired=after)
    return make_plan(OWNER, spec, kept, inventory, Seen(live), previous=lambda: {d.key: d for d in before}, revision="")


def action_on(plan: Planned, kind: str, name: str) -> Action:
    """The action on an object."""
    group = "apps" if kind == "Deployment" else ""
    return next(a for a in plan.plan.actions if a.key == Key(group, kind, "shop", name))


def test_what_a_change_does_to_the_pods() -> None:
    """From the body that was applied last to the one that is to be."""
    plan = planned(desired(deployment("d", replicas=1)), desired(deployment("d", replicas=3)))
    assert action_on(plan, "Deployment", "d").consequence == "2 pods more; nothing restarts"


def test_what_begins_and_what_ends() -> None:
    """A creation and a deletion are told, too."""
    plan = planned(desired(deployment("old", replicas=2)), desired(deployment("new", replicas=3)))
    assert action_on(plan, "Deployment", "new").consequence == "starts 3 pods"
    assert action_on(plan, "Deployment", "old").consequence == "stops 2 pods"


def test_what_cannot_be_changed_is_a_problem_of_its_object_alone() -> None:
    """The action stands, and so do all others: the write is tried, and holds nothing back."""
    other = deployment("d").replace('"app": "d"', '"app": "e"')
    plan = planned(desired(deployment("d"), config_map("a", k="1")), desired(other, config_map("a", k="2")))
    assert "spec.selector" in action_on(plan, "Deployment", "d").problem
    assert not action_on(plan, "ConfigMap", "a").problem
    assert not plan.plan.refusals


def test_drift_changes_no_pod_by_itself() -> None:
    """The same body once more: what was drifted is put back, and nothing is foretold of what Git did not change."""
    same = desired(deployment("d"))
    plan = planned(same, same)
    assert plan.plan.equal
    moved = {d.key: Live("uid-d", "2", owner=OWNER.full, projection="other", changed_by="kubectl-edit") for d in same}
    inventory = {d.key: Entry(d.key, d.api_version, "uid-d", d.digest, "p") for d in same}
    spec, kept = ApplicationSpec(sources=[]), KeptSet(key="k", desired=same)
    drifted = make_plan(OWNER, spec, kept, inventory, Seen(moved), previous=lambda: {d.key: d for d in same}, revision="")
    (action,) = drifted.plan.actions
    assert (action.reason, action.consequence, action.problem) == ("changed by kubectl-edit", "", "")
