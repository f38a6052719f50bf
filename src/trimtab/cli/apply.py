"""`trimtab apply`: make a cluster equal to a folder, with no controller. Exit status 0: done and healthy; 1: not."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from trimtab.api.meta import seconds as to_seconds
from trimtab.cli.errors import EQUAL, FAILED, complain, tell
from trimtab.cli.output import paint_for
from trimtab.cli.plan import SHORTEST, applying, checked_plan, shown, tell_problems, way_out
from trimtab.cli.source import SourceFlags
from trimtab.cli.target import ClusterFlags, Target, target
from trimtab.core.errors import RefusedError
from trimtab.plan.model import Plan
from trimtab.sync.carry import Carried
from trimtab.sync.direct import Patience, carry, establish, is_kept


def apply(
    path: Annotated[Path, Parameter(help="A folder: a Helm chart, a kustomization, Jsonnet, or plain manifests.")],
    source: Annotated[SourceFlags, Parameter(name="*")] = SourceFlags(),  # ruff: ignore[function-call-in-default-argument]  frozen
    cluster: Annotated[ClusterFlags, Parameter(name="*")] = ClusterFlags(),  # ruff: ignore[function-call-in-default-argument]  frozen
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], negative="", help="Do not ask, on a terminal either.")] = False,
    approve: Annotated[str, Parameter(help="The digest of the plan that is meant although a rule refuses it.")] = "",
    wait: Annotated[bool, Parameter(help="Wait until everything is healthy.")] = True,
    timeout: Annotated[str, Parameter(help="How long health is awaited.")] = "5m",
    render_timeout: Annotated[str, Parameter(help="How long rendering may take.")] = "10s",
) -> int:
    """Make a cluster equal to a folder, with no controller: apply what differs, delete what was applied before and is gone from it."""
    if approve and len(approve) < SHORTEST:
        raise RefusedError(f"--approve takes at least {SHORTEST} digits of a plan's digest.")
    return asyncio.run(
        _apply(path, source, cluster, approve, to_seconds(timeout) if wait else 0.0, to_seconds(render_timeout), asks=not yes)
    )


async def _apply(
    path: Path, source: SourceFlags, cluster: ClusterFlags, approve: str, patience: float, seconds: float, *, asks: bool
) -> int:
    async with target(path, source, cluster, seconds=seconds, approved=approve) as found:
        _must_be_ours(found)
        plan, command = found.planned.plan, applying(path, source, cluster)
        started = time.monotonic()
        if plan.refusals:
            raise RefusedError(plan.refusals[0].text, remedy=way_out(plan, command))
        if not plan.equal and asks and sys.stdin.isatty() and not await _agreed(found, command):
            return FAILED
        carried, waited = await _carry(found, patience)
        print(_summary(plan, carried, waited, time.monotonic() - started))
        return tell_problems(found) or _verdict(carried, waited)


def _must_be_ours(found: Target) -> None:
    """What a controller serves is not written past it: the two would undo each other."""
    served = found.served
    if served is not None and served.spec.suspend is None:
        name = served.metadata.name
        raise RefusedError(
            f"Application {served.key} is served by a controller.", remedy=f"Push to its repository, or:  trimtab suspend {name}"
        )


async def _agreed(found: Target, command: str) -> bool:
    """Show the checked plan and ask."""
    sys.stdout.write(shown(await checked_plan(found), "text", paint_for(sys.stdout), command))
    answer = await asyncio.to_thread(input, "Apply this? [y/N] ")
    return answer.strip().lower() in {"y", "yes"}


async def _carry(found: Target, seconds: float) -> tuple[Carried, Patience]:
    """Carry the plan out and wait for health; a plan without an action keeps at most what it rests on."""
    owner, planned = found.situation.owner, found.planned
    versions = {d.key: d.api_version for d in planned.desired.values()}
    patience = Patience(found.client, found.discovery, versions, clock=found.clock, seconds=seconds or to_seconds("5m"), tell=_progress)
    if is_kept(found.situation, found.wanted, planned):
        carried = Carried((), found.situation.inventory, complete=True)
    else:
        await establish(found.client, owner, found.installation, planned.desired)
        carried = await carry(found.client, found.discovery, found.situation, found.wanted, planned, patience.ready)
    if seconds and carried.complete and not carried.failures:
        written = {o.key: o.live for o in carried.outcomes if o.live is not None}
        await patience.healthy([key for key in carried.inventory if key in versions], {**found.situation.seen.live, **written})
    return carried, patience


def _progress(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _summary(plan: Plan, carried: Carried, waited: Patience, seconds: float) -> str:
    """`podinfo: 2 new, 1 deleted, 4 unchanged   ● healthy   1.3 s`."""
    words = Counter(_word(o.verb, made=o.entry is None or o.entry.made) for o in carried.outcomes if o.error is None)
    told = ", ".join(f"{words[word]} {word}" for word in ("new", "changed", "adopted", "deleted") if words[word])
    unchanged = f"{plan.unchanged} unchanged" if plan.unchanged or not told else ""
    bad = f"{len(carried.failures)} failed" if carried.failures else ""
    name = plan.application.rpartition("/")[2]
    state = "✗ failed" if carried.failures or not carried.complete else "◔ not healthy yet" if waited.unhealthy else "● healthy"
    return f"{name}: {', '.join(filter(None, (told, unchanged, bad)))}   {state}   {seconds:.2f} s"


def _word(verb: str, *, made: bool) -> str:
    match verb:
        case "create":
            return "new" if made else "adopted"
        case "delete":
            return "deleted"
        case "adopt":
            return "adopted"
        case _:
            return "changed"


def _verdict(carried: Carried, waited: Patience) -> int:
    """Each failure in one sentence, and the exit status."""
    for outcome in carried.failures:
        if outcome.error is not None:
            tell(outcome.error)
    for key, why in waited.unhealthy.items():
        complain(f"{key}: {why}")
    return FAILED if carried.failures or waited.unhealthy or not carried.complete else EQUAL
