"""Differences: complete, minimal, and silent about what means the same."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plan.samples import NAMES, SCALARS, sample

from trimtab.plan.difference import Difference, difference, differences, mask
from trimtab.plan.fields import Path, key_of
from trimtab.plan.model import Change
from trimtab.plan.projection import lookup

pytestmark = pytest.mark.fast

Object = dict[str, Any]


def named(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Object]:
    """A map with a list of containers, which has a merge key, and other lists, which have none."""
    containers = st.dictionaries(st.sampled_from("xyz"), inner, max_size=3).map(lambda d: [{"name": n, "v": v} for n, v in d.items()])
    return st.fixed_dictionaries({}, optional={"containers": containers, "args": st.lists(inner, max_size=4), "a": inner, "b": st.none()})


OBJECTS: st.SearchStrategy[Object] = st.dictionaries(NAMES, st.recursive(SCALARS, named, max_leaves=10), max_size=3)


def canonical(content: Any) -> Any:
    """What an object means: no nulls, and containers in the order of their names."""
    if isinstance(content, dict):
        return {
            k: sorted(canonical(v), key=lambda c: str(c["name"])) if k == "containers" else canonical(v)
            for k, v in content.items()
            if v is not None
        }
    return [canonical(v) for v in content] if isinstance(content, list) else content


def same(left: Object, right: Object) -> bool:
    """Equal in meaning; true is not 1."""
    return msgspec.json.encode(canonical(left), order="sorted") == msgspec.json.encode(canonical(right), order="sorted")


@given(OBJECTS, OBJECTS)
def test_there_is_no_difference_exactly_where_the_meaning_is_the_same(before: Object, after: Object) -> None:
    """`difference(a, b) == ()` if and only if a and b mean the same."""
    assert (difference(before, after) == ()) == same(before, after)


@given(OBJECTS, OBJECTS)
def test_the_changes_make_the_one_into_the_other(before: Object, after: Object) -> None:
    """Carrying out each change on the first object gives the second."""
    assert same(carried_out(before, differences(before, after)), after)


GONE = object()


def carried_out(body: Object, found: tuple[Difference, ...]) -> Object:
    """Each change in its order; removed items keep their place until the end."""
    result = copy.deepcopy(body)
    for change in found:
        carry_out(lookup(result, change.path[:-1])[1], change)
    return {name: swept(held) for name, held in result.items() if held is not GONE}


def carry_out(parent: Any, change: Difference) -> None:
    """One change, in the map or list that holds it."""
    step = change.path[-1]
    if step[0] == "f":
        parent[step[2:]] = GONE if change.removed else change.after
    elif change.added:
        parent.insert(int(step[2:]) if step[0] == "i" else len(parent), change.after)
    else:
        parent[position(parent, step)] = GONE if change.removed else change.after


def position(parent: list[Any], step: str) -> int:
    """Where a step leads in a list."""
    if step[0] == "i":
        return int(step[2:])
    names, values = key_of(step)
    return next(at for at, held in enumerate(parent) if held is not GONE and [held.get(n) for n in names] == list(values))


def swept(content: Any) -> Any:
    """Without what is gone."""
    if isinstance(content, dict):
        return {k: swept(v) for k, v in content.items() if v is not GONE}
    return [swept(v) for v in content if v is not GONE] if isinstance(content, list) else content


def shown(before: Object, after: Object) -> list[tuple[str, Any, Any]]:
    """The changes as (path, before, after)."""
    return [(c.path, c.before, c.after) for c in difference(before, after)]


def containers(*items: Object) -> Object:
    """A pod template's worth of containers."""
    return {"spec": {"containers": list(items)}}


APP: Object = {"name": "app", "image": "app:1"}
SIDE: Object = {"name": "side", "image": "side:1"}


def test_a_container_put_in_front_is_one_change() -> None:
    """Lists with a merge key are compared by it."""
    assert shown(containers(APP), containers(SIDE, APP)) == [("spec.containers[side]", None, SIDE)]


def test_an_argument_put_in_the_middle_is_one_change() -> None:
    """Lists without a key are compared between what is alike at both ends."""
    assert shown({"args": ["a", "b", "c"]}, {"args": ["a", "x", "b", "c"]}) == [("args[1]", None, "x")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"resources": {"requests": {"cpu": "1"}}}, {"resources": {"requests": {"cpu": "1000m"}}}),
        ({"resources": {"limits": {"memory": "1Gi"}}}, {"resources": {"limits": {"memory": "1024Mi"}}}),
        ({"resources": {"limits": {"cpu": 2}}}, {"resources": {"limits": {"cpu": "2"}}}),
        ({"metadata": {"creationTimestamp": None}}, {"metadata": {}}),
        ({"ports": [{"containerPort": 80}]}, {"ports": [{"protocol": "TCP", "containerPort": 80}]}),
        (containers(APP, SIDE), containers(SIDE, APP)),
    ],
)
def test_what_means_the_same_is_no_change(before: Object, after: Object) -> None:
    """Equal quantities, nulls, the default protocol, and the order of keyed items."""
    assert shown(before, after) == []


@pytest.mark.parametrize(("before", "after"), [("1", "1000m"), (80, "80"), (True, 1), ("", None)])
def test_what_only_looks_the_same_is_a_change(before: Any, after: Any) -> None:
    """An env value "1" is not "1000m"; a port 80 is not the port named "80"."""
    assert len(difference({"env": [{"name": "A", "value": before}]}, {"env": [{"name": "A", "value": after}]})) == 1


def test_two_ports_of_one_number_are_told_apart_by_protocol() -> None:
    """DNS listens on both."""
    udp, tcp = {"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP", "name": "dns"}
    assert shown({"ports": [udp]}, {"ports": [udp, tcp]}) == [("ports[port=53,protocol=TCP]", None, tcp)]


def test_items_with_one_key_twice_are_compared_by_place() -> None:
    """A list that breaks its own key is still compared, not lost."""
    before = containers(APP, {**APP, "image": "app:2"})
    assert shown(before, containers(APP)) == [("spec.containers[1]", {**APP, "image": "app:2"}, None)]


def test_a_real_objects_changes_by_a_person_are_found() -> None:
    """Against what it was just after the apply."""
    before, after = sample("configmap-applied"), sample("configmap-people")
    assert [c.path for c in difference(before["data"], after["data"])] == ["extra"]


def test_a_secrets_values_are_never_shown() -> None:
    """How many bytes, and that they changed; labels and the rest stay readable."""
    before = {"data": {"a": "c2VjcmV0LW9uZQ==", "b": "eA==", "old": "eA=="}, "metadata": {"labels": {"x": "1"}}}
    after = {"data": {"a": "c2VjcmV0LXR3bw==", "b": "eA==", "new": "bm90IHNob3du"}, "metadata": {"labels": {"x": "2"}}}
    assert mask(difference(before, after)) == (
        Change("data.a", "(10 bytes)", "(changed, 10 bytes)", masked=True),
        Change("data.new", None, "(added, 9 bytes)", added=True, masked=True),
        Change("data.old", "(removed, 1 bytes)", None, removed=True, masked=True),
        Change("metadata.labels.x", "1", "2"),
    )


@given(st.dictionaries(st.sampled_from(["data", "stringData"]), st.dictionaries(NAMES, st.just("c2VjcmV0LXZhbHVl"), min_size=1)))
def test_no_secret_value_survives_in_any_shape(after: Object) -> None:
    """A whole map added is masked entry by entry; so is kubectl's memory of it."""
    after = {**after, "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "c2VjcmV0LXZhbHVl"}}}
    sides: tuple[Object, ...] = ({}, {"data": {}})
    for before in sides:
        assert b"c2VjcmV0" not in msgspec.json.encode(mask(difference(before, after)))


def test_paths_as_data_lead_to_the_values() -> None:
    """`differences` gives steps that `lookup` follows."""
    found: Path = differences(containers(APP), containers({**APP, "image": "app:2"}))[0].path
    assert lookup(containers(APP), found) == (True, "app:1")
