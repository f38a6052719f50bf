from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.render.trees import ask

from trimtab.render.key import concealed, key_of, render_key
from trimtab.render.request import Release, RenderRequest
from trimtab.render.result import Chance, Rendered

pytestmark = pytest.mark.fast
read = st.tuples(st.sampled_from("fldta"), st.text(max_size=9), st.text(max_size=9))
BASE: dict[str, Any] = {
    "reads": (("f", "a", "1"), ("a", "b", "")),
    "parameters": {"values": {"a": 1}},
    "capability_reads": (("kubeVersion", "", "1.35.0"),),
    "release": Release("demo", "space"),
    "worker_version": "1",
    "seed_id": "s",
    "time_used": "",
    "policy": "",
}


def _rendered(**changed: Any) -> Rendered:
    plain = Rendered("Plain", (), (("f", "a", "1"),), (), Chance(), (), 0.1)
    return msgspec.structs.replace(plain, **changed)


def _keys(*pairs: tuple[RenderRequest, Rendered]) -> set[str]:
    return {key_of(request, result, worker_version="1") for request, result in pairs}


@given(st.lists(read, max_size=8), st.randoms())
def test_the_order_of_reads_is_irrelevant(reads: list[Any], chance: Any) -> None:
    """Reads are a set: in any order, and repeated, they give one key."""
    shuffled = [*reads, *reads]
    chance.shuffle(shuffled)
    assert render_key(**{**BASE, "reads": reads}) == render_key(**{**BASE, "reads": shuffled})


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("reads", (("f", "a", "2"), ("a", "b", ""))),
        ("reads", (("f", "a", "1"),)),
        ("parameters", {"values": {"a": 2}}),
        ("capability_reads", (("kubeVersion", "", "1.36.0"),)),
        ("release", Release("other", "space")),
        ("release", Release("demo", "space", revision=2)),
        ("worker_version", "2"),
        ("seed_id", "t"),
        ("time_used", "2026-01-01T00:00:00Z"),
        ("policy", "p"),
    ],
)
def test_each_input_changes_the_key(name: str, other: Any) -> None:
    """P1: whatever a render depends on is part of its key, the policy in force too."""
    assert render_key(**BASE) != render_key(**{**BASE, name: other})


def test_the_commit_is_no_part_of_the_key() -> None:
    """Two trees of which the same was read are one render."""
    assert len(_keys((ask("1" * 40), _rendered()), (ask("2" * 40), _rendered()))) == 1


def test_the_release_counts_only_where_it_can_matter() -> None:
    """Two applications that take the same plain folder have one render; two Helm releases do not."""
    one, two = ask("1" * 40, name="one"), ask("1" * 40, name="two")
    assert len(_keys((one, _rendered()), (two, _rendered()))) == 1
    assert len(_keys((one, _rendered(kind="Helm")), (two, _rendered(kind="Helm")))) == 2


def test_seed_and_time_count_only_where_they_were_used() -> None:
    """`trimtab render` and the controller agree on the key of a chart that draws on neither chance nor clock."""
    one = ask("1" * 40)
    two = msgspec.structs.replace(one, seed=b"another", now="2027-01-01T00:00:00Z")
    assert len(_keys((one, _rendered()), (two, _rendered()))) == 1
    assert len(_keys((one, _rendered(random=Chance(seeded={"uuidv4": 1}))), (two, _rendered(random=Chance(seeded={"uuidv4": 1}))))) == 2
    assert len(_keys((one, _rendered(random=Chance(time={"now": 1}))), (two, _rendered(random=Chance(time={"now": 1}))))) == 2


def test_documents_from_elsewhere_enter_as_keyed_digests() -> None:
    """The key stands in a status; it must not allow anyone to test guesses of a Secret's values."""
    parameters = {"valuesFrom": [{"name": "secret", "content": "password: hunter2"}, {"path": "values.yaml"}]}
    first, second = concealed(parameters, b"seed"), concealed(parameters, b"other seed")
    assert "hunter2" not in repr(first)
    assert first["valuesFrom"][0]["content"] != second["valuesFrom"][0]["content"]
    assert first["valuesFrom"][1] == {"path": "values.yaml"}
