"""For a pipeline: wait until it is live, and fail with the cause when it cannot be."""

from __future__ import annotations

import asyncio
import string

import pytest
from tests.cli.remote.conftest import Trimtab
from tests.support.fleet import Fleet, config_map, deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

BROKEN = {"dev.trimtab.dev/waiting": "CrashLoopBackOff"}


async def test_wait_returns_when_all_are_ready(served: Fleet, trimtab: Trimtab) -> None:
    """One line for each, exit status 0."""
    await served.push({"apps/w1/a.yaml": config_map("w1"), "apps/w2/a.yaml": deployment("w2")})
    await served.application("w1")
    await served.application("w2")
    ran = await trimtab("wait", "w1", "w2", "--timeout", "20s")
    assert (ran.status, [line[:4] for line in ran.output.splitlines()]) == (0, ["● w1", "● w2"])


async def test_wait_for_a_commit_waits_until_it_is_in_force(served: Fleet, trimtab: Trimtab) -> None:
    """A pipeline pushes and waits; the status of the commit before does not count."""
    await served.push({"apps/pushed/a.yaml": config_map("pushed", k="1")})
    await served.application("pushed")
    await served.settled("pushed")
    manager, served.manager = served.manager, None  # no webhook: `wait` itself lets the Repository be asked
    oid = await served.push({"apps/pushed/a.yaml": config_map("pushed", k="2")})
    served.manager = manager
    ran = await trimtab("wait", "pushed", "--commit", oid[:10], "--timeout", "20s")
    assert ran.status == 0, ran.errors
    await served.until_data("pushed", {"k": "2"})
    assert f"main@{oid[:7]}" in ran.output


async def test_wait_fails_at_once_with_the_cause(served: Fleet, trimtab: Trimtab) -> None:
    """A version that was given up does not use up the time."""
    await served.push({"apps/broken/a.yaml": deployment("broken", annotations=BROKEN)})
    await served.application("broken", health={"timeout": "1s"})
    ran = await asyncio.wait_for(trimtab("wait", "broken", "--timeout", "60s"), 30)
    assert ran.status == 1
    assert "CrashLoopBackOff" in ran.errors
    assert "trimtab tree broken --kubeconfig" in ran.errors


async def test_wait_says_what_it_waited_for_at_the_end_of_its_time(served: Fleet, trimtab: Trimtab) -> None:
    """What is still on its way after the timeout is an error that names it."""
    await served.push({"apps/slow/a.yaml": deployment("slow", annotations={"dev.trimtab.dev/never-ready": "true"})})
    await served.application("slow")
    ran = await trimtab("wait", "slow", "--timeout", "3s")
    assert ran.status == 1
    assert f"Application {served.control}/slow is not Ready after 3s: Deployment" in ran.errors


async def test_wait_for_a_commit_that_never_comes_says_so(served: Fleet, trimtab: Trimtab) -> None:
    """And asks whether it was pushed."""
    await served.push({"apps/never/a.yaml": config_map("never")})
    await served.application("never")
    ran = await trimtab("wait", "never", "--commit", string.digits, "--timeout", "2s")
    assert ran.status == 1
    assert "commit 0123456 is not in force after 2s" in ran.errors


async def test_sync_tries_a_version_again_that_was_given_up(served: Fleet, trimtab: Trimtab) -> None:
    """`--retry` lifts the quarantine."""
    await served.push({"apps/again/a.yaml": deployment("again", annotations=BROKEN)})
    await served.application("again", health={"timeout": "1s"})
    await served.settled("again", "Failed", "Progressing")
    ran = await trimtab("sync", "again", "--retry")
    assert ran.output.splitlines()[0] == "● Asked for again: try again what failed."

    async def lifted() -> bool:
        return str((await served.status("again")).get("handled")).startswith("retry@")

    await served.until(lifted)


async def test_wait_wants_names_that_are_there(trimtab: Trimtab) -> None:
    """A typing error does not wait for its time to pass."""
    ran = await asyncio.wait_for(trimtab("wait", "w", "--timeout", "60s"), 10)
    assert (ran.status, ran.errors[:26]) == (1, "✗ There is no Application ")
