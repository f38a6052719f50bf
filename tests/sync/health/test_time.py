"""What the clock adds: a deadline for what stands still, and patience with deletions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trimtab.sync.health import DEADLINE, assess

pytestmark = pytest.mark.fast

START = datetime(2026, 11, 24, 12, tzinfo=UTC)


def written(moment: datetime) -> str:
    """A time as the API writes it."""
    return moment.isoformat().replace("+00:00", "Z")


def stateful_set(**metadata: Any) -> dict[str, Any]:
    """A StatefulSet that waits for its one replica since START."""
    status = {"observedGeneration": 1, "replicas": 1}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "x", "creationTimestamp": written(START), **metadata},
        "status": status,
    }


def test_what_stands_still_past_the_deadline_is_degraded() -> None:
    """Progressing for ever is no answer: after the deadline it is Degraded, with the same reason and the time."""
    live = stateful_set()
    assert assess(live, now=START + DEADLINE).status == "Progressing"
    late = assess(live, now=START + timedelta(minutes=6))
    assert (late.status, late.reason) == ("Degraded", "Unavailable")
    assert late.message == "0 of 1 replicas available; nothing has moved for 6 min"


def test_the_deadline_is_a_parameter() -> None:
    """An Application's `health.timeout` comes in here."""
    assert assess(stateful_set(), now=START + timedelta(minutes=6), deadline=timedelta(hours=1)).status == "Progressing"
    assert assess(stateful_set(), now=START + timedelta(seconds=50), deadline=timedelta(seconds=45)).message.endswith("50 s")


def test_without_a_clock_nothing_is_late() -> None:
    """The answer then depends on the object alone."""
    assert assess(stateful_set()).status == "Progressing"


def test_a_write_starts_the_time_anew_and_a_status_write_does_not() -> None:
    """An old object that was changed a moment ago has its full time; a controller's status is no change."""
    hour = START + timedelta(hours=1)
    entry = {"manager": "kubectl", "time": written(hour)}
    assert assess(stateful_set(managedFields=[entry]), now=hour + timedelta(minutes=1)).status == "Progressing"
    assert assess(stateful_set(managedFields=[{**entry, "subresource": "status"}]), now=hour + timedelta(minutes=1)).status == "Degraded"


def test_a_condition_that_moves_is_a_sign_of_life() -> None:
    """A Deployment that gets one more pod ready every few minutes is not stuck."""
    live = stateful_set()
    live["status"]["conditions"] = [{"type": "Progressing", "status": "True", "lastUpdateTime": written(START + timedelta(hours=1))}]
    assert assess(live, now=START + timedelta(hours=1, minutes=2)).status == "Progressing"


def test_a_deployments_own_longer_deadline_is_kept() -> None:
    """A progressDeadlineSeconds of ten minutes says that six are fine."""
    live = {**stateful_set(), "kind": "Deployment", "spec": {"progressDeadlineSeconds": 600}}
    assert assess(live, now=START + timedelta(minutes=9)).status == "Progressing"
    assert assess(live, now=START + timedelta(minutes=11)).status == "Degraded"


def test_a_job_takes_as_long_as_it_takes() -> None:
    """While its pods run, no deadline of ours counts; while none does, it does."""
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"creationTimestamp": written(START)}, "status": {"active": 1}}
    day = START + timedelta(days=1)
    assert assess(job, now=day).status == "Progressing"
    assert assess({**job, "status": {}}, now=day).status == "Degraded"


def test_a_deletion_that_hangs_names_its_finalizers() -> None:
    """In the first half minute it is simply under way."""
    live = stateful_set(deletionTimestamp=written(START), finalizers=["example.com/hold"])
    assert assess(live, now=START + timedelta(seconds=10)).message == "is being deleted"
    late = assess(live, now=START + timedelta(minutes=3))
    assert late.status == "Progressing"
    assert late.message == "is being deleted for 3 min, waits for its finalizers: example.com/hold"


@pytest.mark.parametrize("stamp", ["yesterday", 5, None, "2026-13-45T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_cannot_be_read_is_no_time(stamp: Any) -> None:
    """Nothing is concluded from it, and nothing raises."""
    assert assess(stateful_set(creationTimestamp=stamp), now=START).status in {"Progressing", "Degraded"}
