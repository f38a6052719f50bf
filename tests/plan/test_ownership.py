"""Who added what; what a conflict means; how entries of people become ours."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plan.samples import OTHER, OURS, conflicts, entry, live, sample

from trimtab.plan.difference import differences
from trimtab.plan.fields import Fields, contains, field, path, paths, server_text, tree, union
from trimtab.plan.managers import classify
from trimtab.plan.ownership import added, extras, owners_of, rename_entries, resolve
from trimtab.plan.projection import entry_of, lookup

pytestmark = pytest.mark.fast

BODY = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 2, "paused": False}}
REPLICAS: Fields = {"f:spec": {"f:replicas": {}}}


def shown(found: dict[str, Any]) -> dict[str, list[str]]:
    """The extras of an object, by manager."""
    result: dict[str, list[str]] = {}
    for extra in extras(found, manager=OURS, api_version=found["apiVersion"]):
        result.setdefault(extra.manager, []).append(extra.path)
    return result


def test_what_people_add_to_a_real_object_is_seen_whole() -> None:
    """An env variable, a label and a sidecar (not its leaves); `kubectl rollout restart` is let be."""
    assert shown(sample("deployment-people")) == {
        "kubectl-set": ["spec.template.spec.containers[podinfod].env[DEBUG]"],
        "kubectl-patch": ["metadata.labels.team", "spec.template.spec.containers[side]"],
    }
    assert shown(sample("configmap-people")) == {"kubectl-patch": ["data.extra"]}


@pytest.mark.parametrize("name", ["deployment-applied", "service-applied", "configmap-applied"])
def test_an_object_just_applied_has_no_extras(name: str) -> None:
    """Defaults, status and the controllers' fields are nobody's drift."""
    assert not shown(sample(name))


def test_a_subresource_is_no_drift() -> None:
    """Status that a person wrote, and a scale, are not fields of the main resource."""
    found = live(BODY, entry("kubectl", REPLICAS, subresource="scale"), entry("kubectl", {"f:status": {"f:x": {}}}))
    assert not shown(found)


def test_kubectls_memory_alone_is_no_drift() -> None:
    """`last-applied-configuration` steers nothing; beside a real field only the real one is named."""
    memory: Fields = {"f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}}}}
    assert not shown(live(BODY, entry("kubectl-client-side-apply", memory)))
    both = entry("kubectl-client-side-apply", union(memory, {"f:spec": {"f:paused": {}}}))
    assert shown(live(BODY, both)) == {"kubectl-client-side-apply": ["spec.paused"]}


def test_an_unknown_manager_is_reported_where_configuration_stands() -> None:
    """Its labels and status are its own; its fields in spec are told, and not called a person's."""
    fields = {"f:metadata": {"f:labels": {"f:x": {}}}, "f:spec": {"f:paused": {}}, "f:status": {"f:x": {}}}
    found = extras(live(BODY, entry("home-made", fields)), manager=OURS, api_version="apps/v1")
    assert [(e.path, e.person) for e in found] == [("spec.paused", False)]


def test_a_known_controller_is_not_reported() -> None:
    """What kube-controller-manager puts into spec is its business."""
    assert not shown(live(BODY, entry("kube-controller-manager", REPLICAS)))


def test_what_was_there_before_the_first_apply_counts_as_a_persons() -> None:
    """`before-first-apply` survives every apply until it is taken over; controllers' records in it are let be."""
    fields = {"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}, "f:spec": {"f:paused": {}}}
    found = extras(live(BODY, entry("before-first-apply", fields)), manager=OURS, api_version="apps/v1")
    assert [(e.path, e.person) for e in found] == [("spec.paused", True)]


def test_an_added_item_is_named_once_and_an_added_field_of_ours_by_itself() -> None:
    """The item where we know nothing of it; below an item of ours the one field."""
    ours: Fields = {"f:env": {'k:{"name":"A"}': {".": {}, "f:name": {}}}}
    theirs: Fields = {"f:env": {'k:{"name":"A"}': {"f:value": {}}, 'k:{"name":"B"}': {".": {}, "f:name": {}, "f:value": {}}}}
    assert set(added(theirs, ours)) == {("f:env", 'k:{"name":"A"}', "f:value"), ("f:env", 'k:{"name":"B"}')}


def test_entries_of_people_become_ours() -> None:
    """Their fields join our Apply entry, so our next apply removes what it lacks; subresources and other managers stay."""
    found = sample("deployment-taken")
    before = found["metadata"]["managedFields"]
    after = rename_entries(before, to=OURS, api_version="apps/v1", kind="Deployment", take=lambda e: classify(e["manager"]) == "person")
    managers = [(e["manager"], e.get("subresource")) for e in after]
    assert set(managers) == {("kubectl", "scale"), ("kubectl-rollout", None), ("kube-controller-manager", "status"), (OURS, None)}
    ours = after[-1]["fieldsV1"]
    assert all(contains(ours, at) for e in before if e["manager"] in {OURS, "kubectl-patch", "kubectl-set"} for at in paths(e["fieldsV1"]))


def test_taking_over_leaves_controllers_records_alive() -> None:
    """Whoever takes over all of `before-first-apply` deletes the controllers' annotations with its next apply."""
    fields = {
        "f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}},
        "f:spec": {"f:paused": {}},
        "f:status": {"f:x": {}},
    }
    after = rename_entries([entry("before-first-apply", fields)], to=OURS, api_version="apps/v1", take=lambda _: True)
    assert [(e["manager"], e["operation"], e["fieldsV1"]) for e in after] == [(OURS, "Apply", {"f:spec": {"f:paused": {}}})]


def test_nothing_to_take_leaves_the_entries_as_they_are() -> None:
    """No write is needed then: the result equals the input."""
    before = sample("deployment-applied")["metadata"]["managedFields"]
    assert rename_entries(before, to=OURS, api_version="apps/v1", take=lambda e: classify(e["manager"]) == "person") == before


def test_a_second_application_is_refused_and_named() -> None:
    """The server's own conflict, and the owner annotation that it guards, tell whose the object is."""
    body = sample("deployment-desired")
    body["metadata"]["annotations"]["trimtab.dev/owner"] = "lab/trimtab/other"
    resolution = resolve(sample("deployment-taken"), body, manager=OTHER, conflicts=conflicts(sample("conflict-application")))
    assert resolution.refused == (
        "Deployment default/podinfo belongs to Application trimtab/podinfo of installation lab; take it out of one of the two."
    )
    assert not resolution.take
    assert not resolution.drop


def test_what_people_changed_is_taken_back() -> None:
    """Each field with who had it; a person who scaled by hand keeps nothing."""
    body = sample("deployment-desired")
    resolution = resolve(sample("deployment-taken"), body, manager=OURS, conflicts=conflicts(sample("conflict-people")))
    assert {o.before: o.paths for o in resolution.take} == {
        "kubectl": ("spec.replicas",),
        "kubectl-patch": (
            "spec.template.spec.containers[podinfod].image",
            "spec.template.spec.containers[podinfod].ports[containerPort=9898,protocol=TCP].name",
        ),
    }
    assert (resolution.refused, resolution.drop, resolution.body) == ("", (), body)


def test_an_autoscalers_replicas_are_dropped_from_the_body() -> None:
    """And only they: the rest of the body is applied."""
    found = live(BODY, entry("kube-controller-manager", REPLICAS, subresource="scale"))
    resolution = resolve(found, BODY, manager=OURS, conflicts=[(".spec.replicas", "kube-controller-manager")])
    assert resolution.drop == (path("spec", "replicas"),)
    assert resolution.body == {**BODY, "spec": {"paused": False}}
    assert [(o.before, o.after) for o in resolution.yielded] == [(OURS, "kube-controller-manager")]


def test_an_autoscaler_that_is_gone_keeps_nothing() -> None:
    """Its entry outlives it; when nothing drives the field any more, it is taken."""
    found = live(BODY, entry("kube-controller-manager", REPLICAS, subresource="scale"))
    resolution = resolve(found, BODY, manager=OURS, conflicts=[(".spec.replicas", "kube-controller-manager")], drives=lambda _: "")
    assert (resolution.drop, resolution.body, len(resolution.take)) == ((), BODY, 1)


def test_an_application_whose_annotation_is_gone_is_named_by_its_manager() -> None:
    """Whoever took the annotation off, the entry still tells that there is another; and we never name ourselves."""
    ours = {**BODY, "metadata": {"annotations": {"trimtab.dev/owner": "lab/trimtab/web"}}}
    for body in (BODY, ours):
        found = live(body, entry(OTHER, REPLICAS, operation="Apply"))
        refused = resolve(found, ours, manager=OURS, conflicts=[(".spec.replicas", OTHER)]).refused
        assert refused == f"Deployment shop/web belongs to another application ({OTHER}); take it out of one of the two."


def test_a_field_with_two_other_holders_is_yielded_if_one_drives_it() -> None:
    """It leaves our body, so nothing is taken from the person either."""
    found = live(BODY, entry("kube-controller-manager", REPLICAS, subresource="scale"), entry("kubectl", REPLICAS, subresource="scale"))
    resolution = resolve(
        found, BODY, manager=OURS, conflicts=[(".spec.replicas", "kubectl"), (".spec.replicas", "kube-controller-manager")]
    )
    assert (resolution.drop, resolution.take) == ((path("spec", "replicas"),), ())


def test_an_injected_ca_is_yielded_whether_or_not_anything_scales() -> None:
    """The question who drives is asked of replicas alone."""
    ca = path("spec", "caBundle")
    body = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "spec": {"caBundle": "eA==", "version": "v1"}}
    found = live(body, entry("cainjector", tree([ca])))
    assert resolve(found, body, manager=OURS, conflicts=[(".spec.caBundle", "cainjector")], drives=lambda _: "").drop == (ca,)


@pytest.mark.parametrize("holder", ["home-made", "argocd-controller", "before-first-apply", "trimtab-handover", "kube-controller-manager"])
def test_whoever_drives_nothing_loses_the_field(holder: str) -> None:
    """Unknown managers never win; earlier tools are taken over; a controller keeps only what the table says."""
    resolution = resolve(live(BODY, entry(holder, {"f:spec": {"f:paused": {}}})), BODY, manager=OURS, conflicts=[(".spec.paused", holder)])
    assert [(o.paths, o.before, o.after) for o in resolution.take] == [(("spec.paused",), holder, OURS)]
    assert resolution.body == BODY


def test_a_conflict_that_cannot_be_found_is_taken_as_the_server_named_it() -> None:
    """The entries may have moved since: nothing is dropped on a guess."""
    resolution = resolve(live(BODY), BODY, manager=OURS, conflicts=[(".spec.replicas", "kube-controller-manager")])
    assert (resolution.drop, resolution.take[0].paths) == ((), ("spec.replicas",))


def test_a_name_with_dots_is_found_by_its_printed_form() -> None:
    """`.metadata.labels.a.b/c` is a label, not a path of four names."""
    label = (*path("metadata", "labels"), field("a.b/c"))
    body = {"kind": "Pod", "metadata": {"labels": {"a.b/c": "1"}}}
    found = live(body, entry("kubectl", tree([label])))
    assert resolve(found, body, manager=OURS, conflicts=[(server_text(label), "kubectl")]).take[0].paths == ("metadata.labels.a.b/c",)


HOLDERS = st.sampled_from(["kubectl", "home-made", "kube-controller-manager", "cainjector", "helm"])


@given(st.data())
def test_nothing_is_dropped_that_is_not_listed(data: st.DataObject) -> None:
    """For any conflicts, body and result differ in exactly the dropped paths."""
    found, body = sample("deployment-applied"), sample("deployment-desired")
    fields = entry_of(found, manager=OURS, api_version="apps/v1")
    assert fields
    ours = [at for at in paths(fields) if lookup(body, at)[0]]
    held = data.draw(st.lists(st.tuples(st.sampled_from(ours), HOLDERS, st.sampled_from(["", "scale"])), max_size=5))
    entries = [entry(holder, tree([at]), subresource=sub) for at, holder, sub in held]
    resolution = resolve(live(found, *entries), body, manager=OURS, conflicts=[(server_text(at), holder) for at, holder, _ in held])
    assert {d.path for d in differences(body, resolution.body)} == set(resolution.drop)
    assert set(resolution.drop) <= {at for at, _, _ in held}


def test_owners_of_a_field_are_named_with_their_subresource() -> None:
    """For `blame`, and for the handover."""
    assert owners_of(sample("deployment-taken"), path("spec", "replicas")) == (("kubectl", "scale"),)
