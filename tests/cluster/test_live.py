"""The live store by itself: what it keeps, what it tells, and that it forgets nothing without being told."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.cluster.live import LiveStore
from trimtab.core.errors import ApiError

pytestmark = pytest.mark.fast
Told = list[tuple[str, str | None, str | None]]


def raw(name: str, value: str) -> bytes:
    """An object."""
    return json.dumps({"name": name, "value": value}).encode()


def summarise(content: bytes) -> tuple[str, str]:
    """Its name and value; an object without a value cannot be understood."""
    found = json.loads(content)
    if not found["value"]:
        raise msgspec.ValidationError("no value")
    return found["name"], found["value"]


def store() -> tuple[LiveStore[str, str], Told]:
    """A store, and what it tells."""
    told: Told = []
    return LiveStore(summarise, lambda *change: told.append(change)), told


async def replace(live: LiveStore[str, str], **objects: str) -> None:
    """A complete list."""
    await live.replaced([live.decode(raw(name, value)) for name, value in objects.items()], "1")
    live.synced()


async def test_each_change_is_told_with_old_and_new() -> None:
    """Added, changed, deleted; what stays the same is not told."""
    live, told = store()
    live.changed("ADDED", raw("a", "1"))
    live.changed("MODIFIED", raw("a", "1"))
    live.changed("MODIFIED", raw("a", "2"))
    live.changed("DELETED", raw("a", "2"))
    live.changed("DELETED", raw("a", "2"))
    assert told == [("a", None, "1"), ("a", "1", "2"), ("a", "2", None)]


async def test_a_list_tells_what_is_gone() -> None:
    """What a complete list does not hold is deleted."""
    live, told = store()
    await replace(live, a="1", b="1")
    await replace(live, b="2", c="1")
    assert dict(live.items()) == {"b": "2", "c": "1"}
    assert told[2:] == [("b", "1", "2"), ("c", None, "1"), ("a", "1", None)]


async def test_unreadable_is_not_empty() -> None:
    """An error keeps everything and is to be seen until the kind can be read again."""
    live, told = store()
    await replace(live, a="1")
    live.unreadable(ApiError("no"))
    assert dict(live.items()) == {"a": "1"}
    assert (live.is_synced, live.statistics().readable) == (True, False)
    live.synced()
    assert live.error is None
    assert len(told) == 1


async def test_what_is_not_understood_deletes_nothing() -> None:
    """An object whose key cannot be read might be any of those that the list lacks: none is taken for gone."""
    live, _ = store()
    await replace(live, a="1", b="1")
    await replace(live, a="")
    assert dict(live.items()) == {"a": "1", "b": "1"}
    assert live.statistics().misunderstood == 1


def test_before_the_first_list_it_is_not_synced() -> None:
    """Absence means nothing yet."""
    live, _ = store()
    live.changed("ADDED", raw("a", "1"))
    assert not live.is_synced
    assert "a" in live


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["ADDED", "MODIFIED", "DELETED"]), st.sampled_from("12")), max_size=40))
def test_the_told_changes_add_up_to_the_picture(changes: list[tuple[str, str, str]]) -> None:
    """Whoever follows `on_change` from the start knows exactly what the store knows."""
    live, told = store()
    for name, kind, value in changes:
        live.changed(kind, raw(name, value))  # type: ignore[arg-type]
    picture: dict[str, str] = {}
    for key, old, new in told:
        assert picture.get(key) == old
        if new is None:
            del picture[key]
        else:
            picture[key] = new
    assert picture == dict(live.items())
