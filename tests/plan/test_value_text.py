"""Values for people: one line, the differing part in sight, nothing that steers a terminal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.plan.model import Change
from trimtab.plan.values import WIDTH, cut, render_value, sides

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (2, "2"),
        (True, "true"),
        ("plain text", "plain text"),
        ("", '""'),
        (" padded", '" padded"'),
        ("a\nb", '"a\\nb"'),
        ("\x1b[31mred", '"\\u001b[31mred"'),
        ({"a": 1}, '{"a":1}'),
        (list(range(60)), "[60 items]"),
    ],
)
def test_a_value_is_one_readable_line(content: Any, shown: str) -> None:
    """Text as it is where it reads as text, else as JSON."""
    assert render_value(content) == shown


@given(st.one_of(st.text(), st.dictionaries(st.text(), st.text()), st.lists(st.text())))
def test_a_value_is_short_and_printable_whatever_it_is(content: Any) -> None:
    """No more than the width, and no sign that breaks the line or steers the terminal."""
    shown = render_value(content)
    assert len(shown) <= WIDTH
    assert shown.isprintable()


def test_a_long_text_keeps_both_ends() -> None:
    """What differs is as often at the end."""
    assert cut("a" * 50 + "z" * 50, 10) == "aaaaaa…zzz"


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("ghcr.io/x/app:1", "ghcr.io/x/app:2", ("ghcr.io/x/app:1", "…:2")),
        ("ghcr.io/x/app:1", "docker.io/app:1", ("ghcr.io/x/app:1", "docker.io/app:1")),
        ("host:5000/app", "host:5000/app:2", ("host:5000/app", "host:5000/app:2")),
        ("app@sha256:aa", "app@sha256:bb", ("app@sha256:aa", "…@sha256:bb")),
    ],
)
def test_a_new_image_of_the_same_repository_shows_its_version(before: str, after: str, shown: tuple[str, str]) -> None:
    """The registry's port is no version."""
    assert sides(Change("spec.containers[app].image", before, after)) == shown


def test_text_and_number_that_look_alike_are_told_apart() -> None:
    """A port 80 against the port "80"."""
    assert sides(Change("port", 80, "80")) == ("80", '"80"')


def test_a_side_that_does_not_exist_is_nothing() -> None:
    """Added has no before, removed no after."""
    assert sides(Change("a", None, "x", added=True)) == ("", "x")
    assert sides(Change("a", "x", None, removed=True)) == ("x", "")
