"""`trimtab history`: the last ten deployments of an Application."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from trimtab.api.application import HistoryEntry
from trimtab.cli import ask, words
from trimtab.cli.ask import Where
from trimtab.cli.get import printed
from trimtab.cli.table import Cell, show, table
from trimtab.core.clock import SystemClock

_OUTCOMES = {
    "Healthy": words.Said("●", "healthy", "green"),
    "Failed": words.Said("✗", "failed", "red"),
    "RolledBack": words.Said("◆", "rolled back", "magenta"),
    "Progressing": words.Said("◔", "progressing", "cyan"),
}


def history(
    name: Annotated[str, Parameter(help="The Application.")],
    where: Annotated[Where, Parameter(name="*")] = Where(),  # ruff: ignore[function-call-in-default-argument]  frozen
    *,
    output: Annotated[Literal["text", "json", "yaml"], Parameter(name=["--output", "-o"], help="How it is printed.")] = "text",
) -> None:
    """Show the last deployments, newest first; the number is what `rollback --to` takes."""
    asyncio.run(_history(name, where, output))


async def _history(name: str, where: Where, output: Literal["text", "json", "yaml"]) -> None:
    async with ask.reach(where) as client:
        app = await ask.application(client, where, name)
    entries, now = app.status.history, SystemClock().now()
    if output != "text":
        print(printed(msgspec.to_builtins(entries), output), end="")
        return
    if not entries:
        print(f"{name} has not been deployed yet.")
        return
    rows = [_row(number, entry, now) for number, entry in enumerate(entries)]
    show([table(("#", "WHEN", "REVISION", "COMMIT", "OUTCOME", "PLAN", "RENDER"), rows)])
    print(f"Next:  trimtab rollback {name} --to 1{where.typed()}" if len(entries) > 1 else "There is nothing to go back to yet.")


def _row(number: int, entry: HistoryEntry, now: datetime) -> tuple[Cell, ...]:
    said = _OUTCOMES.get(entry.outcome, words.Said("○", entry.outcome or "unknown"))
    when = f"{words.since(entry.time, now)} ago"
    return str(number), when, entry.revision, entry.commit[:7], said, entry.plan[:7], entry.render_key[:7]
