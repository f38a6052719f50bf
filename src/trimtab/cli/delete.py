"""`trimtab delete`: an Application goes, and what it made goes with it, but for what holds data."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

from cyclopts import Parameter

from trimtab.api.application import Application
from trimtab.cli import ask
from trimtab.cli.ask import Where
from trimtab.cli.inventory import inventory_of
from trimtab.cli.wait import Wish, await_all
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.discovery import Discovery
from trimtab.controllers.own import APPLICATIONS
from trimtab.core.errors import InputError
from trimtab.sync.deletable import kept_back

_SHOWN = 12
"""Objects that are listed by name; more are counted."""


def delete(
    name: Annotated[str, Parameter(help="The Application.")],
    where: Annotated[Where, Parameter(name="*")] = Where(),  # ruff: ignore[function-call-in-default-argument]  frozen
    *,
    orphan: Annotated[bool, Parameter(help="Leave everything that it made alive.", negative="")] = False,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], help="Do not ask.", negative="")] = False,
    wait: Annotated[bool, Parameter(help="Wait until it is gone.", negative="")] = False,
    timeout: Annotated[str, Parameter(help="How long to wait.")] = "5m",
) -> None:
    """Delete an Application, after saying what goes with it and what is kept."""
    asyncio.run(_delete(name, where, orphan=orphan, yes=yes, wish=Wish.of(timeout, "deleted") if wait else None))


async def _delete(name: str, where: Where, *, orphan: bool, yes: bool, wish: Wish | None) -> None:
    async with ask.reach(where) as client:
        app = await ask.application(client, where, name)
        orphan = orphan or app.spec.deletion_policy == "Orphan"
        print(await _consequences(client, app, orphan=orphan))
        if not yes:
            _confirm(name)
        if orphan and app.spec.deletion_policy != "Orphan":
            await ask.change(client, APPLICATIONS, where.namespace, name, {"spec": {"deletionPolicy": "Orphan"}})
        await objects.delete(client, APPLICATIONS, where.namespace, name, uid=app.metadata.uid)
        if wish is None:
            print(f"● {name} is going.\nNext:  trimtab wait {name} --for deleted{where.typed()}")
        else:
            await await_all(client, where, [name], wish)


async def _consequences(client: Client, app: Application, *, orphan: bool) -> str:
    """What a deletion means, before it happens."""
    entries = (await inventory_of(client, app)).entries
    if orphan:
        return f"{app.key} goes; its {len(entries)} objects stay alive, and nobody keeps them equal to Git any more."
    discovery = Discovery(client)
    await discovery.refresh()
    kept = await kept_back(client, discovery, entries)
    going = sorted(str(e.key) for e in entries if e.key not in kept)
    lines = [f"{app.key} goes, and {len(going)} objects with it:", *(f"  - {key}" for key in going[:_SHOWN])]
    if len(going) > _SHOWN:
        lines.append(f"  - … and {len(going) - _SHOWN} more (trimtab tree {app.metadata.name})")
    lines += [f"  = {key} is kept: it {why}" for key, why in sorted(kept.items())]
    return "\n".join(lines)


def _confirm(name: str) -> None:
    """Ask the person at the terminal. Raises InputError where there is nobody, or where the answer is no."""
    if not sys.stdin.isatty():
        raise InputError("There is nobody to ask here; nothing was deleted.", remedy="Say that it is meant with -y.")
    if input(f"Type the name ({name}) to delete it: ").strip() != name:
        raise InputError("Nothing was deleted.")
