"""What must survive: one Secret beside each Application, written compressed, in chunks where it is large.

It keeps the inventory, the rendered set that is in force, the last good one, and what the render rested on, so that a restart with an
empty disk knows at once what is live, what it may delete, and whether anything has to be rendered. The Secret carries a finalizer of
ours: a dying namespace cannot take it before its objects are dealt with. A Secret that cannot be read is an error, never an empty
inventory.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from trimtab.api.meta import FINALIZER, GROUP, OWNER
from trimtab.core.digests import digest
from trimtab.core.errors import Place, UnavailableError
from trimtab.plan.model import Desired, Entry, Notice
from trimtab.plan.owner import Owner

SECRET_TYPE = f"{GROUP}/state"
STATE_LABEL = f"{GROUP}/state"
CHUNK = 900_000
"""Bytes of compressed state a Secret; the API server's limit for the whole object is 1 MiB, base64 included where it is stored."""


class Rested(Struct, frozen=True):
    """What a render rested on: it need not be done again while this still holds (design: rule 5)."""

    repository: str
    tree: str = ""
    commit: str = ""
    inputs: str = ""
    """Digest over parameters, release, worker version and policy."""
    reads: tuple[tuple[str, str, str], ...] = ()
    capabilities: tuple[tuple[str, str, str], ...] = ()


class KeptSet(Struct, frozen=True):
    """A rendered set as it is kept."""

    key: str = ""
    desired: tuple[Desired, ...] = ()
    rested: tuple[Rested, ...] = ()
    notices: tuple[Notice, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    """Objects that could not be used: (key for people, why)."""


class State(Struct, frozen=True):
    """All that is kept of one application."""

    owner: str = ""
    inventory: tuple[Entry, ...] = ()
    current: KeptSet = KeptSet()
    good: KeptSet | None = None
    """The last set that became healthy, where it is not the current one."""


class KeptBody(Struct, frozen=True, tag="state", tag_field="form"):
    """The document inside the Secret."""

    version: int
    state: State


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(KeptBody)


def pack(state: State) -> bytes:
    """Compressed, ready for `secrets_for`."""
    return zlib.compress(_encoder.encode(KeptBody(1, state)), 3)


def unpack(content: bytes) -> State:
    """The state. Raises UnavailableError when the bytes are not whole: damaged is never empty."""
    try:
        return _decoder.decode(zlib.decompress(content)).state
    except (zlib.error, msgspec.DecodeError) as error:
        raise UnavailableError(f"The kept state is damaged ({error}).", remedy="Nothing is deleted until it is restored.") from error


def secret_name(owner: Owner) -> str:
    """The head Secret's name: at most 253 characters whatever the Application is called."""
    return f"trimtab.{owner.name[:200]}.{owner.id}"


def secrets_for(owner: Owner, content: bytes, *, uid: str = "") -> list[dict[str, Any]]:
    """The Secrets that hold `content`, the head last: it names its chunks, so a reader never mixes two writes."""
    chunks = [content[i : i + CHUNK] for i in range(0, len(content), CHUNK)]
    names = [f"{secret_name(owner)}.{digest(c)[:10]}" for c in chunks[1:]]
    tail = [_secret(owner, name, {"data": c}, uid) for name, c in zip(names, chunks[1:], strict=True)]
    head = _secret(owner, secret_name(owner), {"data": chunks[0], "chunks": "\n".join(names).encode()}, uid)
    return [*tail, head]


def _secret(owner: Owner, name: str, data: dict[str, bytes], uid: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": owner.namespace,
        "labels": {STATE_LABEL: owner.id},
        "annotations": {OWNER: owner.full},
        "finalizers": [FINALIZER],
    }
    if uid:
        metadata["uid"] = uid
    encoded = {k: base64.b64encode(v).decode() for k, v in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "type": SECRET_TYPE, "metadata": metadata, "data": encoded}


class SecretMetadata(Struct, frozen=True, rename="camel"):
    """The metadata of a state Secret that we read."""

    name: str
    namespace: str
    uid: str = ""
    resource_version: str = ""
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}


class StateSecret(Struct, frozen=True, rename="camel"):
    """A state Secret as it is read back."""

    metadata: SecretMetadata
    data: dict[str, str] = {}

    @property
    def content(self) -> bytes:
        """The chunk's bytes."""
        return base64.b64decode(self.data.get("data", ""))

    @property
    def chunks(self) -> list[str]:
        """The names of the further Secrets."""
        return base64.b64decode(self.data.get("chunks", "")).decode().split()


def joined(head: StateSecret, chunks: Sequence[StateSecret]) -> bytes:
    """The whole content. Raises UnavailableError when a chunk is missing."""
    by_name = {c.metadata.name: c for c in chunks}
    missing = [name for name in head.chunks if name not in by_name]
    if missing:
        sentence = f"The kept state of {head.metadata.annotations.get(OWNER, head.metadata.name)} lacks its chunk {missing[0]}."
        raise UnavailableError(sentence, place=Place(f"Secret {head.metadata.namespace}/{head.metadata.name}"))
    return head.content + b"".join(by_name[name].content for name in head.chunks)
