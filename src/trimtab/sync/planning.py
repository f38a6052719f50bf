"""Make the plan of an application: compare, order, judge, and give it its name. No request is made here.

The bodies of Secrets never enter a plan: their changes are masked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from trimtab.api.application import ApplicationSpec
from trimtab.plan.budget import Cascade, judge
from trimtab.plan.compare import Comparison, Seen, compare
from trimtab.plan.consequences import Body, consequence
from trimtab.plan.difference import difference, mask
from trimtab.plan.identity import identify
from trimtab.plan.immutable import immutable
from trimtab.plan.inventory import Inventory
from trimtab.plan.model import Action, Change, Desired, Key, Plan, Refusal
from trimtab.plan.order import barriers, deletion_order, stages
from trimtab.plan.owner import Owner
from trimtab.plan.rules import action_for
from trimtab.sync.state import KeptSet

Bodies = Mapping[Key, Body]
"""Decoded bodies by key."""


class Planned(Struct, frozen=True):
    """A plan, and what carrying it out needs beside it."""

    plan: Plan
    desired: dict[Key, Desired]
    forgotten: frozenset[Key]
    """Entries whose objects are gone already."""
    barriers: dict[int, tuple[Key, ...]] = {}
    """Stage → the objects that must be healthy before the next stage begins."""


def make_plan(
    owner: Owner,
    spec: ApplicationSpec,
    wanted: KeptSet,
    inventory: Inventory,
    seen: Seen,
    *,
    previous: Callable[[], Mapping[Key, Desired]],
    revision: str,
    cascade: Cascade = lambda _: 0,
    lost: Sequence[str] = (),
    approved: str = "",
) -> Planned:
    """What would make the cluster equal to `wanted`.

    `previous` gives the set that was applied last, for the field changes. `lost` names the capability answers that the cluster no longer
    gives. `approved` is the digest that a person approved: where it is this plan's, its refusals are lifted.
    """
    desired = {d.key: d for d in wanted.desired}
    last = cache(previous)
    compared = compare(
        wanted.desired,
        inventory,
        seen,
        owner=owner.full,
        differ=lambda d: changes_of(last().get(d.key), d),
        prune=spec.sync.prune.enabled and not wanted.problems,
        correct=lambda key: action_for(spec.drift_rules, key, {}) == "Correct",
    )
    acted = {a.key for a in compared.actions}
    bodies: Bodies = {d.key: msgspec.json.decode(d.body) for d in wanted.desired if d.key in acted}
    judged = [_judged(a, last, bodies.get(a.key)) for a in compared.actions]
    actions, gates = _staged(judged, [desired[key] for key in bodies], bodies, inventory)
    plan = Plan(
        application=owner.key,
        render_key=wanted.key,
        revision=revision,
        actions=actions,
        unchanged=compared.unchanged,
        notices=(*wanted.notices, *compared.notices),
        refusals=(*_refusals(spec, wanted, inventory, compared, cascade), *_lost(compared, lost)),
    )
    named = identify(plan, desired)
    if approved and approved == named.digest[: len(approved)]:
        named = msgspec.structs.replace(named, refusals=())
    return Planned(named, desired, compared.forgotten, gates)


def changes_of(before: Desired | None, after: Desired) -> tuple[Change, ...]:
    """The fields in which two bodies of one object differ; those of a Secret are masked."""
    if before is None:
        return ()
    old: dict[str, Any] = msgspec.json.decode(before.body)
    changes = difference(old, msgspec.json.decode(after.body))
    return mask(changes) if after.key.kind == "Secret" and not after.key.group else changes


def _judged(action: Action, last: Callable[[], Mapping[Key, Desired]], after: Body | None) -> Action:
    """The action with what it does to what runs, and what the API server will refuse of it.

    That a field cannot be changed is said and not acted on: the write is tried like any other, and holds no other object back.
    """
    if action.verb == "create":
        return msgspec.structs.replace(action, consequence=consequence(None, after))
    known = last().get(action.key)
    if known is None or action.verb == "keep":
        return action
    before: Body = msgspec.json.decode(known.body)
    refused = immutable(before, after) if after is not None else ()
    return msgspec.structs.replace(action, consequence=consequence(before, after), problem=" ".join(map(str, refused)))


def _staged(
    actions: Sequence[Action], subset: Sequence[Desired], decoded: Bodies, inventory: Inventory
) -> tuple[tuple[Action, ...], dict[int, tuple[Key, ...]]]:
    """The actions with their stages, in the order in which they are carried out, and the barriers between the stages.

    Only objects that are acted on (`subset`) are looked into. Stages of deletions count downwards from 0.
    """
    bodies = [decoded[d.key] for d in subset]
    order = stages(subset, bodies)
    gates = {stage: tuple(subset[i].key for i in members) for stage, members in enumerate(barriers(subset, bodies, order)) if members}
    at = {subset[i].key: stage for stage, members in enumerate(order) for i in members}
    gone = [inventory[a.key] for a in actions if a.verb == "delete"]
    at |= {gone[i].key: -stage for stage, members in enumerate(deletion_order(gone)) for i in members}
    staged = [msgspec.structs.replace(a, stage=at.get(a.key, 0)) for a in actions]
    return tuple(sorted(staged, key=lambda a: (a.verb in {"delete", "keep"}, abs(a.stage), a.key))), gates


def _lost(compared: Comparison, lost: Sequence[str]) -> tuple[Refusal, ...]:
    """Objects that a template leaves out because the cluster lost a capability are never pruned by themselves (design: rule 5)."""
    keys = tuple(a.key for a in compared.actions if a.verb == "delete")
    if not lost or not keys:
        return ()
    text = f"{len(keys)} objects are no longer rendered since the cluster lost {', '.join(lost)}. Nothing was deleted."
    return (Refusal("Capability", text, keys),)


def _refusals(spec: ApplicationSpec, wanted: KeptSet, inventory: Inventory, compared: Comparison, cascade: Cascade) -> tuple[Refusal, ...]:
    deleted = [inventory[a.key] for a in compared.actions if a.verb == "delete"]
    budget = spec.sync.prune.budget
    return judge(
        total=len(inventory),
        deletions=deleted,
        max_percent=budget.max_percent,
        min_objects=budget.min_objects,
        empty=not wanted.desired and not wanted.problems and bool(deleted),
        crd_instances=cascade,
    )
