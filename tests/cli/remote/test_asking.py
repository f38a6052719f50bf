"""What people ask for: an approval, a way back, a pause, an end."""

from __future__ import annotations

import json

import pytest
from tests.cli.remote.conftest import Trimtab
from tests.support.fleet import CONFIG_MAPS, Fleet, config_map

from trimtab.cluster.resources import Resource
from trimtab.controllers.own import APPLICATIONS

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLAIMS = Resource("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", namespaced=True)


async def test_approve_lifts_a_refusal(served: Fleet, trimtab: Trimtab) -> None:
    """A push that would delete too much is refused; the plan's digest lets it pass, another one does not."""
    await served.push({f"apps/many/{i}.yaml": config_map(f"many{i}") for i in range(24)})
    await served.application("many")
    await served.settled("many")
    await served.push({f"apps/many/{i}.yaml": None for i in range(1, 24)})
    status = await served.settled("many", "Refused")
    wrong = await trimtab("approve", "many", "--plan", "0000000")
    assert f"but for {status['plan']['digest'][:7]}: 23 to delete" in wrong.errors
    ran = await trimtab("approve", "many", "--plan", status["plan"]["digest"][:7], "--wait", "--timeout", "20s")
    assert ran.status == 0, ran.errors
    assert await served.get(CONFIG_MAPS, "many1") is None


async def test_nothing_to_approve_is_a_sentence(served: Fleet, trimtab: Trimtab) -> None:
    """An approval that nothing waits for is an error, not a promise for later."""
    await served.push({"apps/calm/a.yaml": config_map("calm")})
    await served.application("calm")
    await served.settled("calm")
    ran = await trimtab("approve", "calm", "--plan", "1234567")
    assert (ran.status, ran.errors) == (1, f"✗ Application {served.control}/calm has no plan that waits for approval.\n")


async def test_rollback_holds_and_resume_returns(served: Fleet, trimtab: Trimtab) -> None:
    """Back to the last good version, against unrelated pushes; and to Git again."""
    await served.push({"apps/back/a.yaml": config_map("back", k="1")})
    await served.application("back")
    await served.settled("back")
    await served.push({"apps/back/a.yaml": config_map("back", k="2")})
    await served.until_data("back", {"k": "2"})
    await served.settled("back")
    ran = await trimtab("rollback", "back", "--wait", "--timeout", "20s")
    assert ran.status == 0, ran.errors
    await served.until_data("back", {"k": "1"})
    await served.push({"README": "An unrelated change.\n"})
    await served.quiet()
    await served.until_data("back", {"k": "1"})
    assert (await trimtab("resume", "back", "--wait", "--timeout", "20s")).status == 0
    await served.until_data("back", {"k": "2"})


async def test_rollback_takes_a_number_of_the_history(served: Fleet, trimtab: Trimtab) -> None:
    """`history` numbers what `rollback --to` takes."""
    first = await served.push({"apps/past/a.yaml": config_map("past", k="1")})
    await served.application("past")
    await served.settled("past")
    for k in ("2", "3"):
        await served.push({"apps/past/a.yaml": config_map("past", k=k)})
        await served.until_data("past", {"k": k})
        await served.settled("past")
    rows = (await trimtab("history", "past")).output.splitlines()
    assert rows[3].startswith("2  ")
    assert first[:7] in rows[3]
    assert (await trimtab("rollback", "past", "--to", "2", "--wait", "--timeout", "20s")).status == 0
    await served.until_data("past", {"k": "1"})
    assert (await trimtab("rollback", "past", "--to", "9")).status == 1


async def test_suspend_stops_writes_until_resume(served: Fleet, trimtab: Trimtab) -> None:
    """Who and why stand in the status; a change by hand stays until the end of it."""
    await served.push({"apps/paused/a.yaml": config_map("paused", k="1")})
    await served.application("paused")
    await served.settled("paused")
    assert (await trimtab("suspend", "paused", "--reason", "Night shift")).status == 0
    status = await served.settled("paused", "Suspended")
    assert "Night shift" in status["message"]
    assert "kubernetes-admin" in status["message"]
    await served.patch(CONFIG_MAPS, "paused", {"data": {"k": "9"}})
    await served.quiet()
    await served.until_data("paused", {"k": "9"})
    waiting = await trimtab("wait", "paused", "--timeout", "20s")
    assert "trimtab resume paused" in waiting.errors
    assert (await trimtab("resume", "paused", "--wait", "--timeout", "20s")).status == 0
    await served.until_data("paused", {"k": "1"})


async def test_a_suspension_ends_by_itself(served: Fleet, trimtab: Trimtab) -> None:
    """A pause is a lease."""
    await served.push({"apps/leased/a.yaml": config_map("leased", k="1")})
    await served.application("leased")
    await served.settled("leased")
    await trimtab("suspend", "leased", "--reason", "A moment", "--for", "2s")
    await served.settled("leased", "Suspended")
    await served.patch(CONFIG_MAPS, "leased", {"data": {"k": "9"}})
    await served.until_data("leased", {"k": "1"})


async def test_delete_asks_somebody_and_keeps_what_holds_data(served: Fleet, trimtab: Trimtab) -> None:
    """Without a terminal it wants -y; it says before what is kept, and keeps it."""
    await served.push({"apps/doomed/a.yaml": config_map("doomed"), "apps/doomed/b.yaml": _claim("doomed")})
    await served.application("doomed")
    await served.settled("doomed")
    asked = await trimtab("delete", "doomed")
    assert asked.status == 1
    assert f"= PersistentVolumeClaim {served.target}/doomed is kept: it holds data" in asked.output
    assert await served.get(APPLICATIONS, "doomed", served.control) is not None
    ran = await trimtab("delete", "doomed", "-y", "--wait", "--timeout", "20s")
    assert (ran.status, ran.output.splitlines()[-1][:16]) == (0, "● doomed is gone")
    assert await served.get(CONFIG_MAPS, "doomed") is None
    assert await served.get(CLAIMS, "doomed") is not None


async def test_delete_orphan_leaves_everything(served: Fleet, trimtab: Trimtab) -> None:
    """The Application goes, its objects stay."""
    await served.push({"apps/left/a.yaml": config_map("left")})
    await served.application("left")
    await served.settled("left")
    assert (await trimtab("delete", "left", "--orphan", "-y", "--wait", "--timeout", "20s")).status == 0
    assert await served.get(CONFIG_MAPS, "left") is not None


async def test_version_names_the_controller_that_leads(served: Fleet, trimtab: Trimtab) -> None:
    """This program, the renderers, the cluster, the controller."""
    found = json.loads((await trimtab("version", "-o", "json")).output)
    assert found["controller"] == f"test leads in namespace {served.control}"
    assert {library.partition("/")[0] for library in found["libraries"]} >= {"helm", "kustomize", "jsonnet", "cel"}


def _claim(name: str) -> str:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return json.dumps({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec})
