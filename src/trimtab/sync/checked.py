"""The checked grade of a plan: the API server is asked what each write would do, and does none of it.

Each object that would change or be new is applied with `dryRun=All`, by the same writer that applies in earnest, and compared with
what lives: so defaults, webhooks, quotas, rights and immutable fields have their say. The plan keeps its digest: it is the same plan,
better known.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from trimtab.api.meta import LABEL, OWNER
from trimtab.cluster import objects
from trimtab.cluster.client import Client, Query, Response
from trimtab.cluster.discovery import Discovery
from trimtab.cluster.errors import NotFoundError, NotSentError, StatusError, UnreachableError
from trimtab.cluster.resources import Resource
from trimtab.core.errors import TrimtabError
from trimtab.plan.consequences import consequence
from trimtab.plan.difference import difference, mask
from trimtab.plan.fields import contains, show
from trimtab.plan.handover import REPLICAS
from trimtab.plan.managers import BEFORE_FIRST_APPLY, classify, nobodys
from trimtab.plan.model import Action, Change, Desired, Entry, Key, Notice, Ownership, Plan
from trimtab.plan.owner import Owner, application_of
from trimtab.plan.ownership import added
from trimtab.plan.projection import entry_of, lookup
from trimtab.sync.authority import Authority
from trimtab.sync.scalers import drivers_of
from trimtab.sync.writer import Outcome, Writer

Object = dict[str, Any]

SERVERS = frozenset({"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"})
"""Metadata that the API server alone writes."""
NAMESPACE = ("", "Namespace")
PARALLEL = 8


class Judged(Struct, frozen=True):
    """What the API server says of one action; no action where there is nothing to do."""

    action: Action | None
    unasked: str = ""
    """Why the API server could not be asked."""


async def check(plan: Plan, desired: Mapping[Key, Desired], client: Client, discovery: Discovery, owner: Owner) -> Plan:
    """The plan in grade Checked. Raises UnreachableError where the API server cannot be asked at all."""
    asking = Asking(client, discovery, desired, Rehearsal(client, discovery, owner, Authority()))
    spaces = [a for a in plan.actions if (a.key.group, a.key.kind) == NAMESPACE]
    judged = dict(zip(spaces, await asking.about(spaces), strict=True))
    new = {a.key.name for a, j in judged.items() if j.action is not None and j.action.verb == "create" and not j.action.problem}
    rest = [a for a in plan.actions if a not in judged and a.key.namespace not in new]
    judged |= zip(rest, await asking.about(rest), strict=True)
    answers = [judged.get(a) or Judged(a, f"cannot be checked before Namespace {a.key.namespace} is there") for a in plan.actions]
    actions = tuple(j.action for j in answers if j.action is not None)
    return msgspec.structs.replace(
        plan,
        grade="Checked",
        actions=actions,
        unchanged=plan.unchanged + len(answers) - len(actions),
        notices=(*plan.notices, *_notices([j for j in answers if j.unasked])),
    )


def _notices(judged: list[Judged]) -> Iterator[Notice]:
    """One notice a reason: a new namespace would otherwise say the same of each object in it."""
    for why, count in Counter(j.unasked for j in judged).items():
        alone = next(j.action for j in judged if j.unasked == why)
        if count == 1 and alone is not None:
            yield Notice(why, alone.key, alone.place)
        else:
            yield Notice(f"{count} objects: {why}")


class DryClient(Client):
    """A client's connections, on which every write is only asked about: whatever a writer does, nothing of it is kept."""

    def __init__(self, client: Client) -> None:
        vars(self).update(vars(client))

    async def request(self, method: str, path: str, *, query: Query = (), **more: Any) -> Response:
        """As the client's, with `dryRun=All` for whatever is no reading."""
        asked = query if method in {"GET", "HEAD"} else [*query, ("dryRun", "All")]
        return await super().request(method, path, query=asked, **more)


class Rehearsal(Writer):
    """The writer, asking only what would be; it notes what the API server answered."""

    def __init__(self, client: Client, discovery: Discovery, owner: Owner, authority: Authority) -> None:
        super().__init__(DryClient(client), discovery, owner, authority)
        self.answers: dict[Key, Object] = {}
        self.manager = owner.manager

    async def _rename(self, resource: Resource, desired: Desired, live: Object) -> Object | None:  # ruff: ignore[unused-method-argument]
        """Nothing would be kept for the apply that follows; what it would take out is read off the answer instead (see `_taken_out`)."""
        return None

    async def _hand_over(self, resource: Resource, desired: Desired) -> None:
        """The same: what would be handed over is read off the answer (see `Asking._handed_over`)."""

    def _done(
        self, answer: bytes, resource: Resource, desired: Desired, action: Action, entry: Entry | None, taken: tuple[Ownership, ...] = ()
    ) -> Outcome:
        self.answers[desired.key] = msgspec.json.decode(answer)
        return super()._done(answer, resource, desired, action, entry, taken)


class Asking:
    """The questions of one plan, at most eight at once."""

    def __init__(self, client: Client, discovery: Discovery, desired: Mapping[Key, Desired], rehearsal: Rehearsal) -> None:
        self._client = client
        self._discovery = discovery
        self._desired = desired
        self._rehearsal = rehearsal
        self._gate = asyncio.Semaphore(PARALLEL)

    async def about(self, actions: Sequence[Action]) -> list[Judged]:
        """What the API server says of each."""
        return list(await asyncio.gather(*map(self._one, actions)))

    async def _one(self, action: Action) -> Judged:
        async with self._gate:
            resource = self._discovery.find(action.api_version, action.key.kind)
            if action.verb == "keep":
                return Judged(action)
            if resource is None:
                return Judged(action, "cannot be checked before its CustomResourceDefinition is there")
            desired = self._desired.get(action.key)
            if desired is None:
                return await self._deletion(action, resource)
            return await self._apply(action, desired, resource)

    async def _deletion(self, action: Action, resource: Resource) -> Judged:
        live = await _live(self._client, resource, action.key)
        return Judged(msgspec.structs.replace(action, consequence=consequence(live, None, pods=_pods(live))))

    async def _apply(self, action: Action, desired: Desired, resource: Resource) -> Judged:
        """A dry run, then a look at what lives; what the dry run made new has no version, and needs no look."""
        known = Entry(action.key, action.api_version, action.uid) if action.uid else None
        outcome = await self._rehearsal.write(action, desired, known)
        if outcome.error is not None:
            return _refused(action, outcome.error)
        answer = self._rehearsal.answers[action.key]
        live = await _live(self._client, resource, action.key) if answer["metadata"].get("resourceVersion") else None
        if live is not None and (given := await self._handed_over(live, answer)):
            answer["spec"]["replicas"] = live["spec"]["replicas"]
            return Judged(_compared(action, live, answer, (*outcome.ownership, *given), self._rehearsal.manager))
        return Judged(_compared(action, live, answer, outcome.ownership, self._rehearsal.manager))

    async def _handed_over(self, live: Object, answer: Object) -> tuple[Ownership, ...]:
        """Replicas that Git drops while a controller drives them: the writer gives them away first, so they do not fall to the default."""
        ours = entry_of(answer, manager=self._rehearsal.manager, api_version=str(answer.get("apiVersion"))) or {}
        (was, before), (_, after) = lookup(live, REPLICAS), lookup(answer, REPLICAS)
        if not was or before == after or contains(ours, REPLICAS):
            return ()
        driver = (await drivers_of(self._client, self._discovery, live))(REPLICAS)
        reason = "dropped in Git while it drives this"
        return (Ownership((show(REPLICAS),), self._rehearsal.manager, driver, reason),) if driver else ()


async def _live(client: Client, resource: Resource, key: Key) -> Object | None:
    try:
        return await objects.get_json(client, resource, key.namespace, key.name)
    except NotFoundError:
        return None


def _refused(action: Action, error: TrimtabError) -> Judged:
    if isinstance(error, UnreachableError | NotSentError):
        raise error
    said = error if isinstance(error, StatusError) else error.__cause__
    told = said.status.message if isinstance(said, StatusError) else ""
    return Judged(msgspec.structs.replace(action, problem=told or str(error)))


def _compared(action: Action, live: Object | None, answer: Object, ownership: tuple[Ownership, ...], manager: str) -> Action | None:
    """The action with what would truly change; None where nothing would."""
    if live is None:
        return msgspec.structs.replace(action, changes=(), problem="", consequence=consequence(None, answer))
    before, after = _configuration(live), _configuration(answer)
    changes = (*difference(before, after), *_taken_out(answer, manager, action.api_version))
    if not changes:
        return None
    secret = action.key.kind == "Secret" and not action.key.group
    verb = "adopt" if action.verb == "create" else action.verb
    return msgspec.structs.replace(
        action,
        verb=verb,
        reason=_adopted(live) if verb == "adopt" and action.verb == "create" else action.reason,
        changes=mask(changes) if secret else changes,
        ownership=ownership,
        consequence=consequence(before, after, pods=_pods(live)),
        problem="",
    )


def _adopted(live: Object) -> str:
    owner = (live["metadata"].get("annotations") or {}).get(OWNER, "")
    return f"is there already, of {application_of(owner)}" if owner else "is there already"


def _configuration(live: Object) -> Object:
    """What people write: no status, nothing of the server's own, and not our mark, which every object gets."""
    metadata = {name: held for name, held in live["metadata"].items() if name not in SERVERS}
    for name, mark in (("labels", LABEL), ("annotations", OWNER)):
        kept = {key: held for key, held in (metadata.pop(name, None) or {}).items() if key != mark}
        metadata |= {name: kept} if kept else {}
    return {**{name: held for name, held in live.items() if name != "status"}, "metadata": metadata}


def _taken_out(answer: Object, manager: str, api_version: str) -> Iterator[Change]:
    """What people and earlier tools added, and Git does not have: it goes, once their entries have become ours."""
    ours = entry_of(answer, manager=manager, api_version=api_version) or {}
    for entry in answer["metadata"].get("managedFields", ()):
        name = entry.get("manager", "")
        if entry.get("subresource") or not (name == BEFORE_FIRST_APPLY or classify(name) in {"person", "tool"}):
            continue
        for at in added(entry.get("fieldsV1", {}), ours):
            there, held = lookup(answer, at)
            if there and not nobodys(answer.get("kind", ""), at):
                yield Change(show(at), before=held, removed=True)


def _pods(live: Object | None) -> int | None:
    """How many pods a workload has now, by its own status."""
    status = (live or {}).get("status") or {}
    found = status.get("currentNumberScheduled", status.get("replicas"))
    return found if isinstance(found, int) else None
