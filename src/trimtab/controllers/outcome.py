"""How a reconcile of an Application ends: health judged, the version accepted or given up, and one status through one door.

Writes are few by design: a version that becomes healthy within a second costs one status write; nothing is written that has not changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from trimtab.api.application import Application
from trimtab.api.meta import seconds
from trimtab.controllers.choice import quarantine
from trimtab.controllers.memory import Memory
from trimtab.controllers.own import APPLICATIONS, Read, reference
from trimtab.controllers.requests import approved
from trimtab.controllers.result import Done, Result, Retry, Stalled
from trimtab.controllers.status import Said, revision_of, say, tell_event
from trimtab.controllers.verdict import Verdict, verdict
from trimtab.controllers.world import World
from trimtab.core.clock import parse_rfc3339
from trimtab.core.errors import InputError, TrimtabError, UnavailableError
from trimtab.plan.model import Plan
from trimtab.sync.carry import Carried
from trimtab.sync.evidence import explain
from trimtab.sync.planning import Planned
from trimtab.sync.produce import Tree
from trimtab.sync.state import KeptSet

PATIENCE = 3.0
"""Seconds in which a change may become healthy before an intermediate status is written: most do, and cost one status."""
CURIOSITY = 10.0
"""Seconds after which an intermediate status also tells the deepest cause, which takes a few requests."""


def begin(world: World, memory: Memory, wanted: KeptSet) -> None:
    """A set is being put in force: the one before it becomes the last good one, if it was."""
    if memory.current.key and not memory.awaited and memory.current.key not in memory.status.quarantined:
        memory.good = memory.current
    memory.current = wanted
    memory.awaited = True
    memory.started = memory.since = world.clock.monotonic()


async def conclude(
    world: World, application: Application, memory: Memory, planned: Planned, carried: Carried, trees: Mapping[str, Tree]
) -> Result:
    """After the writes: judge, say it once, and say when to look again."""
    seen = world.watches.seen({k: e.api_version for k, e in memory.inventory.items()})
    judged = verdict(memory.inventory, seen.live)
    if carried.failures:
        return await _refused_writes(world, application, memory, carried, judged, trees)
    if not carried.complete:
        world.application_queue.add(application.key)
        return Done()
    if memory.awaited:
        return await _await_health(world, application, memory, planned, judged, trees)
    said = Said(_synced(planned.plan, memory), judged.health, _message(planned.plan, memory, judged))
    await say(world, application, memory, said, judged, trees)
    return _again(memory)


async def _await_health(
    world: World, application: Application, memory: Memory, planned: Planned, judged: Verdict, trees: Mapping[str, Tree]
) -> Result:
    """A version whose outcome is open: healthy at last, out of time, or still on its way."""
    now = world.clock.monotonic()
    until = memory.since + seconds(application.spec.health.timeout)
    if judged.health in {"Healthy", "Suspended"}:
        memory.awaited = False
        said = Said(_synced(planned.plan, memory), judged.health, _message(planned.plan, memory, judged))
        await say(world, application, memory, said, judged, trees, outcome="Healthy")
        return _again(memory)
    if now >= until:
        return await _give_up(world, application, memory, judged, trees)
    waited = now - memory.started
    if waited < PATIENCE:
        return Done(again_after=min(until - now, PATIENCE - waited))
    if waited >= CURIOSITY:
        judged = await _explained(world, memory, judged)
    said = Said("Equal", judged.health, judged.message, reason="Progressing", reconciling=True)
    await say(world, application, memory, said, judged, trees, outcome="Progressing")
    return Done(again_after=min(until - now, max(0.1, CURIOSITY - waited) if waited < CURIOSITY else until - now))


async def _explained(world: World, memory: Memory, judged: Verdict) -> Verdict:
    """The verdict with the deepest cause behind its message: asked once, where there is something to say."""
    entry = memory.inventory.get(judged.blamed) if judged.blamed is not None else None
    if entry is None:
        return judged
    deeper = await explain(world.client, world.discovery, entry.api_version, entry.key)
    return msgspec.structs.replace(judged, message=f"{entry.key} → {deeper}") if deeper else judged


async def _give_up(world: World, application: Application, memory: Memory, judged: Verdict, trees: Mapping[str, Tree]) -> Result:
    """The version failed (design: rule 9): its key is quarantined; held, or the last good one is applied again."""
    judged = await _explained(world, memory, judged)
    memory.awaited = False
    failed = memory.current
    quarantine(memory, failed.key)
    text = f"{revision_of(trees) or failed.key[:7]} did not become healthy within {application.spec.health.timeout}: {judged.message}"
    memory.held, memory.failure = failed.key, text
    tell_event(world, application, "Warning", "HealthFailed", text)
    if application.spec.sync.on_failure == "Rollback" and memory.good is not None:
        await say(world, application, memory, Said("RolledBack", judged.health, text, "HealthFailed"), judged, trees, outcome="RolledBack")
        memory.current = memory.good
        memory.good = None
        memory.awaited = True
        memory.started = memory.since = world.clock.monotonic()
        world.application_queue.add(application.key)
        return Done()
    await say(world, application, memory, Said("Failed", judged.health, text, "HealthFailed"), judged, trees, outcome="Failed")
    return Done()


async def _refused_writes(
    world: World, application: Application, memory: Memory, carried: Carried, judged: Verdict, trees: Mapping[str, Tree]
) -> Result:
    """Some writes failed: the first is named, the number of the others too; what was accepted stays."""
    errors = [o.error for o in carried.failures if o.error is not None]
    more = f" ({len(errors) - 1} more objects failed)" if len(errors) > 1 else ""
    transient = next((e for e in errors if isinstance(e, UnavailableError)), None)
    said = Said("Failed", judged.health, f"{errors[0]}{more}", errors[0].reason, stalled=transient is None)
    await say(world, application, memory, said, judged, trees)
    return Retry(transient or errors[0], at_least=transient.retry_after or 0.0 if transient is not None else 30.0)


async def waiting(world: World, application: Application, memory: Memory, planned: Planned, trees: Mapping[str, Tree]) -> Result:
    """The plan needs a person: it is shown, and nothing is written."""
    plan = planned.plan
    seen = world.watches.seen({k: e.api_version for k, e in memory.inventory.items()})
    judged = verdict(memory.inventory, seen.live)
    way_out = f"If it is meant:  trimtab approve {application.metadata.name} --plan {plan.digest[:7]}"
    if plan.refusals:
        said = Said("Refused", judged.health, f"{plan.refusals[0].text} {way_out}", plan.refusals[0].rule)
    else:
        said = Said("Waiting", judged.health, f"{_count(plan)} wait for approval. {way_out}", "ManualMode")
    await say(world, application, memory, said, judged, trees)
    return Done()


async def suspended(world: World, application: Application, memory: Memory) -> Result:
    """Nothing is written while a suspension stands; it ends by itself at its time."""
    lease = application.spec.suspend
    until = lease.until if lease is not None else None
    by = f" by {lease.by}" if lease is not None and lease.by else ""
    reason = f": {lease.reason}" if lease is not None and lease.reason else ""
    text = f"Suspended{by}{reason}" + (f", until {until}." if until else ".")
    judged = Verdict(memory.status.health or "Unknown", len(memory.inventory), memory.status.counts.healthy)
    await say(world, application, memory, Said("Suspended", judged.health, text, "Suspended"), judged, {})
    return Done(again_after=max(1.0, (parse_rfc3339(until) - world.clock.now()).total_seconds()) if until else None)


async def failed(world: World, application: Application, memory: Memory, error: TrimtabError, result: Result) -> Result:
    """The reconcile ended early: said in one sentence on this one application; what is live stays live."""
    judged = Verdict(memory.status.health or "Unknown", memory.status.counts.objects, memory.status.counts.healthy)
    synced = "Waiting" if isinstance(error, UnavailableError) and not memory.current.key else "Failed"
    said = Said(synced, judged.health, str(error), error.reason, stalled=isinstance(error, InputError))
    await say(world, application, memory, said, judged, {})
    return result


async def unreadable(world: World, read: Read[Application]) -> Result:
    """The resource itself cannot be read (an older or newer writer): told by an Event, since its status may not fit either."""
    error = read.error or InputError("It cannot be read.")
    about = reference(APPLICATIONS, read.metadata)
    world.events.record(about, type="Warning", reason="Unreadable", message=str(error))
    return Stalled(error)


def must_not_act(application: Application, memory: Memory, plan: Plan) -> bool:
    """Whether a person has to approve this plan first: a refusal stands, or the mode is Manual. Drift of what was approved is corrected."""
    if plan.refusals:
        return True
    if application.spec.sync.mode != "Manual":
        return False
    digest = approved(application.metadata)
    drift = plan.render_key == memory.current.key and all(a.verb != "delete" for a in plan.actions)
    return not drift and not (digest and plan.digest.startswith(digest))


def is_suspended(application: Application, now: datetime) -> bool:
    """Whether the suspension, if there is one, still stands."""
    lease = application.spec.suspend
    return lease is not None and (not lease.until or parse_rfc3339(lease.until) > now)


def lost_capabilities(before: KeptSet, after: KeptSet) -> list[str]:
    """The kinds that the cluster had when the set in force was rendered, and no longer has."""
    had = {name for r in before.rested for _, name, answer in r.capabilities if answer == "true"}
    return sorted({name for r in after.rested for _, name, answer in r.capabilities if answer == "false" and name in had})


def _synced(plan: Plan, memory: Memory) -> str:
    if memory.trouble is not None or memory.current.problems:
        return "Failed"
    if memory.held:
        return "Failed" if memory.current.key == memory.held else "RolledBack"
    return "Drifted" if any(n.text.startswith("differs:") for n in plan.notices) else "Equal"


def _message(plan: Plan, memory: Memory, judged: Verdict) -> str:
    """The most important of what there is to say."""
    if memory.trouble is not None:
        return f"{memory.trouble} What is in force stays in force."
    if memory.current.problems:
        more = len(memory.current.problems) - 1
        return memory.current.problems[0][1] + (f" ({more} more objects cannot be used)" if more else "")
    if memory.status.pinned:
        return f"Rolled back to {memory.status.pinned[:7]}; it stays until resume, or until Git renders to something else."
    if memory.held:
        return memory.failure or memory.status.message
    if judged.message:
        return judged.message
    notices = [n.text if n.key is None else f"{n.key}: {n.text}" for n in plan.notices]
    return notices[0] + (f" (and {len(notices) - 1} more)" if len(notices) > 1 else "") if notices else ""


def _again(memory: Memory) -> Result:
    """A trouble of the newest revision is tried again by its own rule; otherwise there is nothing to wait for."""
    if isinstance(memory.trouble, UnavailableError):
        return Retry(memory.trouble, at_least=memory.trouble.retry_after or 0.0)
    return Stalled(memory.trouble) if memory.trouble is not None else Done()


def _count(plan: Plan) -> str:
    number = sum(a.verb != "keep" for a in plan.actions)
    return "1 change" if number == 1 else f"{number} changes"
