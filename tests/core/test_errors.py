"""Errors: one sentence for people, with the place and the way out."""

from __future__ import annotations

import pytest

from trimtab.core.errors import (
    ApiError,
    InputError,
    Place,
    RefusedError,
    RenderError,
    SupersededError,
    TrimtabError,
    UnavailableError,
)

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place("apps/values.yaml"), "apps/values.yaml"),
        (Place("apps/values.yaml", 14), "apps/values.yaml:14"),
        (Place("apps/values.yaml", 14, 7), "apps/values.yaml:14:7"),
    ],
)
def test_a_place_reads_as_editors_write_it(place: Place, text: str) -> None:
    """A click on it opens the line; what is not known is left out."""
    assert str(place) == text


def test_an_error_reads_place_sentence_remedy() -> None:
    """In this order, in one line."""
    error = InputError("replicas must be a number.", place=Place("values.yaml", 3), remedy="Write 3.")
    assert str(error) == "values.yaml:3: replicas must be a number. Write 3."


def test_a_place_that_the_sentence_names_is_not_said_twice() -> None:
    """A renderer's own message often begins with it."""
    assert str(InputError("values.yaml:3: not a number.", place=Place("values.yaml", 3))) == "values.yaml:3: not a number."


def test_details_stay_out_of_the_sentence() -> None:
    """They are for `-v`."""
    assert str(TrimtabError("It failed.", detail="line 1\nline 2")) == "It failed."


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (RenderError, InputError),
        (ApiError, UnavailableError),
        (InputError, TrimtabError),
        (RefusedError, TrimtabError),
        (UnavailableError, TrimtabError),
        (SupersededError, TrimtabError),
    ],
)
def test_what_is_done_about_an_error_follows_from_its_family(kind: type[TrimtabError], parent: type[TrimtabError]) -> None:
    """Input waits for a change, what is unavailable is tried again: an error of one family is never one of another."""
    families = {InputError, RefusedError, UnavailableError, SupersededError}
    assert issubclass(kind, parent)
    assert sum(issubclass(kind, family) for family in families) == 1


@pytest.mark.parametrize(("kind", "reason"), [(InputError, "Input"), (RenderError, "Render"), (UnavailableError, "Unavailable")])
def test_the_reason_of_a_condition_is_the_name_of_the_error(kind: type[TrimtabError], reason: str) -> None:
    """PascalCase, as the Kubernetes API conventions ask."""
    assert kind("It failed.").reason == reason


def test_an_unavailable_server_may_say_how_long_to_wait() -> None:
    """Retry-After travels with the error; None where nothing was said."""
    assert (UnavailableError("Busy.", retry_after=2.0).retry_after, UnavailableError("Busy.").retry_after) == (2.0, None)
