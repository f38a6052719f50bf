"""Projection: our fields' live values, and nothing else, tell whether something of ours has moved."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.plan.samples import OBJECTS, OURS, Owned, entry, live, member, sample

from trimtab.plan.fields import Fields, Path, difference, item, path, tree
from trimtab.plan.projection import entry_of, lookup, owned_values, project, projection_digest, remove

pytestmark = pytest.mark.fast


def digest(found: dict[str, Any]) -> str:
    """The digest of our fields at the object's own version."""
    return projection_digest(found, manager=OURS, api_version=found["apiVersion"])


@given(OBJECTS)
def test_an_object_on_all_its_fields_is_the_object(owned: Owned) -> None:
    """Projecting on the full set gives the object back, lists in their order."""
    body, fields = owned
    assert project(body, fields) == body


@given(OBJECTS, st.data())
def test_a_field_that_we_do_not_own_is_not_seen(owned: Owned, data: st.DataObject) -> None:
    """Whatever the others set their fields to, the projection stays."""
    body, fields = owned
    foreign = data.draw(member(fields))
    assume(foreign[-1].startswith("f:") and foreign[-1] != "f:name")
    theirs = tree([foreign])
    ours = difference(fields, theirs)
    assert owned_values(changed(body, foreign), ours, [theirs]) == owned_values(body, ours, [theirs])


@given(OBJECTS, st.data())
def test_a_field_that_we_own_is_seen(owned: Owned, data: st.DataObject) -> None:
    """A change of any field of ours changes the projection."""
    body, fields = owned
    mine = data.draw(member(fields))
    assume(mine[-1].startswith("f:"))
    assert project(changed(body, mine), fields) != project(body, fields)
    assert owned_values(changed(body, mine), fields, []) != owned_values(body, fields, [])


def changed(body: dict[str, Any], at: Path) -> dict[str, Any]:
    """The object with another value at a path of a field."""
    result = copy.deepcopy(body)
    parent = lookup(result, at[:-1])[1]
    parent[at[-1][2:]] = "changed"
    return result


@pytest.mark.parametrize("kind", ["deployment", "service", "configmap"])
def test_what_others_do_to_a_real_object_is_no_drift(kind: str) -> None:
    """Defaults, status, a rollout restart and what people add leave the digest of our fields alone."""
    names = {"deployment": "deployment-people", "configmap": "configmap-people", "service": "service-applied"}
    assert digest(sample(f"{kind}-applied")) == digest(sample(names[kind]))


def test_a_field_taken_from_us_changes_the_digest() -> None:
    """An image set by `kubectl patch` leaves our entry, and so the projection."""
    assert digest(sample("deployment-taken")) != digest(sample("deployment-people"))


def test_a_value_of_ours_that_moves_changes_the_digest() -> None:
    """The same entry with another live value is drift too."""
    found = sample("service-applied")
    before = digest(found)
    found["spec"]["selector"]["app"] = "other"
    assert digest(found) != before


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [entry(OURS, {"f:data": {}}, operation="Update")],
        [entry(OURS, {"f:data": {}}, operation="Apply", api_version="apps/v1beta1")],
        [entry(OURS, {"f:data": {}}, operation="Apply", subresource="status")],
        [entry("trimtab:ffffffffff", {"f:data": {}}, operation="Apply")],
    ],
)
def test_without_our_apply_entry_nothing_is_called_equal(entries: list[dict[str, Any]]) -> None:
    """Stripped managedFields, another version, a subresource or another manager: "" means apply once more."""
    assert not digest(live({"apiVersion": "apps/v1"}, *entries))


def test_what_others_put_into_an_empty_map_of_ours_is_theirs() -> None:
    """We applied `annotations: {}`; the deployment controller writes its revision there on each rollout."""
    ours = entry(OURS, {"f:metadata": {"f:annotations": {}}}, operation="Apply")
    theirs = entry("kube-controller-manager", {"f:metadata": {"f:annotations": {"f:revision": {}}}}, subresource="status")
    before = live({"apiVersion": "apps/v1", "metadata": {"annotations": {}}}, ours)
    after = live({"apiVersion": "apps/v1", "metadata": {"annotations": {"revision": "2"}}}, ours, theirs)
    assert digest(before) == digest(after)


def test_an_empty_map_that_leaves_our_entry_is_seen() -> None:
    """`emptyDir: {}` replaced by a `hostPath`: the value was empty before and is absent now, but it is not ours any more."""
    item_fields: dict[str, Any] = {".": {}, "f:name": {}, "f:emptyDir": {}}
    before = live(
        {"apiVersion": "v1", "volumes": [{"name": "a", "emptyDir": {}}]},
        entry(OURS, {"f:volumes": {'k:{"name":"a"}': item_fields}}, operation="Apply", api_version="v1"),
    )
    left: Fields = {"f:volumes": {'k:{"name":"a"}': {".": {}, "f:name": {}}}}
    after = live(
        {"apiVersion": "v1", "volumes": [{"name": "a", "hostPath": {"path": "/"}}]},
        entry(OURS, left, operation="Apply", api_version="v1"),
    )
    assert digest(before) != digest(after)


def test_an_atomic_map_is_ours_as_a_whole() -> None:
    """A Service's selector has one owner; an entry added to it is a change of ours."""
    ours = entry(OURS, {"f:spec": {"f:selector": {}}}, operation="Apply")
    theirs = entry("kubectl", {"f:spec": {"f:type": {}}})
    before = live({"apiVersion": "apps/v1", "spec": {"selector": {"app": "web"}, "type": "ClusterIP"}}, ours, theirs)
    after = live({"apiVersion": "apps/v1", "spec": {"selector": {"app": "web", "x": "y"}, "type": "ClusterIP"}}, ours, theirs)
    assert digest(before) != digest(after)


def test_removing_a_field_leaves_everything_else() -> None:
    """The path goes, with the maps that it leaves empty; the input is not touched."""
    body = {"spec": {"template": {"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": 1}}}]}}}}
    before = copy.deepcopy(body)
    at = (*path("spec", "template", "spec", "containers"), item({"name": "app"}), *path("resources", "limits", "cpu"))
    assert remove(body, at) == {"spec": {"template": {"spec": {"containers": [{"name": "app"}]}}}}
    assert body == before


def test_removing_the_last_field_keeps_the_top() -> None:
    """`spec` stays, empty: the API server wants it."""
    assert remove({"spec": {"replicas": 2}}, path("spec", "replicas")) == {"spec": {}}
    assert remove({"spec": {}}, path("spec", "replicas")) == {"spec": {}}


def test_an_item_is_found_though_its_body_leaves_a_key_to_the_default() -> None:
    """The server prints `protocol=TCP`; the manifest did not say it."""
    body = {"ports": [{"containerPort": 81}, {"containerPort": 80, "name": "http"}]}
    at = (*path("ports"), item({"containerPort": 80, "protocol": "TCP"}), *path("name"))
    assert lookup(body, at) == (True, "http")
    assert not lookup(body, (*path("ports"), item({"containerPort": 82, "protocol": "TCP"})))[0]


def test_our_entry_is_found_in_a_real_object() -> None:
    """By manager, operation, version and the main resource."""
    assert entry_of(sample("configmap-applied"), manager=OURS, api_version="v1")
    assert entry_of(sample("configmap-applied"), manager=OURS, api_version="v2") is None
