"""Field sets: the laws of sets, and the two printed forms of a path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from tests.plan.samples import FIELD_SETS, OURS, sample

from trimtab.plan.fields import Path, contains, descend, difference, field, index, item, path, paths, server_text, show, tree, union, value
from trimtab.plan.projection import entry_of

pytestmark = pytest.mark.fast


@given(FIELD_SETS, FIELD_SETS)
def test_a_union_has_the_members_of_both(left: dict[str, Any], right: dict[str, Any]) -> None:
    """Members of `union(a, b)` = members of a, or of b."""
    assert set(paths(union(left, right))) == set(paths(left)) | set(paths(right))


@given(FIELD_SETS, FIELD_SETS)
def test_a_difference_has_the_members_of_the_first_alone(left: dict[str, Any], right: dict[str, Any]) -> None:
    """Members of `difference(a, b)` = members of a that are not in b."""
    assert set(paths(difference(left, right))) == set(paths(left)) - set(paths(right))


@given(FIELD_SETS, FIELD_SETS)
def test_a_set_is_its_common_part_and_the_rest(left: dict[str, Any], right: dict[str, Any]) -> None:
    """`union(a - b, a ∩ b)` is a again, in the same normal form."""
    rest = difference(left, right)
    assert union(rest, difference(left, rest)) == left


@given(FIELD_SETS)
def test_a_set_is_the_tree_of_its_members(fields: dict[str, Any]) -> None:
    """`tree` is the inverse of `paths`."""
    assert tree(list(paths(fields))) == fields
    assert all(contains(fields, at) for at in paths(fields))


def test_the_servers_own_set_survives_the_round_trip() -> None:
    """What a real API server wrote is in our normal form already."""
    fields = entry_of(sample("deployment-people"), manager=OURS, api_version="apps/v1")
    assert fields
    assert tree(list(paths(fields))) == fields


def test_owning_a_map_is_not_owning_what_is_in_it() -> None:
    """`f:x: {}` is the map itself; its entries are members of their own."""
    whole: dict[str, Any] = {"f:x": {}}
    part: dict[str, Any] = {"f:x": {"f:y": {}}}
    assert union(whole, part) == {"f:x": {".": {}, "f:y": {}}}
    assert difference(union(whole, part), whole) == part
    assert not contains(part, path("x"))
    assert descend(part, path("z")) is None


@pytest.mark.parametrize(
    ("at", "short", "full", "server"),
    [
        (path("spec", "replicas"), "spec.replicas", "spec.replicas", ".spec.replicas"),
        (
            (*path("spec", "containers"), item({"name": "app"}), field("env"), item({"name": "LOG"}), field("value")),
            "spec.containers[app].env[LOG].value",
            "spec.containers[name=app].env[name=LOG].value",
            '.spec.containers[name="app"].env[name="LOG"].value',
        ),
        (
            (*path("spec", "ports"), item({"protocol": "TCP", "containerPort": 80})),
            "spec.ports[containerPort=80,protocol=TCP]",
            "spec.ports[containerPort=80,protocol=TCP]",
            '.spec.ports[containerPort=80,protocol="TCP"]',
        ),
        (
            (*path("metadata", "finalizers"), value("a/b")),
            "metadata.finalizers[=a/b]",
            "metadata.finalizers[=a/b]",
            '.metadata.finalizers[="a/b"]',
        ),
        ((*path("rules"), index(2)), "rules[2]", "rules[2]", ".rules[2]"),
    ],
)
def test_a_path_is_printed_for_people_and_as_the_server_does(at: Path, short: str, full: str, server: str) -> None:
    """Short where the only key is `name`, in full on demand, and the server's form for matching its conflicts."""
    assert (show(at), show(at, full=True), server_text(at)) == (short, full, server)
