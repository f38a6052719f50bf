"""Writes docs/reference from the Structs of the custom resources; `--check` only tells whether it would change anything.

One page a kind, one section a Struct: its sentence, its rules, its fields. Types, bounds and descriptions are read from the
schema that the API server enforces, so the reference cannot say what is not so.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect as types

from trimtab.api import application, repository
from trimtab.api.crds import definitions
from trimtab.api.meta import API_VERSION, DURATION_PATTERN
from trimtab.api.schema import RULES, schema_of

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs/reference"
COMMAND = ".venv/bin/python -m tools.reference"

KINDS: dict[str, type[msgspec.Struct]] = {"application": application.Application, "repository": repository.Repository}
PARTS = {"spec", "status"}
"""The fields of a kind that are ours to describe."""


def page(kind: type[msgspec.Struct]) -> str:
    """The whole page of a kind."""
    names = next(d["spec"]["names"] for d in definitions() if d["spec"]["names"]["kind"] == kind.__name__)
    parts = [f for f in struct_of(kind).fields if f.name in PARTS]
    titles = {inner(f.type): f.name for f in parts}
    intro = f"`{API_VERSION}`, short name `{names['shortNames'][0]}`. Written by `{COMMAND}` from the Structs; do not edit it."
    found = dict.fromkeys(cls for f in parts for cls in reached(inner(f.type)))
    return "\n\n".join([f"# {kind.__name__}", inspect.getdoc(kind) or "", intro, *(section(cls, titles) for cls in found)]) + "\n"


def section(cls: Any, titles: dict[Any, str]) -> str:
    """One Struct: what it is, what the API server refuses, and its fields."""
    properties = schema_of(cls)["properties"]
    rows = [row(f, properties[f.encode_name], titles) for f in struct_of(cls).fields]
    rules = [f"Rule, held by the API server: *{sentence}*." for _, sentence in RULES.get(cls.__name__, [])]
    head = "| field | type | default | bounds | what it says |\n|---|---|---|---|---|"
    return "\n\n".join([f"## {titles.get(cls, cls.__name__)}", inspect.getdoc(cls) or "", *rules, "\n".join([head, *rows])])


def row(field: types.Field, node: dict[str, Any], titles: dict[Any, str]) -> str:
    """One field as a line of the table."""
    cells = [f"`{field.encode_name}`", type_of(field.type, node, titles), default(field), bounds(node), node.get("description", "")]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def type_of(kind: types.Type, node: dict[str, Any], titles: dict[Any, str]) -> str:
    """`string`, `list of` [Source](#source), or the words of an enumeration."""
    cls = inner(kind)
    if cls is not None:
        title = titles.get(cls, cls.__name__)
        return f"{'list of ' if node['type'] == 'array' else ''}[{title}](#{title.lower()})"
    match node:
        case {"enum": words}:
            return ", ".join(f"`{word}`" for word in words)
        case {"type": "array"}:
            return f"list of {node['items']['type']}s"
        case {"additionalProperties": {"type": value}}:
            return f"map of {value}s"
        case {"pattern": pattern} if pattern == DURATION_PATTERN:
            return "duration"
        case {"x-kubernetes-preserve-unknown-fields": True}:
            return "object of any shape"
    return str(node["type"])


def default(field: types.Field) -> str:
    """What holds where nothing is written; empty for an empty string, list or object."""
    match field.default:
        case _ if field.required:
            return "**required**"
        case bool(value):
            return f"`{str(value).lower()}`"
        case str(value) if value:
            return f"`{value}`"
        case int(value):
            return f"`{value}`"
    return ""


def bounds(node: dict[str, Any]) -> str:
    """The least and the most that the API server lets pass."""
    least, most, unit = "", "", ""
    for low, high, what in (
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
        ("minimum", "maximum", ""),
        ("minProperties", "maxProperties", " entries"),
    ):
        if high in node:
            least, most, unit = str(node.get(low, "")), str(node[high]), what
    if node.get("pattern") == DURATION_PATTERN:
        return "as in `30s`, `5m`, `1h30m`"
    if not most:
        return ""
    return f"{least}–{most}{unit}" if least else f"≤ {most}{unit}"


def struct_of(cls: Any) -> types.StructType:
    """What msgspec knows of a Struct."""
    known = types.type_info(cls)
    assert isinstance(known, types.StructType)
    return known


def inner(kind: types.Type) -> Any:
    """The Struct that a type is about, through lists, options and descriptions; None where there is none."""
    match kind:
        case types.Metadata(type=wrapped):
            return inner(wrapped)
        case types.ListType(item_type=item):
            return inner(item)
        case types.UnionType(types=several):
            return next((found for one in several if (found := inner(one)) is not None), None)
        case types.StructType(cls=cls):
            return cls
    return None


def reached(cls: Any) -> Iterator[Any]:
    """A Struct and all that stand in it, in the order of reading."""
    yield cls
    for field in struct_of(cls).fields:
        found = inner(field.type)
        if found is not None:
            yield from reached(found)


def main() -> None:
    """Write the pages, or with `--check` exit 1 where one of them is out of date."""
    check = "--check" in sys.argv[1:]
    FOLDER.mkdir(parents=True, exist_ok=True)
    stale = []
    for name, kind in KINDS.items():
        path, text = FOLDER / f"{name}.md", page(kind)
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if not check:
            path.write_text(text, encoding="utf-8")
    if stale and check:
        sys.exit(f"{' and '.join(stale)} no longer say what the Structs say. Type:  {COMMAND}")
    print(f"{', '.join(stale) or 'nothing'} changed" if not check else "the reference says what the Structs say")


if __name__ == "__main__":
    main()
