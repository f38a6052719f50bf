"""Reads and writes the kept state: Secrets in the cluster, through one door.

Nobody but the leader writes them, so the last write's answer is the truth and no watch is needed. A write is one server-side apply of
the head Secret (chunks first, where there are any); what an older write left behind is deleted after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import msgspec

from trimtab.api.meta import OWNER
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.errors import NotFoundError
from trimtab.cluster.resources import Resource
from trimtab.core.digests import canonical
from trimtab.core.errors import UnavailableError
from trimtab.core.slices import off_loop
from trimtab.plan.owner import Owner
from trimtab.sync.state import STATE_LABEL, State, StateSecret, joined, pack, secret_name, secrets_for, unpack

SECRETS = Resource("", "v1", "Secret", "secrets", namespaced=True)
MANAGER = "trimtab"

_secret = msgspec.json.Decoder(StateSecret)


class Keeper:
    """The kept states of one namespace."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._chunks: dict[str, tuple[str, ...]] = {}

    async def load_all(self) -> dict[str, State | UnavailableError]:
        """Every state by its owner annotation (see `Owner.full`), read in one list; in the place of a damaged one, the error."""
        secrets: list[StateSecret] = []
        async for page, _ in objects.list_pages(self._client, SECRETS, namespace=self._namespace, label_selector=STATE_LABEL):
            secrets += [_secret.decode(raw) for raw in page]
        return {s.metadata.annotations.get(OWNER, ""): self._loaded(s, secrets) for s in secrets if "chunks" in s.data}

    def _loaded(self, head: StateSecret, secrets: list[StateSecret]) -> State | UnavailableError:
        try:
            state = self._read(head, secrets)[1]
        except UnavailableError as error:
            return error
        own = (s.metadata for s in secrets if s is not head and s.metadata.labels == head.metadata.labels)
        self._chunks[head.metadata.name] = tuple(m.name for m in own)  # those of a write that was cut short go with the next one
        return state

    async def load(self, owner: Owner) -> State | None:
        """One state; None where none has been kept. Raises UnavailableError when it cannot be told."""
        try:
            head = _secret.decode(await objects.get(self._client, SECRETS, owner.namespace, secret_name(owner)))
        except NotFoundError:
            return None
        chunks: list[StateSecret] = []
        for name in head.chunks:
            with suppress(NotFoundError):  # what is missing is told when they are joined
                chunks.append(_secret.decode(await objects.get(self._client, SECRETS, owner.namespace, name)))
        return self._read(head, chunks)[1]

    def _read(self, head: StateSecret, secrets: list[StateSecret]) -> tuple[str, State]:
        state = unpack(joined(head, secrets))
        self._chunks[head.metadata.name] = tuple(head.chunks)
        return state.owner, state

    async def save(self, owner: Owner, state: State) -> None:
        """Write a state, whole: the head names its chunks, so a reader sees the old one or the new one."""
        content = await off_loop(len(state.inventory), pack, state)
        manifests = secrets_for(owner, content)
        for manifest in manifests:
            await self._apply(manifest)
        chunks = tuple(m["metadata"]["name"] for m in manifests[:-1])
        old = self._chunks.get(secret_name(owner), ())
        self._chunks[secret_name(owner)] = chunks
        for name in set(old) - set(chunks):
            await self._remove(name)

    async def drop(self, owner: Owner) -> None:
        """Take the state away: the finalizer first, then the Secrets. Those that are gone already are no error."""
        for name in (*self._chunks.pop(secret_name(owner), ()), secret_name(owner)):
            await self._remove(name)

    async def _apply(self, manifest: Mapping[str, object]) -> None:
        name = str(manifest["metadata"]["name"])  # type: ignore[index]
        try:
            await objects.apply(self._client, SECRETS, self._namespace, name, canonical(manifest), manager=MANAGER, force=True)
        except NotFoundError as error:
            raise UnavailableError(f"The state cannot be kept: namespace {self._namespace} does not exist.") from error

    async def _remove(self, name: str) -> None:
        try:
            answer = await objects.merge_patch(self._client, SECRETS, self._namespace, name, b'{"metadata":{"finalizers":null}}')
            uid = _secret.decode(answer).metadata.uid
            await objects.delete(self._client, SECRETS, self._namespace, name, uid=uid)
        except NotFoundError:
            return
