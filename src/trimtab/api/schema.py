"""Structural OpenAPI schemas from Structs, as a CustomResourceDefinition wants them: no $ref, every list and string bounded.

Source of the rules: Kubernetes' "Extend the Kubernetes API with CustomResourceDefinitions", section "Specifying a structural schema".
Bounds everywhere keep the cost of CEL rules small enough for the API server to accept them.
"""

from __future__ import annotations

import inspect
from typing import Any

from msgspec import inspect as types

MAX_ITEMS = 256
MAX_LENGTH = 1024
MAX_PROPERTIES = 256

Schema = dict[str, Any]

LISTS_BY_KEY = {"Condition": "type"}
"""Item types whose lists are merged by a key under server-side apply."""

RULES: dict[str, list[tuple[str, str]]] = {
    "Ref": [
        (
            "[has(self.branch), has(self.tag), has(self.commit), has(self.semver)].filter(x, x).size() <= 1",
            "name one of branch, tag, commit and semver, not several",
        ),
    ],
    "ValuesFrom": [
        (
            "[has(self.fileRef), has(self.configMapKeyRef), has(self.secretKeyRef)].filter(x, x).size() == 1",
            "name exactly one of fileRef, configMapKeyRef and secretKeyRef",
        ),
    ],
    "Source": [
        (
            "[has(self.helm), has(self.kustomize), has(self.jsonnet), has(self.directory)].filter(x, x).size() <= 1",
            "give parameters for one renderer, not several",
        ),
    ],
    "ApplicationSpec": [
        (
            "self.sources.size() == 1 || self.sources.all(s, has(s.name) && self.sources.exists_one(t, has(t.name) && t.name == s.name))",
            "with several sources, give each a name of its own",
        ),
    ],
}
"""CEL validation rules by Struct: (rule, the sentence a person gets)."""


def schema_of(struct: type) -> Schema:
    """The structural schema of a Struct."""
    return _schema(types.type_info(struct))


def _schema(kind: types.Type) -> Schema:
    match kind:
        case types.Metadata(type=inner, extra_json_schema=extra):
            return _schema(inner) | _description(extra)
        case types.StructType():
            return _object(kind)
        case types.DictType(value_type=value):
            return _map(value)
        case types.ListType(item_type=item, max_length=most, min_length=least):
            return _list(item, least, most)
        case types.UnionType():
            return _union(kind)
        case types.LiteralType(values=values):
            return {"type": "string", "enum": sorted(map(str, values))}
        case types.StrType():
            return _string(kind)
        case types.IntType(ge=ge, le=le):
            return {"type": "integer", "format": "int64"} | _bounds(ge, le)
        case types.BoolType():
            return {"type": "boolean"}
        case types.AnyType():
            return {"x-kubernetes-preserve-unknown-fields": True}
    raise TypeError(f"no schema for {kind}")


def _description(extra: dict[str, Any] | None) -> Schema:
    return {"description": extra["description"]} if extra and "description" in extra else {}


def _object(kind: types.StructType) -> Schema:
    schema: Schema = {"type": "object", "description": inspect.getdoc(kind.cls) or ""}
    schema["properties"] = {f.encode_name: _field(f) for f in kind.fields}
    required = [f.encode_name for f in kind.fields if f.required]
    if required:
        schema["required"] = required
    rules = RULES.get(kind.cls.__name__)
    if rules:
        schema["x-kubernetes-validations"] = [{"rule": rule, "message": message} for rule, message in rules]
    return schema


def _field(field: types.Field) -> Schema:
    return _schema(field.type) | _default(field)


def _default(field: types.Field) -> Schema:
    """The default of scalars, so that `kubectl explain` and `kubectl get -o yaml` tell it."""
    value = field.default
    return {"default": value} if isinstance(value, (str, int, bool)) and value not in {"", 0} else {}


def _map(value: types.Type) -> Schema:
    if isinstance(value, types.AnyType):
        return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {"type": "object", "additionalProperties": _schema(value), "maxProperties": MAX_PROPERTIES}


def _list(item: types.Type, least: int | None, most: int | None) -> Schema:
    schema: Schema = {"type": "array", "items": _schema(item), "maxItems": most or MAX_ITEMS}
    if least:
        schema["minItems"] = least
    inner = item.type if isinstance(item, types.Metadata) else item
    key = LISTS_BY_KEY.get(inner.cls.__name__) if isinstance(inner, types.StructType) else None
    return schema | ({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]} if key else {})


def _union(kind: types.UnionType) -> Schema:
    inner = [t for t in kind.types if not isinstance(t, types.NoneType)]
    if len(inner) != 1:
        raise TypeError(f"a structural schema has no unions: {kind}")
    return _schema(inner[0])


def _string(kind: types.StrType) -> Schema:
    schema: Schema = {"type": "string", "maxLength": kind.max_length or MAX_LENGTH}
    if kind.min_length:
        schema["minLength"] = kind.min_length
    if kind.pattern:
        schema["pattern"] = kind.pattern
    return schema


def _bounds(ge: int | None, le: int | None) -> Schema:
    return ({"minimum": ge} if ge is not None else {}) | ({"maximum": le} if le is not None else {})
