"""What all kinds share: durations, conditions, and errors of reading in one sentence."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.api import meta
from trimtab.api.application import Application, ApplicationSpec, ApplicationStatus, Counts, Destination, HistoryEntry, Source
from trimtab.api.meta import Condition, ObjectMeta, condition, decode, seconds, set_condition
from trimtab.api.repository import Repository, RepositoryRef
from trimtab.controllers.own import explicit
from trimtab.core.errors import InputError

pytestmark = pytest.mark.fast

EARLIER, LATER = "2026-01-31T09:00:00Z", "2026-01-31T10:00:00Z"
READY = Condition("Ready", "True", "Equal", "", EARLIER, 1)
REPOSITORY = b'{"metadata":{"name":"fleet"},"spec":%s}'


@pytest.mark.parametrize(
    ("text", "expected"), [("30s", 30), ("5m", 300), ("1h30m", 5400), ("250ms", 0.25), ("1.5h", 5400), ("1m30s", 90), ("0s", 0)]
)
def test_durations_are_written_as_go_writes_them(text: str, expected: float) -> None:
    """The form that Kubernetes users know."""
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5m ", "1d", "five minutes", "5m,3s"])
def test_what_is_no_duration_says_how_to_write_one(text: str) -> None:
    """In one sentence, with what was found."""
    with pytest.raises(InputError, match=r"is not a duration; write it like 30s, 5m or 1h30m"):
        seconds(text)


@given(st.from_regex(meta.DURATION_PATTERN.rstrip("$") + r"\Z", fullmatch=True) | st.text("0123456789.smh ", max_size=8))
def test_the_program_reads_exactly_the_durations_that_the_api_server_lets_pass(text: str) -> None:
    """The schema's pattern and the parser are one rule: nothing passes the one and fails the other."""
    passes = re.fullmatch(meta.DURATION_PATTERN.strip("^$"), text, re.ASCII) is not None
    try:
        seconds(text)
    except InputError:
        assert not passes
    else:
        assert passes


def test_the_transition_time_moves_only_with_the_status() -> None:
    """`kubectl wait` and alerts on "not ready for 10 minutes" depend on it."""
    said_anew = set_condition([READY], Condition("Ready", "True", "Healthy", "All is well."), LATER)
    turned = set_condition([READY], Condition("Ready", "False", "Failed"), LATER)
    assert [(c.reason, c.last_transition_time) for c in (*said_anew, *turned)] == [("Healthy", EARLIER), ("Failed", LATER)]


def test_a_condition_replaces_the_one_of_its_type_alone() -> None:
    """One entry a type, the others untouched."""
    stalled = Condition("Stalled", "False", "Equal", "", EARLIER, 1)
    conditions = set_condition([READY, stalled], Condition("Ready", "False", "Failed"), LATER)
    assert sorted(c.type for c in conditions) == ["Ready", "Stalled"]
    assert condition(conditions, "Stalled") == stalled
    assert condition(conditions, "Reconciling") is None


def test_a_first_condition_is_dated_now_and_a_long_message_is_cut() -> None:
    """1024 characters: what the schema lets pass."""
    (made,) = set_condition([], Condition("Ready", "False", "Failed", "x" * 5000), LATER)
    assert (made.last_transition_time, len(made.message)) == (LATER, 1024)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("{}", "Repository cannot be read: Object missing required field `url` - at `$.spec`."),
        ('{"url":7}', "Repository cannot be read: Expected `str`, got `int` - at `$.spec.url`."),
        ('{"url":"https://git.example.com/a","interval":"soon"}', "at `$.spec.interval`."),
    ],
)
def test_what_cannot_be_read_is_one_sentence_with_the_field(spec: str, sentence: str) -> None:
    """An older or newer writer's resource: the kind, what is wrong, and where."""
    with pytest.raises(InputError) as caught:
        decode(Repository, REPOSITORY % spec.encode())
    assert str(caught.value).endswith(sentence)
    assert "\n" not in str(caught.value)


def test_fields_of_a_newer_version_are_passed_over() -> None:
    """A controller of yesterday serves a resource of tomorrow."""
    read = decode(Repository, REPOSITORY % b'{"url":"https://git.example.com/a","verify":{"mode":"Signed"}}')
    assert read.spec.url == "https://git.example.com/a"


def test_defaults_are_the_safe_ones() -> None:
    """Eleven lines make an Application: automatic, pruning within its budget, held on failure, five minutes for health."""
    raw = b'{"metadata":{"name":"a","namespace":"n"},"spec":{"sources":[{"repositoryRef":{"name":"fleet"}}]}}'
    application = decode(Application, raw)
    spec = application.spec
    budget = spec.sync.prune.budget
    assert (spec.sync.mode, spec.sync.prune.enabled, budget.max_percent, budget.min_objects) == ("Auto", True, 50, 10)
    assert (spec.sync.on_failure, spec.health.timeout, spec.deletion_policy, application.key) == ("Hold", "5m", "Delete", "n/a")


def test_a_resource_survives_being_written() -> None:
    """JSON in the API's own names, defaults left out, and back."""
    spec = ApplicationSpec([Source(RepositoryRef("fleet"), path="apps/podinfo")], Destination("podinfo", create_namespace=True))
    application = Application(ObjectMeta(name="podinfo", namespace="trimtab"), spec)
    raw = msgspec.json.encode(application)
    assert decode(Application, raw) == application
    assert msgspec.json.decode(raw)["spec"]["destination"] == {"namespace": "podinfo", "createNamespace": True}


TEXT = st.text(max_size=5)
STATUSES = st.builds(
    ApplicationStatus,
    observed_generation=st.integers(0, 9),
    synced=TEXT,
    counts=st.builds(Counts, objects=st.integers(0, 9), healthy=st.integers(0, 9)),
    quarantined=st.lists(TEXT, max_size=3),
    history=st.lists(st.builds(HistoryEntry, time=TEXT, outcome=TEXT), max_size=3),
    conditions=st.lists(st.builds(Condition, type=TEXT, status=st.just("True"), reason=TEXT), max_size=3),
)


@given(STATUSES, STATUSES)
def test_a_status_written_out_takes_back_what_has_become_empty(old: ApplicationStatus, new: ApplicationStatus) -> None:
    """A status is sent as a merge patch: laid over whatever was there before, it reads back as what was meant."""
    patch = explicit(new)
    merged = merge(msgspec.to_builtins(old), patch)
    assert msgspec.convert(merged, ApplicationStatus) == new


def merge(target: object, patch: object) -> object:
    """JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    base = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            base.pop(name, None)
        else:
            base[name] = merge(base.get(name), value)
    return base
