"""When an object was last written, when it last moved, and whether it has had its time."""

from __future__ import annotations

from datetime import datetime, timedelta

from trimtab.sync.health.fields import Object, conditions, mapping, moment, number, objects


def written_at(live: Object) -> datetime | None:
    """When somebody last wrote the object itself, not its status; None where `managedFields` do not tell."""
    entries = objects(mapping(live, "metadata"), "managedFields")
    return max(filter(None, (moment(entry, "time") for entry in entries if not entry.get("subresource"))), default=None)


def moved_at(live: Object) -> datetime | None:
    """The last sign of life: creation, a write, or the change of a condition."""
    moments = [moment(mapping(live, "metadata"), "creationTimestamp"), written_at(live)]
    for condition in conditions(live).values():
        moments += moment(condition, "lastTransitionTime"), moment(condition, "lastUpdateTime")
    return max(filter(None, moments), default=None)


def overdue(live: Object, now: datetime, deadline: timedelta) -> timedelta | None:
    """How long the object has stood still, if longer than `deadline`; a Deployment's own, longer deadline counts instead."""
    own = number(mapping(live, "spec"), "progressDeadlineSeconds")
    moved = moved_at(live)
    if moved is None:
        return None
    still = now - moved
    return still if still > deadline and still.total_seconds() > own else None


def spoken(duration: timedelta) -> str:
    """`45 s`, `6 min`, `3 h`, `2 d`: the largest unit that fits."""
    seconds = int(duration.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
