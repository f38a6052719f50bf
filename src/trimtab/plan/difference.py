"""What differs between two objects, field by field, as a person would say it. Pure.

Lists are compared by Kubernetes' merge keys where they have some, so that a container put in front of another is one change and not
all of them; other lists by position, after what is alike at both ends. Null is the same as absent, and equal quantities are equal.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from trimtab.plan.fields import Path, field, index, item, show
from trimtab.plan.model import Change
from trimtab.plan.quantity import is_quantity, same_amount

MERGE_KEYS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "containers": (("name",),),
    "initContainers": (("name",),),
    "ephemeralContainers": (("name",),),
    "env": (("name",),),
    "volumes": (("name",),),
    "imagePullSecrets": (("name",),),
    "ports": (("containerPort", "protocol"), ("port", "protocol")),
    "volumeMounts": (("mountPath",),),
    "volumeDevices": (("devicePath",),),
    "hostAliases": (("ip",),),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
    "conditions": (("type",),),
    "ownerReferences": (("uid",),),
    "secrets": (("name",),),
    "webhooks": (("name",),),
    "resourceClaims": (("name",),),
    "readinessGates": (("conditionType",),),
    "schedulingGates": (("name",),),
    "volumeClaimTemplates": (),
}
"""Which fields tell the items of a list apart, by the list's name (`x-kubernetes-list-map-keys` of the built-in kinds).

For a name that is not here, items that all have a `name` are told apart by it: so do most custom kinds, and for a reader it is right
even where the API server merges by position."""

DEFAULTS: Mapping[str, Any] = {"protocol": "TCP"}
"""Key fields that may be left out, and what they are then."""


class Difference(Struct, frozen=True):
    """One field that differs. Of a list by position, an added item's index counts in `after`, a removed one's in `before`."""

    path: Path
    before: Any = None
    after: Any = None
    added: bool = False
    removed: bool = False


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """The changes from one object to another, in the order of the fields; `()` if and only if they mean the same."""
    return tuple(change(d) for d in differences(before, after))


def change(found: Difference) -> Change:
    """A difference as the plan carries it."""
    return Change(show(found.path), found.before, found.after, found.added, found.removed)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """The same with paths as data."""
    return tuple(_maps(before, after, ()))


def _maps(before: Mapping[str, Any], after: Mapping[str, Any], above: Path) -> Iterator[Difference]:
    for name in sorted(before.keys() | after.keys()):
        yield from _sides(before.get(name), after.get(name), (*above, field(name)))


def _sides(before: Any, after: Any, at: Path) -> Iterator[Difference]:
    """Compare two values of one field; None is absent."""
    if before is None or after is None:
        if before is not after:
            yield Difference(at, before, after, added=before is None, removed=after is None)
    elif isinstance(before, dict) and isinstance(after, dict):
        yield from _maps(before, after, at)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(before, after, at)
    elif not alike(before, after, at):
        yield Difference(at, before, after)


def alike(before: Any, after: Any, at: Path) -> bool:
    """Whether two values of a field mean the same. True and 1 do not; equal amounts of a resource do."""
    if before == after and isinstance(before, bool) == isinstance(after, bool):
        return True
    return is_quantity(at) and same_amount(before, after)


def _lists(before: list[Any], after: list[Any], at: Path) -> Iterator[Difference]:
    keys = key_fields(at, before, after)
    if keys:
        yield from _keyed(before, after, at, keys)
    else:
        yield from _placed(before, after, at)


def key_fields(at: Path, *sides: Sequence[Any]) -> tuple[str, ...]:
    """The fields that tell the items of a list apart: present in each item, and together unique on each side; else ()."""
    items = [held for side in sides for held in side]
    if not items or not all(isinstance(held, dict) for held in items):
        return ()
    candidates = MERGE_KEYS.get(at[-1][2:], (("name",),)) if at else ()
    return next((keys for keys in candidates if all(_unique(side, keys) for side in sides)), ())


def _unique(items: Sequence[Any], keys: tuple[str, ...]) -> bool:
    found = [_key(held, keys) for held in items]
    return all(k is not None for k in found) and len(set(found)) == len(found)


def _key(held: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    """The item's step in a path; None where it lacks a key field."""
    values = {name: held.get(name, DEFAULTS.get(name)) for name in keys}
    return None if any(v is None or isinstance(v, dict | list) for v in values.values()) else item(values)


def _keyed(before: list[Any], after: list[Any], at: Path, keys: tuple[str, ...]) -> Iterator[Difference]:
    old = {_key(held, keys): held for held in before}
    new = {_key(held, keys): held for held in after}
    for step in [*old, *(s for s in new if s not in old)]:
        assert step is not None
        yield from _sides(_with_defaults(old.get(step), keys), _with_defaults(new.get(step), keys), (*at, step))


def _with_defaults(held: Any, keys: tuple[str, ...]) -> Any:
    missing = {name: DEFAULTS[name] for name in keys if name in DEFAULTS and held is not None and held.get(name) is None}
    return {**held, **missing} if missing else held


def _placed(before: list[Any], after: list[Any], at: Path) -> Iterator[Difference]:
    """By position, between what is alike at the head and at the tail: an item put in the middle is one change."""
    head, tail = _ends(before, after, at)
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    for offset in range(max(len(old), len(new))):
        place = (*at, index(head + offset))
        if offset >= len(old):
            yield Difference(place, None, new[offset], added=True)
        elif offset >= len(new):
            yield Difference(place, old[offset], None, removed=True)
        elif old[offset] is not None and new[offset] is not None:
            yield from _sides(old[offset], new[offset], place)
        elif old[offset] is not new[offset]:
            yield Difference(place, old[offset], new[offset])


def _ends(before: list[Any], after: list[Any], at: Path) -> tuple[int, int]:
    """How many items are alike at the head and, of the rest, at the tail."""
    shorter = min(len(before), len(after))
    head = 0
    while head < shorter and _equal(before[head], after[head], at):
        head += 1
    tail = 0
    while tail < shorter - head and _equal(before[-1 - tail], after[-1 - tail], at):
        tail += 1
    return head, tail


def _equal(before: Any, after: Any, at: Path) -> bool:
    if before is None or after is None:
        return before is after
    return next(_sides(before, after, (*at, index(0))), None) is None


def mask(changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes of a Secret without any value of its data: `(12 bytes)` → `(14 bytes, changed)`."""
    return tuple(_masked(c) for c in changes)


def _masked(found: Change) -> Change:
    root = found.path.partition(".")[0]
    if root not in {"data", "stringData"} and MEMORY not in found.path:
        return msgspec.structs.replace(found, before=_forgotten(found.before), after=_forgotten(found.after))
    word = "removed" if found.removed else "added" if found.added else "changed"
    before = None if found.added else _hidden(found.before, "" if not found.removed else word, encoded=root == "data")
    after = None if found.removed else _hidden(found.after, word, encoded=root == "data")
    return msgspec.structs.replace(found, before=before, after=after, masked=True)


MEMORY = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation in which kubectl keeps the whole object, data and all."""


def _forgotten(content: Any) -> Any:
    """A value outside the data, without kubectl's memory somewhere in it."""
    if isinstance(content, dict):
        return {name: "(hidden)" if name == MEMORY else _forgotten(held) for name, held in content.items()}
    return content


def _hidden(content: Any, word: str, *, encoded: bool) -> Any:
    if isinstance(content, dict):
        return {name: _hidden(held, word, encoded=encoded) for name, held in content.items()}
    size = _size(content, encoded=encoded)
    return f"({word}, {size} bytes)" if word else f"({size} bytes)"


def _size(content: Any, *, encoded: bool) -> int:
    """How many bytes a value has; of Base64, what it stands for."""
    text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
    try:
        return len(base64.b64decode(text, validate=True)) if encoded else len(text.encode())
    except binascii.Error:
        return len(text.encode())
