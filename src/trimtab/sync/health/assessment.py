"""The one question: how is this object? What it says of itself, what its children add, and whether it has had its time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from trimtab.sync.health.causes import deepest, newest_event
from trimtab.sync.health.clocks import overdue, spoken
from trimtab.sync.health.deletion import deleted, leaving
from trimtab.sync.health.fields import Object, text
from trimtab.sync.health.kinds import judge
from trimtab.sync.health.model import RUNNING, VAGUE, Health

DEADLINE = timedelta(minutes=5)
"""How long an object may stand still before Progressing is called Degraded."""

_RESTING = {"WaitForFirstConsumer": Health("Healthy", "WaitForFirstConsumer", "is bound as soon as a pod uses it")}
"""What an object's newest event says where the object looks unfinished and is not (kubernetes: pkg/controller/volume/persistentvolume)."""


def assess(live: Object, *, children: Sequence[Object] = (), now: datetime | None = None, deadline: timedelta = DEADLINE) -> Health:
    """The object's health; never raises, whatever the object's shape.

    `children` (see `children_of`; Events may be among them) deepen reason and message down to the cause, and do not change the
    status: a pod that crashes while its database starts may come right, and its workload says when that took too long.
    `now`, aware of its zone, switches the clock on: what stood still for `deadline` is Degraded, a slow deletion names its
    finalizers. Without it the answer depends on the object alone.
    """
    if deleted(live):
        return leaving(live, now)
    health = judge(live)
    if health.status in {"Healthy", "Suspended"}:
        return health
    if children:
        health = _explained(health, live, children)
    if now is not None and health.status == "Progressing" and health.reason != RUNNING:
        return _in_time(health, live, now, deadline)
    return health


def _explained(health: Health, live: Object, children: Sequence[Object]) -> Health:
    """The same health with its deepest cause; or its newest event, where that says that nothing is amiss."""
    event = newest_event(live, children, "Normal", "Warning")
    if event is not None and text(event, "reason") in _RESTING:
        return _RESTING[text(event, "reason")]
    found = deepest(live, children)
    if found is None or found.health.message in health.message:
        return health
    return Health(health.status, found.health.reason if health.reason in VAGUE else health.reason, f"{health.message}; {found}")


def _in_time(health: Health, live: Object, now: datetime, deadline: timedelta) -> Health:
    """The same health, or Degraded where nothing has moved for too long."""
    still = overdue(live, now, deadline)
    return health if still is None else Health("Degraded", health.reason, f"{health.message}; nothing has moved for {spoken(still)}")
