"""Samples for the tests of the plan: live objects as a real API server (1.34) printed them, small builders, and strategies."""

from __future__ import annotations

from pathlib import Path as File
from typing import Any

import msgspec
from hypothesis import strategies as st

from trimtab.plan.fields import Path, tree
from trimtab.plan.model import Desired, Entry, Key

OURS = "trimtab:0123456789"
OTHER = "trimtab:ffffffffff"
DATA = File(__file__).parent / "data"


def sample(name: str) -> dict[str, Any]:
    """A live object, or an answer of the API server, from the data folder."""
    content: dict[str, Any] = msgspec.json.decode((DATA / f"{name}.json").read_bytes())
    return content


def conflicts(status: dict[str, Any]) -> list[tuple[str, str]]:
    """The (field, manager) pairs of a 409's body."""
    return [(cause["field"], cause["message"].split('"')[1]) for cause in status["details"]["causes"]]


def entry(manager: str, fields: Any, *, operation: str = "Update", api_version: str = "apps/v1", subresource: str = "") -> dict[str, Any]:
    """One entry of managedFields."""
    found = {"manager": manager, "operation": operation, "apiVersion": api_version, "fieldsType": "FieldsV1", "fieldsV1": fields}
    return found | ({"subresource": subresource} if subresource else {})


def live(body: dict[str, Any], *entries: dict[str, Any]) -> dict[str, Any]:
    """A body as it would live, with these entries in its managedFields."""
    return {**body, "metadata": {"name": "web", "namespace": "shop", **body.get("metadata", {}), "managedFields": list(entries)}}


def desired(kind: str, name: str = "x", namespace: str = "", group: str = "", wave: int = 0) -> Desired:
    """An object that is to be, without a body."""
    return Desired(Key(group, kind, namespace, name), f"{group}/v1" if group else "v1", b"", "", wave=wave)


def dropped(kind: str, name: str = "x", namespace: str = "", group: str = "", wave: int = 0) -> Entry:
    """An entry of the inventory."""
    return Entry(Key(group, kind, namespace, name), f"{group}/v1" if group else "v1", "u", wave=wave)


SCALARS = st.one_of(st.booleans(), st.integers(-5, 5), st.text("abc", max_size=3))
NAMES = st.sampled_from(["a", "b", "c", "app.kubernetes.io/name"])
STEPS = st.sampled_from(["f:a", "f:b", "f:c", 'k:{"name":"x"}', 'k:{"name":"y"}', 'v:"z"', "i:0"])
FIELD_SETS = st.lists(st.lists(STEPS, min_size=1, max_size=4).map(tuple), max_size=8).map(tree)
"""Any set of fields, in the server's normal form."""

Owned = tuple[Any, dict[str, Any]]
"""A value, and the set of all its fields."""


def _map(parts: dict[str, Owned]) -> Owned:
    fields = {f"f:{name}": below for name, (_, below) in parts.items()}
    return {name: value for name, (value, _) in parts.items()}, {".": {}, **fields} if fields else {}


def _keyed(parts: dict[str, Owned]) -> Owned:
    items, fields = [], {}
    for name, (value, below) in parts.items():
        items.append({"name": name, "held": value})
        fields[f'k:{{"name":"{name}"}}'] = {".": {}, "f:name": {}, "f:held": below}
    return items, fields


def _set(values: list[str]) -> Owned:
    return values, {f'v:"{value}"': {} for value in values}


OWNED: st.SearchStrategy[Owned] = st.recursive(
    st.one_of(
        SCALARS.map(lambda v: (v, {})),
        st.lists(SCALARS, max_size=3).map(lambda v: (v, {})),
        st.lists(st.sampled_from("pqrs"), unique=True, max_size=3).map(_set),
    ),
    lambda inner: st.one_of(st.dictionaries(NAMES, inner, max_size=3).map(_map), st.dictionaries(NAMES, inner, max_size=3).map(_keyed)),
    max_leaves=12,
)

OBJECTS: st.SearchStrategy[Owned] = st.dictionaries(NAMES, OWNED, min_size=1, max_size=4).map(
    lambda parts: (_map(parts)[0], {step: below for step, below in _map(parts)[1].items() if step != "."})
)
"""An object with the set of all its fields."""


def member(fields: Any) -> st.SearchStrategy[Path]:
    """Any member of a set that is a leaf."""
    return st.sampled_from([at for at, below in _leaves(fields, ()) if not below])


def _leaves(fields: Any, above: Path) -> list[tuple[Path, Any]]:
    return [
        found
        for step, below in fields.items()
        if step != "."
        for found in ([((*above, step), below)] if not below else _leaves(below, (*above, step)))
    ]
