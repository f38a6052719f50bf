"""Fake pods fare as their annotations say, as a client of the real API server sees it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.devcluster.rawapi import PODS, condition, container, pod, ready, waiting

if TYPE_CHECKING:
    from tests.devcluster.rawapi import JSON, RawApi


def _terminated(of: JSON, name: str = "app") -> JSON:
    state: JSON = container(of, name).get("state", {}).get("terminated", {})
    return state


def test_a_plain_pod_runs_with_an_address_on_a_node(api: RawApi) -> None:
    """A pod without annotations is Running and Ready at once, has an address, and its node one too."""
    api.create(PODS, pod("plain"))
    status = api.until(f"{PODS}/plain", ready, within=3)["status"]
    assert status["phase"] == "Running"
    assert status["podIP"].startswith("10.244.")
    assert status["hostIP"]


def test_ready_after_delays_readiness_and_no_less(api: RawApi) -> None:
    """`ready-after: 2s`: runs at once, is ready two seconds later, not earlier."""
    began = time.monotonic()
    api.create(PODS, pod("later", {"ready-after": "2s"}))
    running = api.until(f"{PODS}/later", lambda p: p["status"]["phase"] == "Running", within=1.5)
    assert not ready(running)
    api.until(f"{PODS}/later", ready, within=4)
    assert time.monotonic() - began >= 2


def test_never_ready_runs_but_is_not_ready(api: RawApi) -> None:
    """`never-ready`: Running, and the Ready condition names the container."""
    api.create(PODS, pod("never", {"never-ready": "true"}))
    state = api.until(f"{PODS}/never", lambda p: p["status"]["phase"] == "Running")
    assert condition(state, "Ready")["message"] == "containers with unready status: [app]"
    assert not container(state)["ready"]


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError"])
def test_a_container_that_cannot_start_waits_with_reason_and_message(api: RawApi, reason: str) -> None:
    """`waiting`: the pod stays Pending with the reason and the message that people know from a kubelet."""
    name = reason.lower()
    api.create(PODS, pod(name, {"waiting": reason, "message": "as the test says"}))
    state = api.until(f"{PODS}/{name}", waiting)
    assert state["status"]["phase"] == "Pending"
    assert container(state)["state"]["waiting"] == {"reason": reason, "message": "as the test says"}


def test_a_crash_loop_shows_exit_code_last_line_and_restarts(api: RawApi) -> None:
    """`waiting: CrashLoopBackOff`: restarted, in back-off, the last end told; never ready."""
    api.create(PODS, pod("loop", {"waiting": "CrashLoopBackOff", "last-line": "missing DATABASE_URL"}))
    state = api.until(f"{PODS}/loop", lambda p: waiting(p) == "CrashLoopBackOff")
    last = container(state)["lastState"]["terminated"]
    assert (last["exitCode"], last["message"], container(state)["restartCount"]) == (1, "missing DATABASE_URL", 1)
    assert container(state)["state"]["waiting"]["message"].startswith("back-off 10s restarting failed container=app pod=loop_default(")


def test_restart_counts_grow(api: RawApi) -> None:
    """`exit-code` with a short `back-off`: the container is restarted again and again."""
    api.create(PODS, pod("again", {"exit-code": "7", "run-for": "100ms", "back-off": "200ms"}))
    state = api.until(f"{PODS}/again", lambda p: container(p).get("restartCount", 0) >= 3)
    assert container(state)["lastState"]["terminated"]["exitCode"] == 7


def test_restart_policy_never_fails_for_good(api: RawApi) -> None:
    """`exit-code` under restartPolicy Never: the pod is Failed, with the code and the last line."""
    api.create(PODS, pod("failed", {"exit-code": "3", "last-line": "no licence"}, restartPolicy="Never"))
    state = api.until(f"{PODS}/failed", lambda p: p["status"]["phase"] == "Failed")
    assert (_terminated(state)["exitCode"], _terminated(state)["message"]) == (3, "no licence")


def test_init_containers_come_first_and_may_fail(api: RawApi) -> None:
    """`container: init`: the annotations are about that container; the others wait for it."""
    init = {"name": "init", "image": "example/init:1"}
    api.create(PODS, pod("init", {"container": "init", "exit-code": "1", "run-for": "0s"}, initContainers=[init]))
    state = api.until(f"{PODS}/init", lambda p: waiting(p, "init") == "CrashLoopBackOff")
    assert waiting(state) == "PodInitializing"
    assert condition(state, "Initialized")["status"] == "False"


def test_several_containers_are_told_apart(api: RawApi) -> None:
    """With two containers, the annotations may be about one: the other is ready, the pod is not."""
    two = [{"name": name, "image": "example/app:1"} for name in ("app", "helper")]
    api.create(PODS, pod("two", {"container": "app", "never-ready": "true"}, containers=two))
    state = api.until(f"{PODS}/two", lambda p: container(p, "helper").get("ready"))
    assert not container(state)["ready"]
    assert not ready(state)


def test_an_unreadable_annotation_is_shown_where_people_look(api: RawApi) -> None:
    """A wrong value fails the pod with a sentence that names the annotation, never passes in silence."""
    api.create(PODS, pod("wrong", {"ready-after": "soon"}))
    state = api.until(f"{PODS}/wrong", waiting)
    assert "dev.trimtab.dev/ready-after" in container(state)["state"]["waiting"]["message"]


def test_a_deleted_pod_is_gone_within_a_second(api: RawApi) -> None:
    """Graceful deletion, whatever its period, is finalised quickly."""
    api.create(PODS, pod("gone"))
    api.until(f"{PODS}/gone", ready)
    api.delete(f"{PODS}/gone")
    api.until_gone(f"{PODS}/gone", within=1)


def test_stop_after_keeps_a_deleted_pod_terminating(api: RawApi) -> None:
    """`stop-after: 1500ms`: the pod is still there, terminating, for that long."""
    api.create(PODS, pod("stubborn", {"stop-after": "1500ms"}))
    api.until(f"{PODS}/stubborn", ready)
    api.delete(f"{PODS}/stubborn")
    time.sleep(0.3)
    assert api.get(f"{PODS}/stubborn")["metadata"]["deletionTimestamp"]
    api.until_gone(f"{PODS}/stubborn", within=3)


def test_a_finalizer_still_sees_the_end_of_a_deleted_pod(api: RawApi) -> None:
    """A deleted pod that someone holds shows its containers ended, and goes when it is let go."""
    body = pod("held")
    body["metadata"]["finalizers"] = ["example.com/hold"]
    api.create(PODS, body)
    api.until(f"{PODS}/held", ready)
    api.delete(f"{PODS}/held")
    api.until(f"{PODS}/held", lambda p: p["status"]["phase"] == "Succeeded", within=2)
    api.call("PATCH", f"{PODS}/held", {"metadata": {"finalizers": None}}, "application/merge-patch+json")
    api.until_gone(f"{PODS}/held", within=1)
