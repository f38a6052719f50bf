"""`trimtab resume`: end a suspension, and a rollback: Git is followed again."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from trimtab.cli import ask
from trimtab.cli.ask import Where
from trimtab.cli.wait import Wish, finish
from trimtab.controllers.own import APPLICATIONS


def resume(
    name: Annotated[str, Parameter(help="The Application.")],
    where: Annotated[Where, Parameter(name="*")] = Where(),  # ruff: ignore[function-call-in-default-argument]  frozen
    *,
    wait: Annotated[bool, Parameter(help="Wait until it is ready.", negative="")] = False,
    timeout: Annotated[str, Parameter(help="How long to wait.")] = "5m",
) -> None:
    """End a suspension or a rollback; a version that was given up is tried again, too."""
    asyncio.run(_resume(name, where, Wish.of(timeout) if wait else None))


async def _resume(name: str, where: Where, wish: Wish | None) -> None:
    async with ask.reach(where) as client:
        app = await ask.application(client, where, name)
        if app.spec.suspend is not None:
            await ask.change(client, APPLICATIONS, where.namespace, name, {"spec": {"suspend": None}})
            print(f"● {name} is no longer suspended.")
        elif not app.status.pinned and not app.status.quarantined:
            print(f"{name} is neither suspended nor rolled back; there is nothing to resume.")
            return
        text = await ask.ask(client, app, "resume")
        if app.status.pinned:
            print(f"● {name} follows Git again; it was held at {app.status.pinned[:7]}.")
        await finish(client, where, name, text, wish)
