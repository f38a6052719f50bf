"""Schemas from Structs: structural, bounded, and told by the same words as the reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct, field

from trimtab.api import schema
from trimtab.api.crds import definitions
from trimtab.api.meta import doc
from trimtab.api.schema import RULES, schema_of

pytestmark = pytest.mark.fast

Node = tuple[str, dict[str, Any]]


def roots() -> list[Node]:
    """The schema of each kind, by its name."""
    return [(d["spec"]["names"]["kind"], d["spec"]["versions"][0]["schema"]["openAPIV3Schema"]) for d in definitions()]


def nodes(path: str, node: dict[str, Any]) -> Iterator[Node]:
    """A schema and everything in it."""
    yield path, node
    for name, inner in node.get("properties", {}).items():
        yield from nodes(f"{path}.{name}", inner)
    if "items" in node:
        yield from nodes(f"{path}[]", node["items"])
    if isinstance(node.get("additionalProperties"), dict):
        yield from nodes(f"{path}{{}}", node["additionalProperties"])


ALL = [node for path, root in roots() for node in nodes(path, root)]
OWN = [(path, node) for path, node in ALL if path.count(".") and path.split(".")[1] in {"spec", "status"}]


def test_every_node_is_structural() -> None:
    """A type everywhere, or the one extension that admits anything; no references and no unions."""
    bad = [p for p, n in ALL if "type" not in n and not n.get("x-kubernetes-preserve-unknown-fields")]
    assert not bad
    assert not [p for p, n in ALL if {"$ref", "anyOf", "oneOf", "allOf", "not"} & n.keys()]


@pytest.mark.parametrize(("kind", "bounds"), [("array", {"maxItems"}), ("string", {"maxLength", "enum"})])
def test_every_list_and_string_is_bounded(kind: str, bounds: set[str]) -> None:
    """Or the API server would refuse our CEL rules for their cost, and a status could grow to megabytes."""
    assert [p for p, n in OWN if n.get("type") == kind]
    assert not [p for p, n in OWN if n.get("type") == kind and not bounds & n.keys()]


def test_every_map_is_bounded() -> None:
    """Helm's free values apart: they are of any shape."""
    assert not [p for p, n in OWN if "additionalProperties" in n and "maxProperties" not in n]


def test_every_object_and_list_says_what_it_is() -> None:
    """`kubectl explain` has a sentence for each."""
    assert not [p for p, n in OWN if n.get("type") in {"object", "array"} and not p.endswith("[]") and not n.get("description")]


def test_rules_stand_for_structs_that_exist() -> None:
    """A renamed Struct must not lose its rule silently."""
    validated = [n for _, n in ALL if "x-kubernetes-validations" in n]
    sentences = {rule["message"] for n in validated for rule in n["x-kubernetes-validations"]}
    assert sentences == {sentence for rules in RULES.values() for _, sentence in rules}


def test_lists_of_conditions_merge_by_type() -> None:
    """As every controller's conditions do under server-side apply."""
    conditions = [n for p, n in ALL if p.endswith("status.conditions")]
    assert len(conditions) == len(roots())
    assert all((n["x-kubernetes-list-type"], n["x-kubernetes-list-map-keys"]) == ("map", ["type"]) for n in conditions)


class Sample(Struct, rename="camel"):
    """A sample."""

    must: Annotated[str, doc("Needed.", min_length=1, max_length=9, pattern="^a")]
    how_many: Annotated[int, doc("A number.", ge=0, le=5)] = 3
    which: Literal["B", "A"] = "A"
    on: bool = True
    off: bool = False
    maybe: Annotated[str, Meta(max_length=4)] | None = None
    many: Annotated[list[str], doc("Several.", min_length=1)] = field(default_factory=list)
    pairs: dict[str, str] = field(default_factory=dict)
    free: dict[str, Any] = field(default_factory=dict)


def test_a_struct_becomes_the_schema_that_it_describes() -> None:
    """Each kind of field once, whole."""
    text = {"type": "string", "maxLength": schema.MAX_LENGTH}
    assert schema_of(Sample) == {
        "type": "object",
        "description": "A sample.",
        "required": ["must"],
        "properties": {
            "must": {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a", "description": "Needed."},
            "howMany": {"type": "integer", "format": "int64", "minimum": 0, "maximum": 5, "default": 3, "description": "A number."},
            "which": {"type": "string", "enum": ["A", "B"], "default": "A"},
            "on": {"type": "boolean", "default": True},
            "off": {"type": "boolean"},
            "maybe": {"type": "string", "maxLength": 4},
            "many": {"type": "array", "items": text, "minItems": 1, "maxItems": schema.MAX_ITEMS, "description": "Several."},
            "pairs": {"type": "object", "additionalProperties": text, "maxProperties": schema.MAX_PROPERTIES},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }


class Torn(Struct):
    """A field that is one thing or another."""

    either: int | str


class Odd(Struct):
    """A field that JSON has no word for."""

    moment: bytes


@pytest.mark.parametrize("kind", [Torn, Odd])
def test_what_no_schema_can_say_is_an_error_at_build_time(kind: type[Struct]) -> None:
    """Rather than a schema that admits everything."""
    with pytest.raises(TypeError, match="schema"):
        schema_of(kind)
