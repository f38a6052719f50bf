"""A plan for people, in a terminal and under a pull request."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.core.errors import Place
from trimtab.plan.markdown import markdown
from trimtab.plan.model import Action, Change, Key, Notice, Ownership, Plan, Refusal, Verb
from trimtab.plan.text import Style, lines, render, summary

pytestmark = pytest.mark.fast

WEB = Key("apps", "Deployment", "podinfo", "podinfo")
PLACE = Place("apps/podinfo/overlays/production/replicas.yaml", 6)
SCALE = Action(
    "patch",
    WEB,
    "apps/v1",
    "changed in Git",
    changes=(Change("spec.replicas", 2, 3),),
    consequence="1 pod more (+100m CPU, +64Mi); nothing restarts",
    place=PLACE,
)


def plan(*actions: Action, **more: Any) -> Plan:
    """A plan of podinfo."""
    return Plan("trimtab/podinfo", "key", actions=actions, unchanged=6, digest="9c41e07f", **more)


def action(verb: Verb, kind: str = "ConfigMap", reason: str = "") -> Action:
    """One thing to be done."""
    return Action(verb, Key("", kind, "podinfo", verb), "v1", reason)


def test_a_plan_reads_as_the_design_shows_it() -> None:
    """Summary and digest, the object and its place, the field, the consequence."""
    assert render(plan(SCALE)) == (
        "podinfo: 1 change, 6 unchanged                      plan 9c41e07\n"
        "~ Deployment podinfo/podinfo                        apps/podinfo/overlays/production/replicas.yaml:6\n"
        "    spec.replicas    2 → 3\n"
        "    consequence: 1 pod more (+100m CPU, +64Mi); nothing restarts\n"
    )


@pytest.mark.parametrize(
    ("verbs", "words"),
    [
        ([], "podinfo: nothing to change, 6 unchanged"),
        (["create", "create"], "podinfo: 2 changes, 6 unchanged"),
        (["create", "patch", "delete", "keep"], "podinfo: 3 changes (1 new, 1 changed, 1 deleted), 6 unchanged, 1 kept"),
    ],
)
def test_the_summary_counts(verbs: list[Verb], words: str) -> None:
    """What would be done, by kind where there is more than one."""
    assert summary(plan(*(action(v) for v in verbs))) == words


def test_each_verb_has_its_mark() -> None:
    """New, changed, deleted, adopted, kept."""
    found = render(plan(action("create"), action("delete"), action("adopt"), action("keep"))).splitlines()[1:]
    assert [line[0] for line in found] == list("+->=")


def test_why_is_told_where_it_is_not_plain_from_the_mark() -> None:
    """Drift names who did it; a change in Git shows itself."""
    assert "why: changed by kubectl-edit" in render(plan(action("patch", reason="changed by kubectl-edit")))
    assert "why" not in render(plan(action("patch", reason="changed in Git")))


def test_added_and_removed_fields_have_signs() -> None:
    """And a place of their own where it is not the object's."""
    there = Place("base/web.yaml", 3)
    changes = (Change("a", None, 1, added=True), Change("long", 2, None, removed=True, place=there))
    text = render(plan(msgspec.structs.replace(SCALE, changes=changes)))
    assert "    a       + 1\n    long    - 2    base/web.yaml:3\n" in text


def test_a_change_of_owner_a_problem_and_a_notice_are_told() -> None:
    """Each in a line, with the reason."""
    found = msgspec.structs.replace(
        SCALE, ownership=(Ownership(("spec.replicas",), "kubectl", "trimtab:0123456789", "set by a person"),), problem="it is immutable"
    )
    text = render(plan(found, notices=(Notice("hook, not applied yet", WEB, PLACE),)))
    assert "owner of spec.replicas: kubectl → trimtab (set by a person)" in text
    assert "problem: it is immutable" in text
    assert f"note: Deployment podinfo/podinfo hook, not applied yet    {PLACE}" in text


def test_a_refusal_names_the_way_out() -> None:
    """The next command to type, with this plan's digest."""
    text = render(plan(refusals=(Refusal("Budget", "this would delete 41 of 52 objects."),)))
    assert text.endswith("! refused: this would delete 41 of 52 objects.\n  If it is meant:  trimtab approve podinfo --plan 9c41e07\n")
    assert "`trimtab approve podinfo --plan 9c41e07`" in markdown(plan(refusals=(Refusal("Empty", "nothing was rendered"),)))


def test_colours_are_the_painters() -> None:
    """The layout does not change by them."""

    def tagged(style: Style, text: str) -> str:
        return f"<{style}>{text}"

    painted = render(plan(SCALE), paint=tagged)
    assert "<patch>~ Deployment podinfo/podinfo" in painted
    assert "<before>2<plain> → <after>3" in painted


TEXTS = st.text(max_size=20)
CHANGES = st.builds(Change, TEXTS, TEXTS, st.one_of(TEXTS, st.integers(), st.dictionaries(TEXTS, TEXTS)), st.booleans())


@given(st.lists(CHANGES, max_size=3), TEXTS, st.integers(1, 200))
def test_no_manifest_can_steer_the_terminal(changes: list[Change], reason: str, width: int) -> None:
    """Whatever names and values say, each span prints as it is, on its line."""
    found = plan(msgspec.structs.replace(SCALE, changes=tuple(changes), reason=reason), notices=(Notice(reason),))
    assert all(text.isprintable() for line in lines(found, width=width) for _, text in line)


def test_markdown_has_a_table_of_fields() -> None:
    """Field, before, after; each value in a code span."""
    text = markdown(plan(SCALE))
    assert "### podinfo: 1 change, 6 unchanged" in text
    assert "| field | before | after |\n|---|---|---|\n| `spec.replicas` | `2` | `3` |" in text
    assert f"`{PLACE}`" in text


def test_markdown_cannot_be_broken_out_of() -> None:
    """Backticks, pipes and mentions in a manifest stay text."""
    text = markdown(plan(msgspec.structs.replace(SCALE, reason="by @admin *now*", changes=(Change("a|b", "x`y", "@team"),))))
    assert "| `a\\|b` | ``x`y`` | `@team` |" in text
    assert "by @\u200badmin \\*now\\*" in text


def test_markdown_ends_at_a_whole_object_where_it_is_too_long() -> None:
    """A forge refuses a comment that is too long; the reader is told what is left out, and the refusals stay."""
    text = markdown(plan(*(action("create") for _ in range(100)), refusals=(Refusal("Budget", "too much"),)), limit=2000)
    assert len(text) <= 2000
    assert "more objects, too many for one comment" in text
    assert "**Refused:** too much" in text
