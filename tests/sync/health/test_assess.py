"""What holds for objects of any kind and any shape, and how many healths become one."""

from __future__ import annotations

import copy
import timeit
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.sync.health import MISSING, Health, Status, assess, cause, children_of, rules, worst
from trimtab.sync.health.kinds import FUNCTIONS

pytestmark = pytest.mark.fast

NOW = datetime(2026, 11, 24, tzinfo=UTC)
WORDS = [
    "metadata", "spec", "status", "conditions", "type", "reason", "message", "phase", "replicas", "containerStatuses", "state", "waiting",
    "terminated", "exitCode", "ownerReferences", "uid", "generation", "observedGeneration", "deletionTimestamp", "finalizers", "name",
    "annotations", "updateStrategy", "rollingUpdate", "partition", "Ready", "Available", "True", "False", "Running", "Pending", "Failed",
    "CrashLoopBackOff", "lastTransitionTime", "2026-11-24T12:00:00Z", "autoscaling.alpha.kubernetes.io/conditions", "[{}]", "{", "Event",
    "Warning", "involvedObject", "lastTimestamp", "deployment.kubernetes.io/revision", "managedFields", "time", "initContainerStatuses",
]  # fmt: skip
KEYS = [*FUNCTIONS, *rules.table(), ("example.com", "Widget")]
TEXT = st.sampled_from(WORDS) | st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=25,
)
ANYTHING = st.dictionaries(TEXT, JSON, max_size=5)


@st.composite
def shapes(draw: st.DrawFn) -> dict[str, Any]:
    """An object of a kind that we know, whose every part may be of any shape."""
    group, kind = draw(st.sampled_from(KEYS))
    parts = {name: draw(ANYTHING | JSON) for name in ("metadata", "spec", "status")}
    return {"apiVersion": f"{group}/v1" if group else "v1", "kind": kind, **parts}


@given(live=shapes() | ANYTHING, children=st.lists(shapes() | ANYTHING, max_size=3), now=st.none() | st.just(NOW))
def test_no_shape_raises(live: dict[str, Any], children: list[dict[str, Any]], now: datetime | None) -> None:
    """Any controller may have written any status; a watch must survive it, and the answer is one phrase in one line."""
    health = assess(live, children=children, now=now)
    assert health.reason
    assert "\n" not in health.message
    assert isinstance(cause(live, children), str)
    assert isinstance(children_of(live), tuple)


SAMPLES = [
    sample["object"]
    for path in sorted(Path(__file__).parent.joinpath("samples").glob("*.json"))
    for sample in msgspec.json.decode(path.read_bytes())
]


def spots(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every value inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [spot for key, inner in items for spot in [(*path, key), *spots(inner, (*path, key))]]


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A real object in which one value, at any depth, is replaced by another of any shape."""
    live: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(SAMPLES)))
    *way, last = draw(st.sampled_from(spots(live)))
    parent: Any = live
    for step in way:
        parent = parent[step]
    parent[last] = draw(JSON)
    return live


@given(live=damaged(), children=st.lists(damaged(), max_size=2), now=st.none() | st.just(NOW))
def test_no_damaged_object_raises(live: dict[str, Any], children: list[dict[str, Any]], now: datetime | None) -> None:
    """One wrong value deep inside a familiar object is what a careless controller writes."""
    for child in children:
        owner = live["metadata"].get("uid") if isinstance(live.get("metadata"), dict) else ""
        child["involvedObject"] = {"uid": owner}
        if isinstance(child.get("metadata"), dict):
            child["metadata"]["ownerReferences"] = [{"uid": owner}]
    assert assess(live, children=children, now=now).reason


@given(live=shapes(), now=st.none() | st.just(NOW))
def test_an_answer_changes_nothing(live: dict[str, Any], now: datetime | None) -> None:
    """Asked twice, the same object is in the same health."""
    assert assess(live, now=now) == assess(live, now=now)


@given(live=shapes())
def test_a_terminating_object_is_progressing(live: dict[str, Any]) -> None:
    """Whatever else it says of itself."""
    live["metadata"] = {"deletionTimestamp": "2026-11-24T12:00:00Z"}
    assert assess(live).status == "Progressing"
    assert assess(live).message.startswith("is being deleted")


@given(live=shapes(), seen=st.integers(0, 3), wanted=st.integers(0, 3))
def test_an_older_generation_is_never_healthy(live: dict[str, Any], seen: int, wanted: int) -> None:
    """What a controller said of an older generation says nothing of this one."""
    live["metadata"], live["status"] = {"generation": wanted}, {"observedGeneration": seen}
    assert assess(live).status == "Progressing" or seen >= wanted


def test_what_has_no_kind_is_unknown() -> None:
    """Nothing is concluded from something that is no object."""
    assert assess({}).status == "Unknown"


def test_another_groups_kind_is_read_by_the_convention() -> None:
    """A Deployment of somebody else's group has somebody else's status."""
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    assert assess({"apiVersion": "example.com/v1", "kind": "Deployment", "status": ready}) == Health("Healthy", "Ready", "is ready")


@pytest.mark.parametrize(
    ("statuses", "whole"),
    [
        ([], "Healthy"),
        (["Healthy", "Unknown"], "Unknown"),
        (["Unknown", "Suspended", "Healthy"], "Suspended"),
        (["Suspended", "Progressing"], "Progressing"),
        (["Progressing", "Missing"], "Missing"),
        (["Missing", "Degraded", "Healthy"], "Degraded"),
    ],
)
def test_the_whole_is_as_its_worst_part(statuses: list[Status], whole: Status) -> None:
    """Degraded before Missing, Progressing, Suspended, Unknown and Healthy."""
    assert worst(statuses) == whole


def test_what_is_missing_has_a_health_too() -> None:
    """For an object that Git has and the cluster has not."""
    assert MISSING.status == "Missing"


def test_a_healthy_deployment_costs_microseconds() -> None:
    """It is asked on every watch event: 15 µs at most."""
    counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas", "readyReplicas"), 3)
    status = {"observedGeneration": 2, **counts, "conditions": [{"type": "Available", "status": "True"}] * 2}
    live = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generation": 2}, "spec": {"replicas": 3}, "status": status}
    assert assess(live).status == "Healthy"
    assert min(timeit.repeat(lambda: assess(live), number=2000, repeat=7)) / 2000 <= 15e-6
