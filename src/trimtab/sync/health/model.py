"""What is said of an object's health, and how many such sayings become one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

Status = Literal["Healthy", "Progressing", "Degraded", "Suspended", "Unknown", "Missing"]

SEVERITY: dict[Status, int] = {"Healthy": 0, "Unknown": 1, "Suspended": 2, "Progressing": 3, "Missing": 4, "Degraded": 5}
"""From what troubles nobody to what somebody must mend."""


class Health(Struct, frozen=True, gc=False):
    """One object's health."""

    status: Status
    """Progressing is "may come right by itself"; Degraded is "will not, or has had its time"."""
    reason: str
    """PascalCase, short, for machines: the API's own word where it has one (CrashLoopBackOff, Unschedulable, FailedCreate …)."""
    message: str
    """One phrase for people, to be read after the object's name: `1 of 3 replicas available; ReplicaSet/x → Pod/y: …`."""


RUNNING = "Running"
"""The reason of what is under way and takes as long as it takes: a Job, or a pod that runs to its end. No deadline of ours counts
for it (it has its own, `activeDeadlineSeconds`), and it is nobody's cause."""

VAGUE = frozenset({"NotReady", "NotStarted", "Pending", "Provisioning", "ScalingDown", "Starting", "Unavailable", "Updating"})
"""Reasons that say what is not yet so and not why; a deeper cause replaces them, and an Event is asked for one."""

MISSING = Health("Missing", "NotFound", "does not exist in the cluster")


def worst(statuses: Iterable[Status]) -> Status:
    """The status of the whole: its worst part's; Healthy where there are no parts."""
    return max(statuses, key=SEVERITY.__getitem__, default="Healthy")
