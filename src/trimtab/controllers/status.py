"""What an Application says of itself: the whole status, worked out from the memory, through one door.

Nothing is written that has not changed. Events tell failures and changes of health only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from trimtab.api.application import Application, Counts, HistoryEntry, PlanStatus, SyncedSource
from trimtab.api.meta import Condition, set_condition
from trimtab.controllers.memory import Memory
from trimtab.controllers.own import APPLICATIONS, reference, write_status
from trimtab.controllers.verdict import Verdict
from trimtab.controllers.world import World
from trimtab.core import metrics
from trimtab.core.clock import rfc3339
from trimtab.plan.inventory import digest_of
from trimtab.plan.model import Plan
from trimtab.sync.produce import Tree

HISTORY = 10


class Said(Struct, frozen=True):
    """What a status is to say; the rest of it follows from the memory."""

    synced: str
    health: str
    message: str = ""
    reason: str = ""
    stalled: bool = False
    reconciling: bool = False


async def say(
    world: World,
    application: Application,
    memory: Memory,
    said: Said,
    judged: Verdict,
    trees: Mapping[str, Tree],
    *,
    outcome: str = "",
) -> None:
    """The one door: work out the whole status, and write it if it differs from the last."""
    old = memory.status
    now = rfc3339(world.clock.now())
    changed = memory.current.key != old.render_key or bool(outcome)
    new = msgspec.structs.replace(
        old,
        observed_generation=application.metadata.generation,
        synced=said.synced,
        health=judged.health,
        message=said.message[:1024],
        sources=_sources(application, trees) if changed and trees else old.sources,
        render_key=memory.current.key,
        inventory_digest=digest_of(memory.inventory.values()) if memory.settled else old.inventory_digest,
        plan=_plan_status(memory.plan, said),
        counts=Counts(
            judged.objects, judged.healthy, sum(n.text.startswith("differs:") for n in memory.plan.notices) if memory.plan else 0
        ),
        history=_history(memory, trees, outcome, now) if outcome else old.history,
        conditions=_conditions(old.conditions, said, application.metadata.generation, now),
    )
    memory.status = new
    if new == memory.written:
        return
    _tell(world, application, memory.written.health, memory.written.synced, said)
    await write_status(world.client, APPLICATIONS, application.metadata, new)
    if memory.told:
        metrics.APPLICATIONS.labels(memory.written.synced, memory.written.health).dec()
    memory.told = True
    metrics.APPLICATIONS.labels(new.synced, new.health).inc()
    memory.written = new


def _tell(world: World, application: Application, health: str, synced: str, said: Said) -> None:
    """Events on failure and on change of health only."""
    if said.synced in {"Failed", "Refused", "RolledBack"} and synced != said.synced:
        tell_event(world, application, "Warning", said.reason or said.synced, said.message)
    elif said.health != health and said.health in {"Healthy", "Degraded"} and health not in {"", "Unknown"}:
        tell_event(
            world, application, "Normal" if said.health == "Healthy" else "Warning", said.health, said.message or "All objects are healthy."
        )


def tell_event(world: World, application: Application, kind: str, reason: str, message: str) -> None:
    """An Event about an Application; `kind` is Normal or Warning."""
    world.events.record(reference(APPLICATIONS, application.metadata), type=kind, reason=reason, message=message)  # type: ignore[arg-type]


def _sources(application: Application, trees: Mapping[str, Tree]) -> list[SyncedSource]:
    return [
        SyncedSource(s.repository_ref.name, trees[s.repository_ref.name].name, trees[s.repository_ref.name].commit, s.path)
        for s in application.spec.sources
        if s.repository_ref.name in trees
    ]


def _plan_status(plan: Plan | None, said: Said) -> PlanStatus:
    if plan is None:
        return PlanStatus()
    open_ = said.synced in {"Refused", "Waiting"}
    verbs = [a.verb for a in plan.actions] if open_ else []
    return PlanStatus(
        digest=plan.digest if open_ else "",
        create=verbs.count("create"),
        change=sum(v in {"patch", "replace", "adopt"} for v in verbs),
        delete=verbs.count("delete"),
        refused=plan.refusals[0].rule if plan.refusals else "",
    )


def _history(memory: Memory, trees: Mapping[str, Tree], outcome: str, now: str) -> list[HistoryEntry]:
    """The last deployments, newest first; the one that is under way is updated in place."""
    history = memory.status.history
    first = next(iter(trees.values()), None)
    open_ = bool(history) and history[0].render_key == memory.current.key and history[0].outcome == "Progressing"
    entry = HistoryEntry(
        time=history[0].time if open_ else now,
        revision=revision_of(trees),
        commit=memory.status.pinned or (first.commit if first is not None else ""),
        render_key=memory.current.key,
        plan=memory.carried,
        outcome=outcome,
        by="trimtab",
    )
    return [entry, *(history[1:] if open_ else history)][:HISTORY]


def _conditions(old: Sequence[Condition], said: Said, generation: int, now: str) -> list[Condition]:
    ready = said.synced == "Equal" and said.health in {"Healthy", "Suspended"} and not said.reconciling
    reason = said.reason or said.synced
    conditions = list(old)
    for kind, true in (("Ready", ready), ("Reconciling", said.reconciling), ("Stalled", said.stalled)):
        condition = Condition(kind, "True" if true else "False", reason, said.message, "", generation)
        conditions = set_condition(conditions, condition, now)
    return conditions


def revision_of(trees: Mapping[str, Tree]) -> str:
    """`main@6f1c2e9`; of several repositories the first, and the others after a plus."""
    return " + ".join(f"{t.name}@{t.commit[:7]}" for t in trees.values())
