"""What a status says, in words: pure."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.api.application import Application, ApplicationSpec, ApplicationStatus, Counts, HistoryEntry, PlanStatus, Source
from trimtab.api.meta import Condition, ObjectMeta
from trimtab.api.repository import Repository, RepositoryRef, RepositoryRevision, RepositorySpec, RepositoryStatus
from trimtab.cli import ask, words
from trimtab.cli.approve import check, told
from trimtab.cli.rollback import target
from trimtab.cli.table import table
from trimtab.cli.unreadable import shown
from trimtab.cli.wait import cannot, holds
from trimtab.controllers.own import reader
from trimtab.core.errors import InputError

pytestmark = pytest.mark.fast

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
OLD, NEW = "a" * 40, "b" * 40


def _application(**status: object) -> Application:
    spec = ApplicationSpec(sources=[Source(RepositoryRef("fleet"), "apps/a")])
    return Application(ObjectMeta(name="a", namespace="trimtab"), spec, ApplicationStatus(**status))  # type: ignore[arg-type]


def _condition(kind: str, status: str, reason: str) -> Condition:
    return Condition(kind, status, reason)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0s"), (119, "119s"), (120, "2m"), (3600, "1h"), (86_399, "23h"), (86_400, "1d"), (41 * 86_400, "41d")]
)
def test_ages_are_told_in_their_greatest_unit(seconds: int, shown: str) -> None:
    """As kubectl tells them."""
    assert words.spoken(seconds) == shown


def test_a_drifted_application_says_how_many_objects() -> None:
    """`▲ drifted 1`."""
    assert str(words.synced(_application(synced="Drifted", counts=Counts(5, 5, 1)))) == "▲ drifted 1"


def test_an_equal_application_that_is_on_its_way_is_syncing() -> None:
    """Applied is not yet there."""
    conditions = [_condition("Reconciling", "True", "Progressing")]
    assert words.synced(_application(synced="Equal", conditions=conditions)).word == "syncing"


def test_a_revision_that_is_not_in_force_is_crossed() -> None:
    """The newest commit comes from the Repository; a cross says that this Application could not take it."""
    shown = RepositoryRevision("main", NEW, "", "", "2026-01-02T11:58:00Z")
    spec = RepositorySpec("https://git.example.com/fleet.git")
    repository = Repository(ObjectMeta(name="fleet", namespace="trimtab"), spec, RepositoryStatus(revision=shown))
    assert words.revision(_application(synced="Failed"), {"trimtab/fleet": repository}, NOW) == "main@bbbbbbb (2m) ✗"
    assert words.revision(_application(), {}, NOW) == "–"


@given(st.text(max_size=300), st.integers(24, 200))
def test_a_message_is_cut_to_its_room(message: str, most: int) -> None:
    """However long it is."""
    assert len(words.health_of(_application(synced="Failed", message=message), most=most).word) <= max(most, len("progressing"))


def test_every_name_that_is_near_is_offered() -> None:
    """An unknown name gets the nearest ones; without any, what there is."""
    assert "Did you mean podinfo-helm" in str(ask.unknown("trimtab", "podinfo-hlm", ["podinfo-helm", "platform"]))
    assert "There are: dashboards, platform." in str(ask.unknown("trimtab", "x", ["platform", "dashboards"]))
    assert "no Applications" in str(ask.unknown("trimtab", "x", []))


def test_rollback_goes_to_the_last_good_version_that_is_another() -> None:
    """What is in force now is no way back, nor is a version that failed."""
    entries = [("k3", NEW, "Failed"), ("k2", NEW, "Healthy"), ("k1", OLD, "Healthy")]
    history = [HistoryEntry(commit=commit, render_key=key, outcome=outcome) for key, commit, outcome in entries]
    assert target(_application(history=history, render_key="k2"), "") == OLD
    assert target(_application(history=history, render_key="k3"), "2") == OLD
    assert target(_application(history=history), "aaaaaaa") == OLD
    with pytest.raises(InputError, match="no earlier healthy version"):
        target(_application(history=history[2:], render_key="k1"), "")


def test_an_unknown_commit_must_be_given_whole() -> None:
    """A short id can only name what the history knows."""
    assert target(_application(), "c" * 40) == "c" * 40
    with pytest.raises(InputError, match="no commit of the history"):
        target(_application(), "ccccccc")


def test_an_approval_names_the_plan_that_waits() -> None:
    """Not another one, and not one by too few digits."""
    waiting = PlanStatus(digest="9c41e07" + "0" * 57, create=2, delete=1)
    check("trimtab/a", waiting, "9c41e07")
    assert told(waiting) == "2 to create, 1 to delete"
    for wrong in ("9c41e0", "1234567"):
        with pytest.raises(InputError, match="but for 9c41e07"):
            check("trimtab/a", waiting, wrong)


@pytest.mark.parametrize(
    ("synced", "health", "reason", "stalled", "final"),
    [
        ("Failed", "Degraded", "HealthFailed", "False", True),
        ("Failed", "Healthy", "Render", "True", True),
        ("Failed", "Healthy", "Conflict", "False", False),
        ("Refused", "Healthy", "Budget", "False", True),
        ("Waiting", "Healthy", "ManualMode", "False", True),
        ("Waiting", "Unknown", "Unavailable", "False", False),
        ("Equal", "Degraded", "Equal", "False", True),
        ("Equal", "Progressing", "Progressing", "False", False),
    ],
)
def test_only_what_cannot_come_right_by_itself_ends_a_wait(synced: str, health: str, reason: str, stalled: str, final: bool) -> None:
    """A refused write or a server that is away is tried again; a failed version, a bad input and a missing approval are not."""
    conditions = [_condition("Ready", "False", reason), _condition("Stalled", stalled, reason)]
    app = _application(synced=synced, health=health, conditions=conditions)
    assert cannot(app) is final
    assert not holds(app, "Ready")


def test_a_table_is_aligned_whatever_is_in_it() -> None:
    """Columns begin where their heads begin; nothing is cut."""
    lines = str(table(("A", "LONGER"), [("x" * 30, words.Said("●", "equal")), ("y", "z")])).splitlines()
    assert [line.index(cell) for line, cell in zip(lines, ("LONGER", "● equal", "z"), strict=True)] == [32, 32, 32]
    assert all(line == line.rstrip() for line in lines)


def test_an_application_that_cannot_be_read_says_so() -> None:
    """A resource of another version does not take the others from the table."""
    raw = b'{"metadata": {"name": "odd", "namespace": "trimtab"}, "spec": {"sources": "none"}}'
    app = shown(reader(Application)(raw)[1])
    assert app.key == "trimtab/odd"
    assert "cannot be read" in words.health_of(app).word
