"""Secrets and ConfigMaps that others name: values, credentials, keys. Each is watched by its own name, so a rotation takes effect at once.

The story: the first reader of a document starts its watch (one small one, by `metadata.name`) and waits for the first answer; later
readers are served from memory, without a request. A change wakes whoever read it. A document that cannot be read is an error, never
"there is none".
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec import Struct

from trimtab.api.application import ValuesFrom
from trimtab.cluster.client import Client
from trimtab.cluster.live import LiveStore
from trimtab.cluster.resources import Resource
from trimtab.cluster.watch import Reflector
from trimtab.core import tasks
from trimtab.core.clock import Clock
from trimtab.core.errors import InputError
from trimtab.sync.keeper import SECRETS
from trimtab.sync.produce import KeyOf

CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps", namespaced=True)
Kind = Literal["Secret", "ConfigMap"]
Wake = Callable[[], None]


class Document(Struct, frozen=True):
    """The data of a Secret (decoded) or a ConfigMap."""

    data: dict[str, bytes]

    def __repr__(self) -> str:
        """The keys alone."""
        return f"Document({sorted(self.data)})"


class _Watched:
    def __init__(self, store: LiveStore[str, Document]) -> None:
        self.store = store
        self.readers: dict[str, Wake] = {}


class _Raw(Struct):
    data: dict[str, str] = {}


_decoder = msgspec.json.Decoder(_Raw)


class Documents:
    """Every document that is read in one namespace."""

    def __init__(self, client: Client, namespace: str, spawn: tasks.Spawn, *, clock: Clock, chance: Callable[[], float]) -> None:
        self._client = client
        self._namespace = namespace
        self._spawn = spawn
        self._clock = clock
        self._chance = chance
        self._watched: dict[tuple[Kind, str], _Watched] = {}

    async def read(self, kind: Kind, name: str, reader: str, wake: Wake) -> Document | None:
        """A document; None where it does not exist. `wake` is called when it changes, for as long as `reader` reads it."""
        watched = self._watched.get((kind, name)) or self._watch(kind, name)
        watched.readers[reader] = wake
        await watched.store.wait_known()
        if watched.store.error is not None:
            raise watched.store.error
        return watched.store.get(name)

    def forget(self, reader: str) -> None:
        """Somebody reads nothing any more."""
        for watched in self._watched.values():
            watched.readers.pop(reader, None)

    def _watch(self, kind: Kind, name: str) -> _Watched:
        def changed(_key: str, _old: Document | None, _new: Document | None) -> None:
            for wake in list(watched.readers.values()):
                wake()

        watched = _Watched(LiveStore(lambda raw: (name, _read(raw, kind)), changed))
        self._watched[kind, name] = watched
        reflector = Reflector(
            self._client,
            SECRETS if kind == "Secret" else CONFIG_MAPS,
            namespace=self._namespace,
            field_selector=f"metadata.name={name}",
            handler=watched.store,
            clock=self._clock,
            chance=self._chance,
        )
        self._spawn(f"watch {kind} {name}", reflector.run())
        return watched


def _read(raw: bytes, kind: Kind) -> Document:
    data = _decoder.decode(raw).data
    return Document({k: base64.b64decode(v) if kind == "Secret" else v.encode() for k, v in data.items()})


def key_reader(documents: Documents, namespace: str, reader: str, wake: Wake) -> KeyOf:
    """A function that reads one key's content for `valuesFrom`."""

    async def read(wanted: ValuesFrom) -> str:
        ref = wanted.secret_key_ref or wanted.config_map_key_ref
        if ref is None:
            raise InputError("valuesFrom names neither a file, nor a ConfigMap, nor a Secret.")
        kind: Kind = "Secret" if wanted.secret_key_ref is not None else "ConfigMap"
        found = await documents.read(kind, ref.name, reader, wake)
        if found is None and not ref.optional:
            raise InputError(f"{kind} {namespace}/{ref.name}, which valuesFrom names, does not exist.")
        content = found.data.get(ref.key) if found is not None else None
        if content is None and not ref.optional:
            raise InputError(f"{kind} {namespace}/{ref.name} has no key {ref.key}.")
        return (content or b"").decode(errors="replace")

    return read
