"""`trimtab approve`: a person lets exactly this plan pass."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from trimtab.api.application import PlanStatus
from trimtab.cli import ask
from trimtab.cli.ask import Where
from trimtab.cli.wait import Wish, await_all
from trimtab.controllers.own import APPLICATIONS
from trimtab.controllers.requests import APPROVED
from trimtab.core.errors import InputError

SHORTEST = 7
"""Digits of a digest that name a plan: what its first line shows."""


def approve(
    name: Annotated[str, Parameter(help="The Application.")],
    where: Annotated[Where, Parameter(name="*")] = Where(),  # ruff: ignore[function-call-in-default-argument]  frozen
    *,
    plan: Annotated[str, Parameter(help="The digest of the plan, or its first seven digits, as the status shows it.")],
    wait: Annotated[bool, Parameter(help="Wait until it is ready.", negative="")] = False,
    timeout: Annotated[str, Parameter(help="How long to wait.")] = "5m",
) -> None:
    """Approve a plan that waits: one that was refused by a rule, or any in manual mode."""
    asyncio.run(_approve(name, where, plan, Wish.of(timeout) if wait else None))


async def _approve(name: str, where: Where, digest: str, wish: Wish | None) -> None:
    async with ask.reach(where) as client:
        app = await ask.application(client, where, name)
        waiting = app.status.plan
        check(app.key, waiting, digest)
        await ask.annotate(client, APPLICATIONS, where.namespace, name, {APPROVED: waiting.digest})
        print(f"● Approved plan {waiting.digest[:SHORTEST]} of {name}: {told(waiting)}.")
        if wish is None:
            print(f"Next:  trimtab wait {name}{where.typed()}")
        else:
            await await_all(client, where, [name], wish)


def check(application: str, waiting: PlanStatus, digest: str) -> None:
    """Raise InputError unless it names the plan that waits."""
    if not waiting.digest:
        raise InputError(f"Application {application} has no plan that waits for approval.")
    if len(digest) < SHORTEST or not waiting.digest.startswith(digest):
        sentence = f"Application {application} does not wait for plan {digest!r} but for {waiting.digest[:SHORTEST]}: {told(waiting)}."
        raise InputError(sentence, remedy="What was approved is no longer what would be done; look again.")


def told(plan: PlanStatus) -> str:
    """`2 to create, 1 to delete`."""
    counts = (("create", plan.create), ("change", plan.change), ("delete", plan.delete))
    return ", ".join(f"{number} to {verb}" for verb, number in counts if number) or "nothing to do"
