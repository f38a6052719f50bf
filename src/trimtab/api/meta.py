"""What all custom resources share: metadata, conditions, references, and how they are read from and written as JSON.

Each field's description stands in `Annotated[..., doc(...)]`, so that the CRD schema, `kubectl explain` and the reference in the
documentation come from one place.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from trimtab.core.errors import InputError

GROUP = "trimtab.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

LABEL = f"{GROUP}/id"
"""The one short label on managed objects, so that watches select them on the server. It narrows; it proves nothing."""
OWNER = f"{GROUP}/owner"
"""The owner annotation: `<installation>/<namespace>/<name>`, which names installation and Application in full."""
FINALIZER = f"{GROUP}/finalizer"
PREFIX = f"{GROUP}/"


def doc(text: str, **constraints: Any) -> Meta:
    """A field's description and its bounds (`ge`, `le`, `min_length`, `max_length`, `pattern`)."""
    return Meta(description=text, **constraints)


DURATION_PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

Duration = Annotated[str, Meta(pattern=DURATION_PATTERN, max_length=32)]
Name = Annotated[str, Meta(min_length=1, max_length=253)]
Text = Annotated[str, Meta(max_length=1024)]
RepositoryPath = Annotated[str, Meta(max_length=1024)]


def seconds(duration: str) -> float:
    """The seconds of a Go-style duration (`1m30s`). Raises InputError for anything else."""
    parts = DURATION.findall(duration)
    if not parts or "".join(a + b for a, b in parts) != duration:
        raise InputError(f"{duration!r} is not a duration; write it like 30s, 5m or 1h30m.")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


class ObjectMeta(Struct, omit_defaults=True, rename="camel"):
    """The part of metav1.ObjectMeta that we read of our own kinds."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    finalizers: list[str] = []
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Condition(Struct, omit_defaults=False, rename="camel", frozen=True):
    """metav1.Condition."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""
    last_transition_time: str = ""
    observed_generation: int = 0


class LocalRef(Struct, frozen=True, omit_defaults=True):
    """Names an object in the same namespace."""

    name: Name


class KeyRef(Struct, frozen=True, omit_defaults=True):
    """Names one key of a Secret or ConfigMap in the same namespace."""

    name: Name
    key: Annotated[str, doc("The key within it.", max_length=253)] = "values.yaml"
    optional: Annotated[bool, doc("Whether its absence is no error.")] = False


T = TypeVar("T")
_decoders: dict[type, msgspec.json.Decoder[Any]] = {}


def decode(kind: type[T], raw: bytes) -> T:
    """A custom resource from JSON. Raises InputError with the field and what is wrong with it."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    try:
        return decoder.decode(raw)  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        raise InputError(f"{kind.__name__} cannot be read: {error}.") from error


def set_condition(conditions: list[Condition], new: Condition, now: str) -> list[Condition]:
    """The list with `new` in its place; the transition time moves only when the status does."""
    old = next((c for c in conditions if c.type == new.type), None)
    since = old.last_transition_time if old is not None and old.status == new.status else now
    placed = Condition(new.type, new.status, new.reason, new.message[:1024], since or now, new.observed_generation)
    return [c for c in conditions if c.type != new.type] + [placed]


def condition(conditions: list[Condition], kind: str) -> Condition | None:
    """The condition of that type, if there is one."""
    return next((c for c in conditions if c.type == kind), None)
