"""Why a workload is not healthy: down to the pod, the container or the event. The families come from Kubernetes 1.34."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from trimtab.sync.health import Health, Kind, assess, cause, children_of

pytestmark = pytest.mark.fast

FAMILIES = Path(__file__).parent / "families"


def family(name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An owner and all that came from it."""
    owner, *children = msgspec.json.decode((FAMILIES / f"{name}.json").read_bytes())
    return owner, children


def names(objects: list[dict[str, Any]], kind: str) -> list[str]:
    """The names of the objects of one kind."""
    return [item["metadata"]["name"] for item in objects if item["kind"] == kind]


def test_a_crash_loop_is_named_with_exit_code_and_last_line() -> None:
    """ReplicaSet → Pod: CrashLoopBackOff, exit code, the last line that the program wrote."""
    owner, children = family("crash-loop")
    path = f"ReplicaSet/{names(children, 'ReplicaSet')[0]} → Pod/{names(children, 'Pod')[0]}"
    assert cause(owner, children) == f"{path}: CrashLoopBackOff, exit 1, last line: cannot connect to db:5432"


def test_the_cause_stands_in_the_message_and_a_decided_reason_stays() -> None:
    """Degraded by its own deadline, a Deployment keeps that reason, whether its children were looked at or not."""
    owner, children = family("crash-loop")
    health = assess(owner, children=children)
    assert (health.status, health.reason) == ("Degraded", "ProgressDeadlineExceeded")
    assert health.message.endswith("CrashLoopBackOff, exit 1, last line: cannot connect to db:5432")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("stateful-set-quota", "ExceededQuota"),
        ("job-quota", "ExceededQuota"),
        ("unschedulable", "Unschedulable"),
        ("daemon-set-config", "CreateContainerConfigError"),
        ("rolling-out", "NotReady"),
    ],
)
def test_a_vague_reason_gives_way_to_the_cause(name: str, reason: str) -> None:
    """A workload that merely waits takes the reason of what it waits for; children never change its status."""
    owner, children = family(name)
    assert assess(owner, children=children).reason == reason
    assert assess(owner, children=children).status == assess(owner).status == "Progressing"


def test_a_quota_that_only_an_event_tells_of_is_quoted() -> None:
    """A StatefulSet has no condition for pods that cannot be created."""
    owner, children = family("stateful-set-quota")
    assert "exceeded quota: tight, requested: pods=1, used: pods=1, limited: pods=1" in assess(owner, children=children).message


def test_what_the_workload_says_itself_is_not_said_twice() -> None:
    """The quota stands in the Deployment's own condition and in its ReplicaSet's."""
    owner, children = family("deployment-quota")
    assert assess(owner, children=children) == assess(owner)


def test_the_newest_revision_is_to_blame() -> None:
    """While a rollout hangs, pods of the old revision that fail as well are not the cause."""
    owner, children = family("rolling-out")
    new, old = names(children, "ReplicaSet")
    for child in children:
        if child["metadata"]["name"] == old:
            child["status"]["availableReplicas"] = 0
    assert cause(owner, children).startswith(f"ReplicaSet/{new} → Pod/{new}-")


def test_a_cron_jobs_cause_lies_two_owners_down() -> None:
    """CronJob → Job → Pod."""
    owner, children = family("cron-job-failed")
    assert cause(owner, children) == f"Job/{names(children, 'Job')[0]} → Pod/{names(children, 'Pod')[0]}: exit 2"


def test_a_pod_that_runs_to_its_end_is_no_cause() -> None:
    """A Job under way has nothing to explain."""
    owner, children = family("job-running")
    assert not cause(owner, children)
    assert assess(owner, children=children) == Health("Progressing", "Running", "1 pod active")


def test_the_words_of_a_failing_probe_are_taken_from_its_event() -> None:
    """Only an Event says what the probe got for an answer."""
    owner, children = family("rolling-out")
    pod = next(child for child in children if child["kind"] == "Pod")
    said = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    event = {"kind": "Event", "type": "Warning", "reason": "Unhealthy", "message": said, "involvedObject": {"uid": pod["metadata"]["uid"]}}
    assert cause(owner, [*children, event]).endswith(f"container app is not ready yet ({said})")


def test_the_newest_warning_counts() -> None:
    """Of several events about one object the last one speaks."""
    owner, children = family("job-quota")
    warnings = [child for child in children if child.get("type") == "Warning"]
    late = {**warnings[0], "lastTimestamp": "2099-01-01T00:00:00Z", "message": "the newest"}
    assert cause(owner, [late, *children]) == "the newest"


def test_a_claim_that_waits_for_its_first_pod_is_at_rest() -> None:
    """`volumeBindingMode: WaitForFirstConsumer` is told by an Event alone; a later warning makes it unfinished again."""
    owner, children = family("first-consumer")
    assert assess(owner, children=children).status == "Healthy"
    uid = {"uid": owner["metadata"]["uid"]}
    warning = {"kind": "Event", "type": "Warning", "reason": "ProvisioningFailed", "message": "no space", "involvedObject": uid}
    health = assess(owner, children=[*children, {**warning, "lastTimestamp": "2099-01-01T00:00:00Z"}])
    assert (health.status, health.reason) == ("Progressing", "ProvisioningFailed")


def test_strangers_are_no_children() -> None:
    """Only what names the owner's uid counts, not what has a similar name."""
    owner, _ = family("crash-loop")
    _, strangers = family("daemon-set-config")
    assert not cause(owner, strangers)
    assert not cause({"kind": "Deployment"}, strangers)


def test_owners_in_a_ring_end() -> None:
    """Two objects that own each other do not keep us for ever."""

    def ring(name: str, owner: str) -> dict[str, Any]:
        return {
            "kind": "Pod",
            "metadata": {"uid": name, "name": name, "ownerReferences": [{"uid": owner}]},
            "status": {"phase": "Failed"},
        }  # fmt: skip

    assert cause(ring("a", "b"), [ring("a", "b"), ring("b", "a")]).endswith(": has failed")


@pytest.mark.parametrize(
    ("api_version", "kind", "wanted"),
    [
        ("apps/v1", "Deployment", ["ReplicaSet", "Pod"]),
        ("apps/v1", "StatefulSet", ["Pod"]),
        ("apps/v1", "DaemonSet", ["Pod"]),
        ("batch/v1", "Job", ["Pod"]),
        ("batch/v1", "CronJob", ["Job", "Pod"]),
        ("v1", "PersistentVolumeClaim", ["Event"]),
        ("v1", "ConfigMap", []),
        ("example.com/v1", "Deployment", []),
    ],
)
def test_the_children_worth_watching(api_version: str, kind: str, wanted: list[str]) -> None:
    """From the top down, and only where the group is the one that makes them."""
    assert [child.name for child in children_of({"apiVersion": api_version, "kind": kind})] == wanted
    assert all(isinstance(child, Kind) for child in children_of({"apiVersion": api_version, "kind": kind}))
