"""`trimtab rollback`: back to an earlier version, now. Git stays as it is; the Application stays there until `resume`."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated

from cyclopts import Parameter

from trimtab.api.application import Application, HistoryEntry
from trimtab.cli import ask
from trimtab.cli.ask import Where
from trimtab.cli.follow import Follower
from trimtab.cli.scope import background
from trimtab.cli.wait import NotReadyError, Wish, holds
from trimtab.core.errors import InputError, UnavailableError

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_WHOLE = 40
"""Digits of a commit's whole id (SHA-1; more for SHA-256)."""


def rollback(
    name: Annotated[str, Parameter(help="The Application.")],
    where: Annotated[Where, Parameter(name="*")] = Where(),  # ruff: ignore[function-call-in-default-argument]  frozen
    *,
    to: Annotated[
        str, Parameter(help="A number of `trimtab history`, or a commit. Default: the last healthy version before this one.")
    ] = "",
    wait: Annotated[bool, Parameter(help="Wait until it is live and healthy.", negative="")] = False,
    timeout: Annotated[str, Parameter(help="How long to wait.")] = "5m",
) -> None:
    """Go back to an earlier version. It stays there until `trimtab resume`, or until Git renders to something new."""
    asyncio.run(_rollback(name, where, to, Wish.of(timeout, "Healthy") if wait else None))


async def _rollback(name: str, where: Where, to: str, wish: Wish | None) -> None:
    async with ask.reach(where) as client:
        app = await ask.application(client, where, name)
        commit = target(app, to)
        text = await ask.ask(client, app, "rollback", commit)
        print(f"◆ {name} goes back to {commit[:7]}; it stays there until resume, or until Git renders to something new.")
        if wish is not None:
            async with background() as scope:
                follower = Follower(client, where.namespace, scope)
                await follower.begin()
                await _live(follower, name, text, wish)
        print(f"Next:  trimtab resume {name}{where.typed()}")


async def _live(follower: Follower, name: str, text: str, wish: Wish) -> None:
    """Wait until the rollback was carried out and what it brought back is healthy."""

    def live() -> bool:
        app = follower.application(name)
        return app is None or (app.status.handled == text and (holds(app, "Healthy") or app.status.synced == "Failed"))

    try:
        await follower.signal.until(live, seconds=wish.seconds)
    except TimeoutError:
        raise UnavailableError(f"The rollback of {name} is not live and healthy after {wish.seconds:.0f} s.") from None
    app = follower.application(name)
    if app is None or app.status.synced != "RolledBack":
        raise NotReadyError(f"The rollback of {name} failed: {app.status.message if app is not None else 'it is gone.'}")
    print(f"● {name} is rolled back and healthy")


def target(app: Application, to: str) -> str:
    """The commit that is meant. Raises InputError where there is none, or several."""
    history = app.status.history
    if not to:
        return _last_good(app, history)
    if to.isdigit() and len(to) < 7:  # ruff: ignore[magic-value-comparison]  shorter than any commit
        if int(to) >= len(history):
            raise InputError(f"The history of {app.key} has no number {to}; it has {len(history)} entries.", remedy=_look(app))
        return history[int(to)].commit
    commit = to.lower()
    known = sorted({h.commit for h in history if h.commit.startswith(commit)})
    if len(known) == 1:
        return known[0]
    if _COMMIT.fullmatch(commit) and len(commit) >= _WHOLE:
        return commit
    raise InputError(f"{to!r} is no commit of the history of {app.key}.", remedy=f"Give its whole id, or a number.  {_look(app)}")


def _last_good(app: Application, history: list[HistoryEntry]) -> str:
    """The newest healthy version that renders to something other than what is in force."""
    good = next((h.commit for h in history if h.outcome == "Healthy" and h.render_key != app.status.render_key and h.commit), "")
    if not good:
        raise InputError(f"The history of {app.key} has no earlier healthy version to go back to.", remedy=_look(app))
    return good


def _look(app: Application) -> str:
    return f"trimtab history {app.metadata.name}"
