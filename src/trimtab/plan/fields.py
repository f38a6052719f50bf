"""The algebra of `FieldsV1`: the sets of fields in an object's `managedFields`.

A set is a tree of JSON objects (KEP-555; structured-merge-diff's serialisation): a key says how to step down, its value what is in the
set below. `{}` below a step means "the field itself"; a `.` beside children says the same of a field that has children in the set too.

| step | meaning | printed, in full | printed, short |
|---|---|---|---|
| `f:spec` | the field of that name | `.spec` | `.spec` |
| `k:{"name":"app"}` | the list item with these key fields | `[name=app]` | `[app]` |
| `v:"kept"` | the item of a set with that value | `[=kept]` | `[=kept]` |
| `i:3` | the item at that index | `[3]` | `[3]` |

A `Path` is the tuple of steps from the root, as the API server writes them. The root's own `{}` is the empty set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

Path = tuple[str, ...]
"""Steps from an object's root, each as in FieldsV1: `("f:spec", "f:replicas")`."""

Fields = Mapping[str, Any]
"""A FieldsV1 tree."""

SELF = "."
"""The member mark beside children."""

_LEAF: dict[str, Any] = {}


def path(*names: str) -> Path:
    """A path of plain field names: `path("spec", "replicas")`."""
    return tuple(f"f:{name}" for name in names)


def field(name: str) -> str:
    """The step to a field."""
    return f"f:{name}"


def item(keys: Mapping[str, Any]) -> str:
    """The step to a list item with these key fields; the server sorts them by name."""
    return "k:" + msgspec.json.encode(keys, order="sorted").decode()


def value(content: Any) -> str:
    """The step to an item of a set of scalars."""
    return "v:" + msgspec.json.encode(content).decode()


def index(at: int) -> str:
    """The step to the item at an index."""
    return f"i:{at}"


@lru_cache(maxsize=65536)
def key_of(step: str) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """The names and the values of a `k:` step's key fields."""
    keys = msgspec.json.decode(step[2:])
    return tuple(keys), tuple(keys.values())


@lru_cache(maxsize=65536)
def value_of(step: str) -> Any:
    """The value of a `v:` step."""
    return msgspec.json.decode(step[2:])


def paths(fields: Fields, above: Path = ()) -> Iterator[Path]:
    """Each member of a set, parents before children."""
    for step, below in fields.items():
        if step == SELF:
            yield above
        elif below:
            yield from paths(below, (*above, step))
        else:
            yield (*above, step)


def tree(members: Iterator[Path] | list[Path] | tuple[Path, ...]) -> dict[str, Any]:
    """The set with these members: the inverse of `paths`."""
    result: dict[str, Any] = {}
    for member in members:
        branch: dict[str, Any] = {}
        for step in reversed(member):
            branch = {step: branch}
        result = union(result, branch)
    return result


def is_member(below: Fields) -> bool:
    """Whether the field that this tree hangs below is itself in the set."""
    return not below or SELF in below


def union(left: Fields, right: Fields) -> dict[str, Any]:
    """The fields in either set."""
    result = dict(left)
    for step, below in right.items():
        result[step] = _join(result[step], below) if step in result else below
    return result


def _join(left: Fields, right: Fields) -> dict[str, Any]:
    if not left and not right:
        return {}
    joined = union(left, right)
    return joined if left and right else {SELF: _LEAF, **joined}


def difference(left: Fields, right: Fields) -> dict[str, Any]:
    """The fields in `left` that are not in `right`, member by member: owning a map is not owning what is in it."""
    result: dict[str, Any] = {}
    for step, below in left.items():
        rest = below if step not in right else _less(below, right[step])
        if rest is not None and step != SELF:
            result[step] = rest
    return result


def _less(left: Fields, right: Fields) -> dict[str, Any] | None:
    """What remains below one step, or None where nothing does."""
    stays = is_member(left) and not is_member(right)
    below = difference(left, right)
    if stays and below:
        return {SELF: _LEAF, **below}
    return below if stays or below else None


def contains(fields: Fields, wanted: Path) -> bool:
    """Whether `wanted` is a member."""
    below = descend(fields, wanted)
    return below is not None and is_member(below)


def descend(fields: Fields, wanted: Path) -> Fields | None:
    """The tree below a path, or None where the set does not reach it."""
    for step in wanted:
        below = fields.get(step)
        if below is None:
            return None
        fields = below
    return fields


def show(steps: Path, *, full: bool = False) -> str:
    """A path for people: `spec.template.spec.containers[app].image`. `full` names each key field: `containers[name=app]`."""
    return "".join(_shown(step, full=full) for step in steps).removeprefix(".")


def _shown(step: str, *, full: bool) -> str:
    match step[0]:
        case "f":
            return f".{step[2:]}"
        case "k":
            names, values = key_of(step)
            if names == ("name",) and not full:
                return f"[{values[0]}]"
            return "[" + ",".join(f"{name}={_plain(content)}" for name, content in zip(names, values, strict=True)) + "]"
        case "v":
            return f"[={_plain(value_of(step))}]"
        case _:
            return f"[{step[2:]}]"


def _plain(content: Any) -> str:
    return content if isinstance(content, str) else msgspec.json.encode(content).decode()


def server_text(steps: Path) -> str:
    """A path as the API server prints it in a conflict: `.spec.containers[name="app"].image` (not to be parsed: names are not escaped)."""
    return "".join(_printed(step) for step in steps)


def _printed(step: str) -> str:
    match step[0]:
        case "f":
            return f".{step[2:]}"
        case "k":
            names, values = key_of(step)
            return "[" + ",".join(f"{name}={_quoted(content)}" for name, content in zip(names, values, strict=True)) + "]"
        case "v":
            return f"[={_quoted(value_of(step))}]"
        case _:
            return f"[{step[2:]}]"


def _quoted(content: Any) -> str:
    return msgspec.json.encode(content).decode()
