"""The words and signs for what a status says, one place for all commands. Pure.

A sign tells at a glance, a word says it, and a colour only repeats it: a table without colours loses nothing.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from trimtab.api.application import Application
from trimtab.api.meta import condition
from trimtab.api.repository import Repository
from trimtab.core.clock import parse_rfc3339


class Said(Struct, frozen=True):
    """A sign, a word, and the colour (rich's name) in which both are shown."""

    sign: str
    word: str
    colour: str = ""

    def __str__(self) -> str:
        """`● equal`."""
        return f"{self.sign} {self.word}"


_UNKNOWN = Said("○", "unknown", "dim")
_SYNCED = {
    "Equal": Said("●", "equal", "green"),
    "Drifted": Said("▲", "drifted", "yellow"),
    "Waiting": Said("◐", "waiting", "yellow"),
    "Syncing": Said("◐", "syncing", "cyan"),
    "Failed": Said("✗", "failed", "red"),
    "Refused": Said("✗", "refused", "red"),
    "RolledBack": Said("◆", "rolled back", "magenta"),
    "Suspended": Said("◌", "suspended", "dim"),
}
_HEALTH = {
    "Healthy": Said("●", "healthy", "green"),
    "Progressing": Said("◔", "progressing", "cyan"),
    "Degraded": Said("✗", "degraded", "red"),
    "Missing": Said("✗", "missing", "red"),
    "Suspended": Said("◌", "suspended", "dim"),
}


def synced(app: Application) -> Said:
    """Whether it is equal to Git."""
    status = app.status
    if app.metadata.deletion_timestamp is not None:
        return Said("◐", "going", "cyan")
    if status.synced == "Equal" and is_reconciling(app):
        return _SYNCED["Syncing"]
    said = _SYNCED.get(status.synced, _UNKNOWN)
    return Said(said.sign, f"{said.word} {status.counts.drifted}", said.colour) if status.synced == "Drifted" else said


def health(word: str) -> Said:
    """A health."""
    return _HEALTH.get(word, _UNKNOWN)


def health_of(app: Application, *, most: int | None = None) -> Said:
    """The health of an Application; where something is the matter with it, or with its sync, what that is, in so many characters."""
    said = health(app.status.health)
    fine = app.status.synced == "Equal" and app.status.health in {"Healthy", "Suspended"}
    if fine or not app.status.message:
        return said
    message = app.status.message
    cut = message if most is None or len(message) <= most else message[: most - 1] + "…"
    return Said(said.sign, cut, said.colour)


def is_reconciling(app: Application) -> bool:
    """Whether a version is on its way."""
    found = condition(app.status.conditions, "Reconciling")
    return found is not None and found.status == "True"


def revision(app: Application, repositories: dict[str, Repository], now: datetime) -> str:
    """`main@6f1c2e9 (2m)`: the newest commit of the first source's Repository, its age, and a sign where it is not in force."""
    first = app.spec.sources[0].repository_ref.name
    known = repositories.get(f"{app.metadata.namespace}/{first}")
    if known is None or not known.status.revision.commit:
        return "–"
    newest = known.status.revision
    age = f" ({since(newest.time, now)})" if newest.time else ""
    trouble = " ✗" if app.status.synced in {"Failed", "Refused"} else ""
    more = len({s.repository_ref.name for s in app.spec.sources}) - 1
    return f"{newest.name}@{newest.commit[:7]}{age}{trouble}" + (f" +{more}" if more else "")


def since(moment: str, now: datetime) -> str:
    """The time since an RFC 3339 moment: `42s`, `7m`, `5h`, `41d`; `–` where there is none."""
    if not moment:
        return "–"
    return spoken((now - parse_rfc3339(moment)).total_seconds())


def spoken(seconds: float) -> str:
    """A length of time in its greatest unit."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * length or (unit != "m" and seconds >= length):
            return f"{seconds // length:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"
