"""`trimtab get`: whether everything is equal to Git, and well."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from trimtab.api.application import Application
from trimtab.api.meta import condition
from trimtab.api.repository import Repository
from trimtab.cli import ask, words
from trimtab.cli.ask import Where
from trimtab.cli.follow import Follower
from trimtab.cli.scope import background
from trimtab.cli.table import Cell, cropped, show, table
from trimtab.cluster.client import Client
from trimtab.core.clock import Clock, SystemClock
from trimtab.core.errors import InputError

Format = Literal["text", "wide", "json", "yaml"]
Row = Sequence[Cell]

KINDS = {"repositories": True, "repository": True, "applications": False, "application": False}
"""What may be typed for a kind, as with kubectl; and whether Repositories are meant."""
_REST, _LEAST, _PIPE = 76, 24, 136
"""Columns that the rest of a row takes, the least that a message gets, and how wide a line is where there is no terminal."""
_AGES = 10.0
"""Seconds after which a followed table is drawn anew, for its ages; nothing is asked."""


class Seen(msgspec.Struct, frozen=True):
    """What is shown."""

    applications: list[Application]
    repositories: list[Repository]


def get(
    name: Annotated[str, Parameter(help="One Application, or the word `repositories`. Default: all Applications.")] = "",
    where: Annotated[Where, Parameter(name="*")] = Where(),  # ruff: ignore[function-call-in-default-argument]  frozen
    *,
    watch: Annotated[bool, Parameter(name=["--watch", "-w"], help="Follow what changes.", negative="")] = False,
    all_namespaces: Annotated[bool, Parameter(name=["--all-namespaces", "-A"], help="Of every namespace.", negative="")] = False,
    repositories: Annotated[bool, Parameter(help="The Repositories, too.", negative="")] = False,
    output: Annotated[Format, Parameter(name=["--output", "-o"], help="`wide` has more columns.")] = "text",
) -> None:
    """Show the Applications: synced, healthy, at which revision."""
    choice = _Choice(name if name not in KINDS else "", KINDS.get(name), repositories, output, "" if all_namespaces else where.namespace)
    if watch and output in {"json", "yaml"}:
        raise InputError("-w draws a table; it does not go with -o json or yaml.")
    asyncio.run(_watch(where, choice, SystemClock()) if watch else _once(where, choice, SystemClock()))


class _Choice(msgspec.Struct, frozen=True):
    """Which of them, and how."""

    name: str
    only_repositories: bool | None
    also_repositories: bool
    output: Format
    namespace: str

    def of(self, seen: Seen) -> Seen:
        """What is chosen. Raises InputError where the name names nothing."""
        chosen = [a for a in seen.applications if self.name in {"", a.metadata.name}]
        if self.name and not chosen:
            raise ask.unknown(self.namespace or "*", self.name, [a.metadata.name for a in seen.applications])
        return Seen(chosen, seen.repositories)


async def _once(where: Where, choice: _Choice, clock: Clock) -> None:
    async with ask.reach(where) as client:
        seen = choice.of(await _read(client, choice.namespace))
    if choice.output in {"json", "yaml"}:
        print(_data(seen, choice), end="")
        return
    show(_shown(seen, choice, clock))


async def _read(client: Client, namespace: str) -> Seen:
    return Seen(await ask.applications(client, namespace), await ask.repositories(client, namespace))


async def _watch(where: Where, choice: _Choice, clock: Clock) -> None:
    """Draw the table at each change. On a terminal in place; elsewhere each row that has changed, as kubectl does."""
    async with ask.reach(where) as client, background() as scope:
        choice.of(await _read(client, choice.namespace))
        follower = Follower(client, choice.namespace, scope)
        await follower.begin()
        console = Console(highlight=False)
        await (_redraw(follower, choice, clock, console) if console.is_terminal else _append(follower, choice))


def _now(follower: Follower, choice: _Choice) -> Seen:
    applications = [a for a in follower.applications() if choice.name in {"", a.metadata.name}]
    return Seen(applications, follower.repositories())


async def _redraw(follower: Follower, choice: _Choice, clock: Clock, console: Console) -> None:
    with Live(console=console, auto_refresh=False) as live:
        while True:
            tables = map(cropped, _shown(_now(follower, choice), choice, clock))
            live.update(Group(*tables), refresh=True)
            await follower.signal.next_change(_AGES)


async def _append(follower: Follower, choice: _Choice) -> None:
    told: dict[str, str] = {}
    while True:
        for app in _now(follower, choice).applications:
            line = f"{app.key}  {words.synced(app)}  {words.health_of(app)}"
            if told.get(app.key) != line:
                told[app.key] = line
                print(line, flush=True)
        await follower.signal.next_change(None)


def _shown(seen: Seen, choice: _Choice, clock: Clock) -> list[Text]:
    """The tables, or the sentence that there is nothing to show."""
    applications = [] if choice.only_repositories else [_applications(seen, choice, clock)]
    with_repositories = choice.only_repositories or choice.also_repositories
    return applications + ([_repositories(seen, choice, clock)] if with_repositories else [])


def _applications(seen: Seen, choice: _Choice, clock: Clock) -> Text:
    if not seen.applications:
        return Text(f"There are no Applications in {choice.namespace or 'any namespace'}.  Declare one:  kubectl apply -f application.yaml")
    known, now = {f"{r.metadata.namespace}/{r.metadata.name}": r for r in seen.repositories}, clock.now()
    wide = choice.output == "wide"
    most = None if wide else max(_LEAST, shutil.get_terminal_size((_PIPE, 24)).columns - _REST)
    rows: list[Row] = [
        (
            app.metadata.namespace,
            app.metadata.name,
            words.synced(app),
            words.health_of(app, most=most),
            words.revision(app, known, now),
            words.since(app.metadata.creation_timestamp, now),
            *(_more(app) if wide else ()),
        )
        for app in seen.applications
    ]
    more = ("OBJECTS", "IN FORCE", "PLAN") if wide else ()
    return table(("NAMESPACE", "APPLICATION", "SYNCED", "HEALTH", "REVISION", "AGE", *more), rows)


def _more(app: Application) -> Row:
    """The further columns: healthy of all objects, what they were rendered from, a plan that waits."""
    counts, sources = app.status.counts, app.status.sources
    in_force = " + ".join(f"{s.name}@{s.commit[:7]}" for s in sources) or "–"
    return f"{counts.healthy}/{counts.objects}", in_force, app.status.plan.digest[:7] or "–"


def _repositories(seen: Seen, choice: _Choice, clock: Clock) -> Text:
    now, rows = clock.now(), list[Row]()
    for repository in seen.repositories:
        ready = condition(repository.status.conditions, "Ready")
        said = words.Said("○", "not fetched yet", "dim")
        if ready is not None:
            said = words.Said("●", "fetched", "green") if ready.status == "True" else words.Said("✗", ready.message, "red")
        newest, metadata = repository.status.revision, repository.metadata
        shown = f"{newest.name}@{newest.commit[:7]} ({words.since(newest.time, now)}) {newest.subject[:40]}" if newest.commit else "–"
        rows.append((metadata.namespace, metadata.name, repository.spec.url, said, shown, words.since(metadata.creation_timestamp, now)))
    if not rows:
        return Text(f"There are no Repositories in {choice.namespace or 'any namespace'}.")
    return table(("NAMESPACE", "REPOSITORY", "URL", "READY", "REVISION", "AGE"), rows)


def _data(seen: Seen, choice: _Choice) -> str:
    """The resources themselves: one object where a name was given, a list otherwise."""
    shown: list[Any] = [] if choice.only_repositories else list(seen.applications)
    shown += seen.repositories if choice.only_repositories or choice.also_repositories else []
    plain = [{"apiVersion": item.api_version, "kind": item.kind} | msgspec.to_builtins(item) for item in shown]
    data: Any = plain[0] if choice.name and len(plain) == 1 else {"apiVersion": "v1", "kind": "List", "items": plain}
    return printed(data, "json" if choice.output == "json" else "yaml")


def printed(data: Any, output: Literal["json", "yaml"]) -> str:
    """Plain data as text, with a newline at its end."""
    if output == "json":
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    return msgspec.yaml.encode(data).decode()
