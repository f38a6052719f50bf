"""The three things to try, done by the demo itself, each with its time against the time of its event.

A push counts from the start of its post-receive hook; a deletion and an edit from the moment at which the witness saw them. Each ends at
the moment of the witness's event. A thing holds when it came true within `DEADLINE`; the times are for people to read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from trimtab.cli.demo.screen import Screen
from trimtab.cli.demo.stage import Stage
from trimtab.cli.demo.witness import DEPLOYMENTS, Witness
from trimtab.cli.follow import in_time
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.core.errors import TrimtabError, UnavailableError
from trimtab.plan.model import Key

DEADLINE = 10.0
"""Seconds in which each thing must have come true."""
USUAL, MORE = 2, 3
"""Replicas: as the repository has them first, and after the push."""
DEPLOYMENT = Key("apps", "Deployment", "podinfo", "podinfo")


async def tour(stage: Stage, screen: Screen) -> bool:
    """Do the things; whether all held."""
    screen.say("tour", "what is pushed goes live, what is changed by hand comes back, what is reverted is taken back")
    steps: list[Callable[[Stage], Awaitable[str]]] = [_push, _delete, _edit, _revert]
    held = [await _tried(step, stage, screen) for step in steps]
    return all(held)


async def _tried(step: Callable[[Stage], Awaitable[str]], stage: Stage, screen: Screen) -> bool:
    try:
        screen.good(await step(stage))
    except TrimtabError as error:
        screen.bad(str(error))
        return False
    return True


async def _push(stage: Stage) -> str:
    """Three replicas instead of two."""
    live = stage.witness.signal.expect(lambda: replicas(stage.witness) == MORE)
    await stage.fleet.replicas(USUAL, MORE)
    took = await in_time(live, DEADLINE, "The third replica") - stage.server.pushes[-1].started
    ready = await _ready(stage, MORE) - stage.server.pushes[-1].started
    return f"push: 2 → 3 replicas            live after {spoken(took)}, 3 pods ready after {spoken(ready)}"


async def _delete(stage: Stage) -> str:
    return await delete_deployment(stage.client, stage.witness)


async def delete_deployment(client: Client, witness: Witness) -> str:
    """Delete the Deployment, as `kubectl delete` does, and say how fast it came back. Raises UnavailableError when it did not."""
    seen = witness.seen(DEPLOYMENT)
    if seen is None:
        raise UnavailableError(f"{DEPLOYMENT} is not there.")
    gone = witness.signal.expect(lambda: witness.seen(DEPLOYMENT) is None)
    back = witness.signal.expect(lambda: (now := witness.seen(DEPLOYMENT)) is not None and now.uid != seen.uid)
    await objects.delete(client, DEPLOYMENTS, DEPLOYMENT.namespace, DEPLOYMENT.name, uid=seen.uid)
    deleted = await in_time(gone, DEADLINE, "The deletion")
    took = await in_time(back, DEADLINE, "The return of the Deployment") - deleted
    return f"deletion of the Deployment      back after {spoken(took)}"


async def _edit(stage: Stage) -> str:
    """One replica, as `kubectl edit` would write it."""
    witness = stage.witness
    edited = witness.signal.expect(lambda: replicas(witness) == 1)
    restored = witness.signal.expect(lambda: edited.done() and replicas(witness) == MORE)
    where = (DEPLOYMENT.namespace, DEPLOYMENT.name)
    await objects.merge_patch(stage.client, DEPLOYMENTS, *where, b'{"spec":{"replicas":1}}', manager="kubectl-edit")
    changed = await in_time(edited, DEADLINE, "The edit")
    took = await in_time(restored, DEADLINE, "The correction of the edit") - changed
    return f"edit by hand: 3 → 1 replicas    back after {spoken(took)}"


async def _revert(stage: Stage) -> str:
    live = stage.witness.signal.expect(lambda: replicas(stage.witness) == USUAL)
    await stage.fleet.revert()
    took = await in_time(live, DEADLINE, "The revert") - stage.server.pushes[-1].started
    return f"git revert: 3 → 2 replicas      live after {spoken(took)}"


async def _ready(stage: Stage, pods: int) -> float:
    ready = stage.witness.signal.expect(lambda: (now := stage.witness.seen(DEPLOYMENT)) is not None and now.ready == pods)
    return await in_time(ready, stage.wish.patience, f"{pods} ready pods")


def replicas(witness: Witness) -> int | None:
    """The replicas that the Deployment asks for, as seen last."""
    seen = witness.seen(DEPLOYMENT)
    return seen.replicas if seen is not None else None


def spoken(seconds: float) -> str:
    """`41 ms` or `1.3 s`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
