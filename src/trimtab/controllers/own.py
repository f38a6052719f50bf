"""Our own kinds in the API: how they are addressed, read from watches, and how a status is written."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from trimtab.api import application, repository
from trimtab.api.meta import GROUP, VERSION, ObjectMeta, decode
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.errors import NotFoundError
from trimtab.cluster.events import Reference
from trimtab.cluster.resources import Resource
from trimtab.core.errors import InputError

APPLICATIONS = Resource(GROUP, VERSION, application.KIND, application.PLURAL, namespaced=True)
REPOSITORIES = Resource(GROUP, VERSION, repository.KIND, repository.PLURAL, namespaced=True)

MANAGER = "trimtab"
T = TypeVar("T")


class Read(Struct, Generic[T], frozen=True):
    """A custom resource as a watch brought it; `value` is None where it cannot be read, and `error` says why."""

    metadata: ObjectMeta
    value: T | None
    error: InputError | None = None


class _Head(Struct):
    metadata: ObjectMeta


_head = msgspec.json.Decoder(_Head)


def reader(kind: type[T]) -> Any:
    """A summary function for a live store: (namespace/name, Read). A resource that cannot be read is an error of its own alone."""

    def read(raw: bytes) -> tuple[str, Read[T]]:
        metadata = _head.decode(raw).metadata
        key = f"{metadata.namespace}/{metadata.name}"
        try:
            return key, Read(metadata, decode(kind, raw))
        except InputError as error:
            return key, Read(metadata, None, error)

    return read


def wished_otherwise(old: Read[T] | None, new: Read[T] | None) -> bool:
    """Whether something that a person (or Git) says has changed; our own status writes have not."""
    if old is None or new is None:
        return True
    a, b = old.metadata, new.metadata
    return (a.uid, a.generation, a.annotations, a.deletion_timestamp, a.finalizers) != (
        b.uid,
        b.generation,
        b.annotations,
        b.deletion_timestamp,
        b.finalizers,
    )


def explicit(value: Any) -> Any:
    """A Struct as plain data with every field written out, so that a merge patch also takes back what has become empty."""
    if isinstance(value, Struct):
        pairs = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
        return {name: explicit(getattr(value, field)) for name, field in pairs}
    if isinstance(value, (list, tuple)):
        return [msgspec.to_builtins(item) for item in value]
    return msgspec.to_builtins(value)


async def write_status(client: Client, resource: Resource, metadata: ObjectMeta, status: Struct) -> None:
    """Write a status, whole, in one request. An object that is gone meanwhile is no error."""
    body = msgspec.json.encode({"metadata": {"uid": metadata.uid}, "status": explicit(status)})
    try:
        await objects.merge_patch(client, resource, metadata.namespace, metadata.name, body, manager=MANAGER, subresource="status")
    except NotFoundError:
        return


def reference(resource: Resource, metadata: ObjectMeta) -> Reference:
    """What an Event is about."""
    return Reference(resource.api_version, resource.kind, metadata.namespace, metadata.name, metadata.uid, metadata.resource_version)
