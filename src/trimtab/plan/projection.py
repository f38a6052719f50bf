"""What we own of a live object, and a digest of it: how drift is seen without asking the API server anything.

A live object carries, in `metadata.managedFields`, the set of fields of each manager. Projecting the object on our own entry gives the
values of our fields alone: server defaults, webhooks and other controllers' fields are not in it. Its digest, taken from the answer to
our apply, is compared with that of each watch event. This runs for every event, so it is written for speed: one pass, no copies of leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trimtab.core.digests import digest_of
from trimtab.plan.fields import SELF, Fields, Path, descend, key_of, value_of

Others = Sequence[Fields] | None
"""The sets of the object's other managers; None where the plain values are wanted."""

Trail = tuple[Any, str] | None
"""The way down to where a projection stands: (trail to the parent, step). Linked, because it is needed only at rare leaves."""


def entry_of(live: Mapping[str, Any], *, manager: str, api_version: str) -> dict[str, Any] | None:
    """The fields of the Apply entry (no subresource) of a manager at a version; None where there is no such entry."""
    for entry in live["metadata"].get("managedFields", ()):
        if (
            entry.get("manager") == manager
            and entry.get("operation") == "Apply"
            and entry.get("apiVersion") == api_version
            and not entry.get("subresource")
        ):
            fields: dict[str, Any] = entry.get("fieldsV1", {})
            return fields
    return None


def projection_digest(live: Mapping[str, Any], *, manager: str, api_version: str) -> str:
    """SHA-256 of the live values of the fields that `manager` applied at `api_version`; "" where it has no such entry (apply once more)."""
    fields = entry_of(live, manager=manager, api_version=api_version)
    if fields is None:
        return ""
    others = [e["fieldsV1"] for e in live["metadata"]["managedFields"] if e.get("fieldsV1") is not fields and "fieldsV1" in e]
    return digest_of(owned_values(live, fields, others))


def project(live: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """The live values at exactly these fields; lists keep their live order. A field that is not there is left out."""
    return _map(live, fields, None, None)


def owned_values(live: Mapping[str, Any], fields: Fields, others: Sequence[Fields]) -> dict[str, Any]:
    """The projection as it is compared: what others do inside a map or list of ours makes no difference where it is theirs.

    Owning a map or list without children in the set owns its whole value where it is atomic (a Service's `selector`, `args`). Where it
    is not (an applied `annotations: {}`), what is put inside belongs to who put it: `others`, the sets of the object's other managers,
    tell the two apart, because nobody can own a part of an atomic value. So empty and filled by others are the same here. (Where the
    API server keeps no empty map at all, as with annotations, it is in our entry until the object is next written, and in no value.)
    """
    return _map(live, fields, others, None)


def _map(live: Mapping[str, Any], fields: Fields, others: Others, trail: Trail) -> dict[str, Any]:
    result = {}
    for step, below in fields.items():
        name = step[2:]
        if step != SELF and name in live:
            held = live[name]
            if below:
                inside = _inside(held, below, others, (trail, step))
                if inside or SELF in below:
                    result[name] = inside
            elif others is not None and type(held) in {dict, list}:
                result[name] = _whole(held, others, (trail, step))
            else:
                result[name] = held
    return result


def _inside(live: Any, fields: Fields, others: Others, trail: Trail) -> Any:
    if type(live) is dict:
        return _map(live, fields, others, trail)
    if type(live) is list:
        return _list(live, fields, others, trail)
    return live


def _list(live: list[Any], fields: Fields, others: Others, trail: Trail) -> list[Any]:
    kind = next((step[0] for step in fields if step != SELF), SELF)
    if kind == "k":
        return _keyed(live, fields, others, trail)
    if kind == "v":
        wanted = [value_of(step) for step in fields if step != SELF]
        return [held for held in live if held in wanted]
    places = sorted(int(step[2:]) for step in fields if step != SELF)
    return [_whole_or_inside(live[at], f"i:{at}", fields, others, trail) for at in places if at < len(live)]


def _keyed(live: list[Any], fields: Fields, others: Others, trail: Trail) -> list[Any]:
    """Items by key. Key fields are alike within one list, so the first step tells their names."""
    names: tuple[str, ...] = ()
    wanted: dict[tuple[Any, ...], str] = {}
    for step in fields:
        if step != SELF:
            names, values = key_of(step)
            wanted[values] = step
    result = []
    for held in live:
        found = wanted.get(tuple([held.get(name) for name in names])) if type(held) is dict else None
        if found is not None:
            result.append(_whole_or_inside(held, found, fields, others, trail))
    return result


def _whole_or_inside(held: Any, step: str, fields: Fields, others: Others, trail: Trail) -> Any:
    below = fields[step]
    return _inside(held, below, others, (trail, step)) if below else _whole(held, others, (trail, step))


def _whole(held: Any, others: Others, trail: Trail) -> Any:
    """An atomic value as it is; of a map or list that is empty, or that others own parts of, only that it is ours."""
    if others is None or type(held) not in {dict, list}:
        return held
    return {} if not held or _shared(others, _steps(trail)) else held


def _shared(others: Sequence[Fields], steps: Path) -> bool:
    """Whether anybody owns something inside the field at a path."""
    found = (descend(fields, steps) for fields in others)
    return any(below and below.keys() != {SELF} for below in found)


def _steps(trail: Trail) -> Path:
    steps: list[str] = []
    while trail is not None:
        trail, step = trail
        steps.append(step)
    return tuple(reversed(steps))


def lookup(body: Any, steps: Path) -> tuple[bool, Any]:
    """Whether a path exists in an object, and its value."""
    for step in steps:
        at = _position(body, step)
        if at is None:
            return False, None
        body = body[at]
    return True, body


def remove(body: dict[str, Any], steps: Path) -> dict[str, Any]:
    """The object without the field at a path. Maps that become empty by it go as well (but `spec` and its like stay); the rest is shared.

    Returns `body` itself where the path does not exist.
    """
    if not steps or not lookup(body, steps)[0]:
        return body
    result: dict[str, Any] = _without(body, steps, top=True)
    return result


def _without(body: Any, steps: Path, *, top: bool = False) -> Any:
    """A copy along the path; None where nothing is left to keep."""
    at = _position(body, steps[0])
    rest = _without(body[at], steps[1:]) if len(steps) > 1 else None
    if rest is None and top and len(steps) > 1:
        rest = type(body[at])()
    copy = body.copy()
    if rest is None:
        del copy[at]
    else:
        copy[at] = rest
    return copy if copy or top else None


def _position(body: Any, step: str) -> Any:
    """Where a step leads in a map (a name) or a list (an index); None where it leads nowhere."""
    kind = step[0]
    if kind == "f":
        return step[2:] if isinstance(body, dict) and step[2:] in body else None
    if not isinstance(body, list):
        return None
    if kind == "i":
        return int(step[2:]) if int(step[2:]) < len(body) else None
    if kind == "v":
        return next((at for at, held in enumerate(body) if held == value_of(step)), None)
    return _item(body, zip(*key_of(step), strict=True))


def _item(body: list[Any], key: Iterable[tuple[str, Any]]) -> int | None:
    """The item with these key fields. One that leaves some of them to the server's defaults (a port's protocol) is second choice."""
    pairs = list(key)
    maps = [(at, held) for at, held in enumerate(body) if isinstance(held, dict)]
    exact = (at for at, held in maps if all(held.get(name) == content for name, content in pairs))
    defaulted = (
        at
        for at, held in maps
        if any(name in held for name, _ in pairs) and all(held.get(name, content) == content for name, content in pairs)
    )
    return next(exact, next(defaulted, None))
