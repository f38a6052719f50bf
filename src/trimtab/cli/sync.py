"""`trimtab sync`: look now, and try again what failed."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from trimtab.cli import ask
from trimtab.cli.ask import Where
from trimtab.cli.wait import Wish, finish


def sync(
    name: Annotated[str, Parameter(help="The Application.")],
    where: Annotated[Where, Parameter(name="*")] = Where(),  # ruff: ignore[function-call-in-default-argument]  frozen
    *,
    retry: Annotated[bool, Parameter(help="Try a version again that failed and was given up.", negative="")] = False,
    wait: Annotated[bool, Parameter(help="Wait until it is ready.", negative="")] = False,
    timeout: Annotated[str, Parameter(help="How long to wait.")] = "5m",
) -> None:
    """Ask the controller to look at an Application, and at its Repositories, now."""
    asyncio.run(_sync(name, where, retry=retry, wish=Wish.of(timeout) if wait else None))


async def _sync(name: str, where: Where, *, retry: bool, wish: Wish | None) -> None:
    async with ask.reach(where) as client:
        app = await ask.application(client, where, name)
        await ask.look_now(client, app)
        text = await ask.ask(client, app, "retry" if retry else "sync")
        print(f"● Asked for {name}: {'try again what failed' if retry else 'look now'}.")
        await finish(client, where, name, text, wish)
