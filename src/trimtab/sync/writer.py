"""The one write function: an apply or a delete of one object, with honest ownership (design: rule 4).

first apply of a key   unforced: another application, or another installation, is refused by the server itself
a later apply          unforced, with metadata.uid: an object that was re-created meanwhile is not taken for ours
a conflict             one GET; people's and earlier tools' fields are taken over, controllers' fields are dropped from our body,
                       another application's are refused with both named; then forced, under the resourceVersion that was read
people's added fields  their managedFields entry is renamed to ours, so that the apply takes out what Git does not have
a delete               with the uid from the inventory as a precondition
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.discovery import Discovery
from trimtab.cluster.errors import ConflictError, InvalidError, NotFoundError
from trimtab.cluster.resources import Resource
from trimtab.core import metrics
from trimtab.core.digests import canonical
from trimtab.core.errors import ApiError, InputError, RefusedError, TrimtabError, UnavailableError
from trimtab.plan.fields import server_text
from trimtab.plan.handover import handover
from trimtab.plan.managers import BEFORE_FIRST_APPLY, DRIVEN, classify
from trimtab.plan.model import Action, Desired, Entry, Key, Live, Ownership
from trimtab.plan.owner import HANDOVER_MANAGER, Owner
from trimtab.plan.ownership import Conflict, Resolution, extras, rename_entries, resolve
from trimtab.sync.authority import Authority, Purpose, Write
from trimtab.sync.conflicts import conflicts_seen, conflicts_told
from trimtab.sync.observe import summarise
from trimtab.sync.scalers import drivers_of

Object = dict[str, Any]
_LOOKS = 5
_DRIVEN = {server_text(at) for at in DRIVEN}


class Outcome(Struct, frozen=True):
    """What became of one action."""

    key: Key
    verb: str
    error: TrimtabError | None = None
    entry: Entry | None = None
    """The object's new inventory entry; None after a confirmed delete."""
    live: Live | None = None
    ownership: tuple[Ownership, ...] = ()


class Writer:
    """Writes the objects of one owner to one cluster."""

    def __init__(
        self,
        client: Client,
        discovery: Discovery,
        owner: Owner,
        authority: Authority,
        *,
        purpose: Purpose = "Sync",
        previous: Callable[[Key], Desired | None] = lambda _: None,
    ) -> None:
        """`previous` gives the body that was applied last: what Git drops of it may have to be handed over first."""
        self._previous = previous
        self._client = client
        self._discovery = discovery
        self._owner = owner
        self._authority = authority
        self._purpose = purpose

    async def write(self, action: Action, desired: Desired | None, entry: Entry | None, evidence: bytes | None = None) -> Outcome:
        """Carry out one action. Never raises a TrimtabError: it is in the outcome, beside those of the siblings.

        `evidence` is the live object as the watch brought it, where that is at hand: it saves the GET of a known drift.
        """
        try:
            self._authority.check(Write(self._owner, self._purpose, action.key))
            outcome = await self._carry_out(action, desired, entry, evidence)
        except TrimtabError as error:
            if isinstance(error, InputError) and desired is not None:
                error.place = error.place or desired.place
            outcome = Outcome(action.key, action.verb, error=error)
        metrics.WRITES.labels(action.verb, "failed" if outcome.error else "done").inc()
        return outcome

    async def _carry_out(self, action: Action, desired: Desired | None, entry: Entry | None, evidence: bytes | None) -> Outcome:
        if action.verb == "delete":
            return await self._delete(action, entry)
        if desired is None:
            raise InputError(f"{action.key} is in the plan and not among the rendered objects.")
        resource = await self._resource(desired)
        await self._hand_over(resource, desired)
        uid = entry.uid if entry is not None and action.verb == "patch" else ""
        if evidence is not None:
            return await self._force(resource, desired, msgspec.json.decode(evidence), (), action, entry)
        return await self._apply(resource, desired, uid, action, entry)

    async def _resource(self, desired: Desired) -> Resource:
        """The kind's address; asked for anew once where it is unknown (its definition may have come a moment ago)."""
        resource = await self._discovery.find_fresh(desired.api_version, desired.key.kind)
        if resource is None:
            kind = f"{desired.key.kind} in {desired.api_version}"
            raise InputError(f"The cluster serves no kind {kind}.", remedy="Install its CustomResourceDefinition first.")
        return resource

    async def _apply(self, resource: Resource, desired: Desired, uid: str, action: Action, entry: Entry | None) -> Outcome:
        body = _with(desired.body, uid=uid) if uid else desired.body
        try:
            answer = await self._send(resource, desired.key, body, force=False)
        except ConflictError as error:
            live = await self._read(resource, desired.key)
            return await self._force(resource, desired, live, conflicts_told(error), action, entry)
        except NotFoundError:
            if not uid:
                raise
            return await self._apply(resource, desired, "", action, entry)
        return self._done(answer, resource, desired, action, entry)

    async def _force(
        self,
        resource: Resource,
        desired: Desired,
        live: Object | None,
        told: tuple[Conflict, ...],
        action: Action,
        entry: Entry | None,
    ) -> Outcome:
        """Apply with the conflicts resolved from what the live object says of its managers; again, at once, where it moved meanwhile.

        Controllers write the status of what has just been changed, so a second look is common and a fifth is not.
        """
        for attempts_left in reversed(range(_LOOKS)):
            if live is None:
                return await self._apply(resource, desired, "", action, entry)
            resolution = await self._resolved(live, desired, told)
            try:
                renamed = await self._rename(resource, desired, live)
                answer = await self._send(resource, desired.key, canonical(_guarded(resolution.body, renamed or live)), force=True)
            except ConflictError:
                if not attempts_left:
                    raise
                live, told = await self._read(resource, desired.key), ()
                continue
            return self._done(answer, resource, desired, action, entry, (*resolution.take, *resolution.yielded))
        raise AssertionError

    async def _resolved(self, live: Object, desired: Desired, told: tuple[Conflict, ...]) -> Resolution:
        body: Object = msgspec.json.decode(desired.body)
        manager = self._owner.manager
        conflicts = told or conflicts_seen(live, body, manager=manager)
        if any(field in _DRIVEN and classify(holder) != "person" for field, holder in conflicts):
            drives = await drivers_of(self._client, self._discovery, live)
            resolution = resolve(live, body, manager=manager, conflicts=conflicts, drives=drives)
        else:
            resolution = resolve(live, body, manager=manager, conflicts=conflicts)
        if resolution.refused:
            raise RefusedError(resolution.refused)
        return resolution

    async def _hand_over(self, resource: Resource, desired: Desired) -> None:
        """Before Git's dropping of a field that a controller drives takes effect: its live value goes to a manager of its own."""
        before = self._previous(desired.key)
        if before is None or b'"replicas":' not in before.body or b'"replicas":' in desired.body:
            return
        live = await self._read(resource, desired.key)
        if live is None:
            return
        drives = await drivers_of(self._client, self._discovery, live)
        old, new = msgspec.json.decode(before.body), msgspec.json.decode(desired.body)
        given = handover(old, new, live, manager=self._owner.manager, drives=drives)
        if given is not None:
            key, body = desired.key, canonical(given.body)
            await objects.apply(self._client, resource, key.namespace, key.name, body, manager=HANDOVER_MANAGER, force=False)

    async def _rename(self, resource: Resource, desired: Desired, live: Object) -> Object | None:
        """Make people's and earlier tools' entries ours, where they hold fields that we lack; the object as it is after that."""
        if not any(extra.person for extra in extras(live, manager=self._owner.manager, api_version=desired.api_version)):
            return None
        entries = live["metadata"].get("managedFields", [])
        renamed = rename_entries(
            entries, to=self._owner.manager, api_version=desired.api_version, take=_is_to_be_taken, kind=desired.key.kind
        )
        if renamed == entries:
            return None
        patch = {"metadata": {"managedFields": renamed, "resourceVersion": live["metadata"]["resourceVersion"]}}
        key = desired.key
        answer = await objects.merge_patch(self._client, resource, key.namespace, key.name, canonical(patch))
        return msgspec.json.decode(answer)  # type: ignore[no-any-return]

    async def _send(self, resource: Resource, key: Key, body: bytes, *, force: bool) -> bytes:
        try:
            return await objects.apply(self._client, resource, key.namespace, key.name, body, manager=self._owner.manager, force=force)
        except InvalidError as error:
            raise InvalidObjectError(key, error) from error
        except NotFoundError as error:
            if key.namespace and error.status.details is not None and error.status.details.kind == "namespaces":
                remedy = "Create it, or set spec.destination.createNamespace."
                raise UnavailableError(f"{key} cannot be applied: namespace {key.namespace} does not exist.", remedy=remedy) from error
            raise

    async def _read(self, resource: Resource, key: Key) -> Object | None:
        try:
            return msgspec.json.decode(await objects.get(self._client, resource, key.namespace, key.name))  # type: ignore[no-any-return]
        except NotFoundError:
            return None

    def _done(
        self, answer: bytes, resource: Resource, desired: Desired, action: Action, entry: Entry | None, taken: tuple[Ownership, ...] = ()
    ) -> Outcome:
        live = summarise(msgspec.json.decode(answer), resource.api_version)
        made = entry.made if entry is not None and entry.uid else live.alone
        new = Entry(
            desired.key, desired.api_version, live.uid, desired.digest, live.projection, desired.place, desired.wave, desired.prune, made
        )
        return Outcome(desired.key, action.verb, entry=new, live=live, ownership=taken)

    async def _delete(self, action: Action, entry: Entry | None) -> Outcome:
        resource = await self._discovery.find_fresh(action.api_version, action.key.kind)
        if resource is None:
            return Outcome(action.key, "delete")
        try:
            answer = await objects.delete(self._client, resource, action.key.namespace, action.key.name, uid=action.uid)
        except (NotFoundError, ConflictError):
            return Outcome(action.key, "delete")
        lingering = "deletionTimestamp" in (msgspec.json.decode(answer).get("metadata") or {})
        return Outcome(action.key, "delete", entry=entry if lingering else None)


class InvalidObjectError(InputError):
    """The API server's validation refused an object: final until the object changes."""

    def __init__(self, key: Key, error: ApiError) -> None:
        super().__init__(f"{key} was refused by the API server: {error.sentence}")


def _is_to_be_taken(entry: Mapping[str, Any]) -> bool:
    """People's entries and earlier tools'. Those of a controller, and of a manager that nobody knows, stay theirs."""
    manager = str(entry.get("manager", ""))
    return manager == BEFORE_FIRST_APPLY or classify(manager) in {"person", "tool"}


def _with(body: bytes, *, uid: str) -> bytes:
    decoded: Object = msgspec.json.decode(body)
    decoded["metadata"]["uid"] = uid
    return canonical(decoded)


def _guarded(body: Object, live: Object) -> Object:
    """The body under the uid and resourceVersion that were read."""
    metadata = {**body["metadata"], "uid": live["metadata"]["uid"], "resourceVersion": live["metadata"]["resourceVersion"]}
    return {**body, "metadata": metadata}
