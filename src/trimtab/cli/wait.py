"""`trimtab wait`: for a pipeline that goes on when what it pushed is live and well.

It asks the controller to look now, by a request with an id, and follows the Applications by a watch until the status says that this very
request was carried out and the condition holds: an old status never counts. What cannot come right by itself ends the wait at once.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Annotated, Literal

from cyclopts import Parameter
from msgspec import Struct
from rich.console import Console

from trimtab.api.application import Application
from trimtab.api.meta import condition, seconds
from trimtab.cli import ask, words
from trimtab.cli.ask import Where
from trimtab.cli.follow import Follower
from trimtab.cli.scope import background
from trimtab.cluster.client import Client
from trimtab.core.errors import InputError, TrimtabError, UnavailableError

Condition = Literal["Ready", "Equal", "Healthy", "deleted"]
_FINAL = {"HealthFailed", "Failed"}
"""Reasons of a failure that only a change of its input mends."""


class NotReadyError(TrimtabError):
    """An Application is not as it was to be; its own sentence says why."""


class Wish(Struct, frozen=True):
    """What is waited for, and for how many seconds. `commit` is the beginning of an id, or empty."""

    condition: Condition
    seconds: float
    commit: str = ""

    @classmethod
    def of(cls, timeout: str, condition: Condition = "Ready", commit: str = "") -> Wish:
        """From what was typed. Raises InputError for what is no duration or no commit."""
        if commit and (len(commit) < 7 or not set(commit.lower()) <= set("0123456789abcdef")):  # ruff: ignore[magic-value-comparison]
            raise InputError(f"--commit wants at least 7 hex digits of a commit's id, found {commit!r}.")
        return cls(condition, seconds(timeout), commit.lower())


def wait(
    names: Annotated[list[str], Parameter(help="The Applications.", negative="")],
    where: Annotated[Where, Parameter(name="*")] = Where(),  # ruff: ignore[function-call-in-default-argument]  frozen
    *,
    for_: Annotated[Condition, Parameter(name="--for", help="What is waited for.")] = "Ready",
    commit: Annotated[str, Parameter(help="Wait first until this commit is the one in force.")] = "",
    timeout: Annotated[str, Parameter(help="How long to wait.")] = "5m",
) -> None:
    """Wait until Applications are ready; exit status 1 when they are not, or cannot become so."""
    asyncio.run(_wait(names, where, Wish.of(timeout, for_, commit)))


async def _wait(names: Sequence[str], where: Where, wish: Wish) -> None:
    async with ask.reach(where) as client:
        await await_all(client, where, names, wish)


async def finish(client: Client, where: Where, name: str, text: str, wish: Wish | None) -> None:
    """After a request: wait until it is carried out and all is well, or say how to."""
    if wish is None:
        print(f"Next:  trimtab wait {name}{where.typed()}")
        return
    await await_all(client, where, [name], wish, asked=text)


async def await_all(client: Client, where: Where, names: Sequence[str], wish: Wish, *, asked: str = "") -> None:
    """Wait for all of them, and print one line for each. Raises NotReadyError, UnavailableError at the end of the time."""
    for name in names if wish.condition != "deleted" else ():
        await ask.application(client, where, name)
    async with background() as scope:
        follower = Follower(client, where.namespace, scope)
        await follower.begin()
        waits = [_One(client, where, name, wish, follower).run(asked) for name in names]
        with _Progress(follower, names):
            outcomes = await asyncio.gather(*waits, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, str):
            print(f"● {outcome}")
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if errors:
        raise errors[0] if len(errors) == 1 else ExceptionGroup("not ready", [e for e in errors if isinstance(e, Exception)])


class _One:
    """The wait for one Application."""

    def __init__(self, client: Client, where: Where, name: str, wish: Wish, follower: Follower) -> None:
        self._client = client
        self._where = where
        self._name = name
        self._wish = wish
        self._follower = follower
        self._asked = ""

    async def run(self, asked: str) -> str:
        """The line that says how it is."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._wish.seconds):
                await self._until_held(asked)
        except TimeoutError:
            raise UnavailableError(self._too_late()) from None
        return f"{self._name} {self._how()} ({words.spoken(time.monotonic() - began)})"

    async def _until_held(self, asked: str) -> None:
        if self._wish.condition == "deleted":
            await self._follower.signal.until(lambda: not self._follower.has(self._name))
            return
        if self._wish.commit:
            await ask.look_now(self._client, self._present())
            await self._follower.signal.until(self._at_commit)
        self._asked = asked or await ask.ask(self._client, self._present(), "sync")
        await self._follower.signal.until(self._settled)
        self._refuse_failure()

    @property
    def _app(self) -> Application | None:
        return self._follower.application(self._name)

    def _present(self) -> Application:
        app = self._app
        if app is None:
            raise NotReadyError(f"Application {self._where.namespace}/{self._name} is gone.")
        return app

    def _at_commit(self) -> bool:
        """Whether the commit is the one in force: at a Repository of its sources, or in what it was rendered from."""
        app = self._app
        if app is None:
            return True
        names = {source.repository_ref.name for source in app.spec.sources}
        found = [r.status.revision.commit for name in names if (r := self._follower.repository(name)) is not None]
        found += [s.commit for s in app.status.sources] + [h.commit for h in app.status.history]
        return any(commit.startswith(self._wish.commit) for commit in found)

    def _settled(self) -> bool:
        """Whether the request was carried out and there is nothing more to wait for: it holds, or it cannot."""
        app = self._app
        if app is None or _is_suspended(app):
            return True
        return app.status.handled == self._asked and (holds(app, self._wish.condition) or cannot(app))

    def _refuse_failure(self) -> None:
        app = self._present()
        if _is_suspended(app) or not holds(app, self._wish.condition):
            raise NotReadyError(f"Application {app.key}: {app.status.message or words.synced(app).word}", remedy=self._way_out(app))

    def _way_out(self, app: Application) -> str:
        if _is_suspended(app):
            return f"Next:  trimtab resume {self._name}{self._where.typed()}"
        return "" if app.status.synced in {"Refused", "Waiting"} else f"Next:  trimtab tree {self._name}{self._where.typed()}"

    def _how(self) -> str:
        app = self._app
        if app is None:
            return "is gone"
        at = " + ".join(f"{s.name}@{s.commit[:7]}" for s in app.status.sources)
        return f"is {words.synced(app).word} and {words.health(app.status.health).word}, last changed at {at}"

    def _too_late(self) -> str:
        where, limit, app = f"{self._where.namespace}/{self._name}", words.spoken(self._wish.seconds), self._app
        if app is None or self._wish.condition == "deleted":
            return f"Application {where} is still there after {limit}: {app.status.message if app is not None else ''}".rstrip(": ") + "."
        if self._wish.commit and not self._at_commit():
            return f"Application {where}: commit {self._wish.commit[:7]} is not in force after {limit}. Was it pushed to what is followed?"
        if app.status.handled != self._asked:
            return (
                f"Application {where}: the controller has not answered within {limit}. Does it run?  trimtab version{self._where.typed()}"
            )
        return f"Application {where} is not {self._wish.condition} after {limit}: {app.status.message or words.health_of(app).word}"


def holds(app: Application, wanted: Condition) -> bool:
    """Whether the status says so."""
    match wanted:
        case "Ready":
            ready = condition(app.status.conditions, "Ready")
            return ready is not None and ready.status == "True"
        case "Equal":
            return app.status.synced == "Equal"
        case "Healthy":
            return app.status.health == "Healthy" and not words.is_reconciling(app)
        case "deleted":
            return False


def cannot(app: Application) -> bool:
    """Whether only a person, or a change of its input, can help: a failure that is final, a refusal, an approval that is missing."""
    status = app.status
    if status.synced in {"Refused", "Suspended", "RolledBack"}:
        return True
    ready, stalled = condition(status.conditions, "Ready"), condition(status.conditions, "Stalled")
    if status.synced == "Waiting":
        return ready is not None and ready.reason == "ManualMode"
    if status.synced == "Failed":
        return (stalled is not None and stalled.status == "True") or (ready is not None and ready.reason in _FINAL)
    return status.health == "Degraded" and not words.is_reconciling(app)


def _is_suspended(app: Application) -> bool:
    return app.spec.suspend is not None and app.status.synced == "Suspended"


class _Progress:
    """On a terminal, a moving line with what each is at; nothing elsewhere."""

    def __init__(self, follower: Follower, names: Sequence[str]) -> None:
        self._follower = follower
        self._names = names
        self._status = Console(highlight=False, file=sys.stderr).status("waiting") if sys.stderr.isatty() else None
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        if self._status is not None:
            self._status.start()
            self._task = asyncio.create_task(self._show(), name="progress")

    def __exit__(self, *_: object) -> None:
        if self._task is not None and self._status is not None:
            self._task.cancel()
            self._status.stop()

    async def _show(self) -> None:
        assert self._status is not None
        while True:
            apps = [app for name in self._names if (app := self._follower.application(name)) is not None]
            self._status.update("   ".join(f"{app.metadata.name} {words.synced(app)}, {words.health_of(app)}" for app in apps)[:200])
            await self._follower.signal.next_change(None)
