"""The parts of Kubernetes' own shapes that we read, as slim Structs.

Field names are those of `k8s.io/apimachinery` (`metav1.ObjectMeta`, `Status`, `ListMeta`), in camel case on the wire. What is not
listed here is skipped by the decoder, which is where our speed comes from. None of these Structs can be part of a reference cycle,
so they are kept out of the garbage collector (`gc=False`).
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec import Struct


class OwnerReference(Struct, frozen=True, rename="camel", gc=False):
    """Which object this one belongs to; `controller` marks the one that manages it."""

    kind: str
    name: str
    uid: str = ""
    api_version: str = msgspec.field(default="", name="apiVersion")
    controller: bool = False


class ManagedFieldsEntry(Struct, frozen=True, rename="camel", gc=False):
    """One manager's fields of an object, at one apiVersion and subresource (KEP-555, server-side apply).

    `fields` is the raw `fieldsV1` JSON. It may still point into the buffer that it was read from: `bytes()` it before keeping it.
    """

    manager: str = ""
    operation: str = ""
    api_version: str = msgspec.field(default="", name="apiVersion")
    time: datetime | None = None
    subresource: str = ""
    fields: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw, name="fieldsV1")


class ObjectMeta(Struct, frozen=True, rename="camel", gc=False):
    """What every object says of itself."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()
    managed_fields: tuple[ManagedFieldsEntry, ...] = ()


class PartialObject(Struct, frozen=True, rename="camel", gc=False):
    """An object read only so far as its metadata. Items of a list carry neither `api_version` nor `kind`."""

    metadata: ObjectMeta
    api_version: str = msgspec.field(default="", name="apiVersion")
    kind: str = ""


class ListMeta(Struct, frozen=True, rename="camel", gc=False):
    """Of a list: where a watch may start, and the token of the next page ("" on the last)."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int | None = None


class ListPage(Struct, frozen=True, gc=False):
    """One page of a list; the items still point into the page's buffer."""

    metadata: ListMeta = ListMeta()
    items: list[msgspec.Raw] | None = None


class WatchEvent(Struct, frozen=True, gc=False):
    """One line of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR, and the object (a Status when ERROR)."""

    type: str
    object: msgspec.Raw


class Cause(NamedTuple):
    """One reason of a refusal. Of an apply conflict: the path of the field, and the server's sentence that names its manager."""

    field: str
    message: str


class StatusCause(Struct, frozen=True, gc=False):
    """`metav1.StatusCause` as it stands on the wire."""

    reason: str = ""
    message: str = ""
    field: str = ""


class StatusDetails(Struct, frozen=True, rename="camel", gc=False):
    """Which object a Status speaks of, and the single causes."""

    name: str = ""
    group: str = ""
    kind: str = ""
    uid: str = ""
    causes: tuple[StatusCause, ...] = ()
    retry_after_seconds: int = 0


class Status(Struct, frozen=True, gc=False):
    """`metav1.Status`: how the API server says no."""

    status: str = ""
    message: str = ""
    reason: str = ""
    details: StatusDetails | None = None
    code: int = 0


_version_only = msgspec.json.Decoder(type=PartialObject)
_status = msgspec.json.Decoder(type=Status)


def read_partial(raw: bytes | msgspec.Raw) -> PartialObject:
    """The metadata of an object given as JSON. Raises msgspec.DecodeError where it is no object."""
    return _version_only.decode(raw)


def read_status(body: bytes | msgspec.Raw) -> Status | None:
    """The Status that a body holds; None where it holds something else (a proxy's page, plain text)."""
    try:
        status = _status.decode(body)
    except msgspec.DecodeError:
        return None
    return status if status.reason or status.code or status.message else None
