"""What a plan may delete by itself, and what it must be approved for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plan.samples import dropped

from trimtab.plan.budget import judge
from trimtab.plan.model import Entry, Key, Refusal

pytestmark = pytest.mark.fast

CRD = "apiextensions.k8s.io"


def no_instances(_key: Key) -> int | None:
    """Nothing goes along."""
    return 0


def judged(
    total: int, deletions: list[Entry], *, empty: bool = False, along: Callable[[Key], int | None] = no_instances
) -> tuple[Refusal, ...]:
    """The default budget: half, and ten objects."""
    return judge(total=total, deletions=deletions, empty=empty, crd_instances=along)


def configs(count: int) -> list[Entry]:
    """ConfigMaps that are to be deleted."""
    return [dropped("ConfigMap", f"c{i}", "shop") for i in range(count)]


def rules(found: tuple[Refusal, ...]) -> list[str]:
    """The rules that refuse."""
    return [r.rule for r in found]


@given(st.integers(0, 60), st.integers(0, 60))
def test_more_than_half_and_more_than_ten_is_refused(total: int, count: int) -> None:
    """Both bounds must be exceeded; at the bound it passes."""
    count = min(total, count)
    assert bool(judged(total, configs(count))) == (count > 10 and count > total / 2)


def test_the_sentence_says_how_many_of_how_many() -> None:
    """As an operator needs it, and that nothing was done."""
    assert [r.text for r in judged(52, configs(41))] == [
        "this would delete 41 of 52 objects; the budget is 26 (50 %). Nothing was deleted.",
    ]
    assert "the budget is 10 (the least that it can be)" in judged(12, configs(11))[0].text


def test_an_empty_render_is_refused_however_little_there_is() -> None:
    """Even for one object; not where there was nothing."""
    assert rules(judged(1, configs(1), empty=True)) == ["Empty"]
    assert judged(0, [], empty=True) == ()


@pytest.mark.parametrize("kind", ["Namespace", "PersistentVolumeClaim", "PersistentVolume"])
def test_what_holds_data_always_wants_an_approval(kind: str) -> None:
    """One of a hundred, and still."""
    found = judged(100, [dropped(kind)])
    assert rules(found) == ["Protected"]
    assert [k.kind for k in found[0].keys] == [kind]


@pytest.mark.parametrize(("instances", "refused"), [(0, []), (1, ["Protected"]), (None, ["Protected"])])
def test_a_definition_with_instances_wants_an_approval(instances: int | None, refused: list[str]) -> None:
    """So does one whose instances could not be counted: that is never none."""
    assert rules(judged(100, [dropped("CustomResourceDefinition", group=CRD)], along=lambda _: instances)) == refused


def test_what_a_deletion_takes_along_counts() -> None:
    """One definition with eleven instances is twelve deletions."""
    found = judged(20, [dropped("CustomResourceDefinition", group=CRD)], along=lambda _: 11)
    assert rules(found) == ["Budget", "Protected"]
    assert "this would delete 1 of 20 objects and take 11 more along" in found[0].text


def test_a_kind_of_the_same_name_in_another_group_is_not_protected() -> None:
    """The group decides, not the name."""
    assert judged(100, [dropped("Namespace", group="example.com")]) == ()


def test_the_users_own_budget_holds() -> None:
    """`maxPercent: 30, minObjects: 20`."""
    refused = judge(total=50, deletions=configs(21), max_percent=30, min_objects=20, empty=False, crd_instances=no_instances)
    assert rules(refused) == ["Budget"]
    assert judge(total=50, deletions=configs(20), max_percent=30, min_objects=20, empty=False, crd_instances=no_instances) == ()
