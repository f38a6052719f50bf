"""The health of an application as a whole, and what is said of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from msgspec import Struct

from trimtab.plan.inventory import Inventory
from trimtab.plan.model import Key, Live
from trimtab.sync.health import MISSING, Status, worst


class Verdict(Struct, frozen=True):
    """Objects counted, the worst health, and the sentence of the first object that has it."""

    health: str
    objects: int
    healthy: int
    message: str = ""
    blamed: Key | None = None
    """The object that the message is about."""


def verdict(inventory: Inventory, live: Mapping[Key, Live]) -> Verdict:
    """The health of everything that was applied."""
    if not inventory:
        return Verdict("Healthy", 0, 0)
    states = {key: live[key].health if key in live else MISSING.status for key in inventory}
    overall = worst(cast(Iterable[Status], states.values()))
    healthy = sum(state == "Healthy" for state in states.values())
    blamed = next((key for key, state in states.items() if state == overall), None)
    message = "" if overall == "Healthy" or blamed is None else _sentence(blamed, live.get(blamed))
    return Verdict(overall, len(inventory), healthy, message, blamed if message else None)


def _sentence(key: Key, live: Live | None) -> str:
    return f"{key}: {live.message or live.health}" if live is not None else f"{key} is not there."
