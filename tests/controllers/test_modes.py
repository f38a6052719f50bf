"""Manual mode, suspension, drift rules, pre-emption: who decides when something is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support import cluster as support
from tests.support.fleet import CONFIG_MAPS, DEPLOYMENTS, SECRETS, Fleet, config_map, deployment

from trimtab.cluster import objects
from trimtab.controllers.own import APPLICATIONS
from trimtab.core.clock import rfc3339


async def test_manual_mode_waits_for_the_approval_of_its_plan(fleet: Fleet) -> None:
    """An approval names a plan; another plan needs another one; drift of what was approved is corrected meanwhile."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1")})
    await fleet.application("a", sync={"mode": "Manual"})
    status = await fleet.settled("a", "Waiting")
    assert await fleet.get(CONFIG_MAPS, "a") is None
    await fleet.annotate("a", {"trimtab.dev/approve": status["plan"]["digest"]})
    await fleet.until_data("a", {"k": "1"})
    await fleet.settled("a")
    await fleet.push({"apps/a/a.yaml": config_map("a", k="2")})
    await fleet.settled("a", "Waiting")
    await fleet.patch(CONFIG_MAPS, "a", {"data": {"k": "9"}})
    await fleet.until_data("a", {"k": "1"})
    await fleet.quiet()
    await fleet.until_data("a", {"k": "1"})


async def test_nothing_is_written_while_suspended_and_it_ends_by_itself(fleet: Fleet) -> None:
    """A suspension is a lease: why, by whom, until when."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1")})
    await fleet.application("a")
    await fleet.settled("a")
    until = rfc3339(datetime.now(UTC) + timedelta(seconds=4))
    await fleet.application("a", suspend={"reason": "an incident", "by": "ada", "until": until})
    status = await fleet.settled("a", "Suspended")
    assert "by ada: an incident" in status["message"]
    await fleet.push({"apps/a/a.yaml": config_map("a", k="2")})
    await fleet.patch(CONFIG_MAPS, "a", {"data": {"k": "9"}})
    await fleet.quiet()
    await fleet.until_data("a", {"k": "9"})
    await fleet.until_data("a", {"k": "2"})


async def test_an_ignored_field_is_left_out_of_apply_too(fleet: Fleet) -> None:
    """One meaning for plan and apply: the field is nobody's business of ours."""
    rules: list[dict[str, Any]] = [
        {"target": {"kind": "Deployment"}, "jsonPointers": ["/spec/replicas"], "action": "Ignore", "reason": "KEDA"}
    ]
    await fleet.push({"apps/a/d.yaml": deployment("d", replicas=3)})
    await fleet.application("a", driftRules=rules)
    await fleet.settled("a")
    await fleet.patch(DEPLOYMENTS, "d", {"spec": {"replicas": 2}}, manager="mystery-scaler")
    await fleet.push({"apps/a/d.yaml": deployment("d", replicas=5, image="app:2")})

    async def updated() -> bool:
        now = await fleet.get(DEPLOYMENTS, "d")
        return now is not None and now["spec"]["template"]["spec"]["containers"][0]["image"] == "app:2"

    await fleet.until(updated)
    found = await fleet.get(DEPLOYMENTS, "d")
    assert found is not None
    assert found["spec"]["replicas"] == 2


async def test_reported_drift_is_shown_and_not_corrected(fleet: Fleet) -> None:
    """Detect only."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1")})
    await fleet.application("a", driftRules=[{"action": "Report", "reason": "we look first"}])
    await fleet.settled("a")
    await fleet.patch(CONFIG_MAPS, "a", {"data": {"k": "9"}})
    status = await fleet.settled("a", "Drifted")
    assert status["counts"]["drifted"] == 1
    assert "kubectl-patch" in status["message"]
    await fleet.until_data("a", {"k": "9"})


async def test_a_fix_gets_in_while_an_earlier_version_waits(fleet: Fleet) -> None:
    """Nothing waits for ever: a newer revision supersedes a barrier that would take five minutes."""
    late = json.loads(config_map("late", k="1"))
    late["metadata"]["annotations"] = {"trimtab.dev/wave": "1"}
    stuck = deployment("d", annotations={"dev.trimtab.dev/never-ready": "true"})
    await fleet.push({"apps/a/d.yaml": stuck, "apps/a/late.yaml": json.dumps(late)})
    await fleet.application("a")

    async def begun() -> bool:
        return await fleet.get(DEPLOYMENTS, "d") is not None

    await fleet.until(begun)
    await fleet.push({"apps/a/d.yaml": deployment("d", image="app:2")})
    await fleet.until_data("late", {"k": "1"})


async def test_the_kept_state_outlives_a_dying_namespace(fleet: Fleet) -> None:
    """Its finalizer keeps it until the objects have been dealt with."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1")})
    await fleet.application("a")
    await fleet.settled("a")
    kept = [
        raw
        async for page, _ in objects.list_pages(fleet.admin, SECRETS, namespace=fleet.control, label_selector="trimtab.dev/state")
        for raw in page
    ]
    name = json.loads(kept[0])["metadata"]["name"]
    await support.drop(fleet.admin, SECRETS, fleet.control, name)
    held = await fleet.get(SECRETS, name, fleet.control)
    assert held is not None
    assert held["data"]


async def test_an_application_that_was_recreated_takes_its_objects_up_again(fleet: Fleet) -> None:
    """Its id is made of its name, so nothing is deleted and nothing is refused."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1")})
    await fleet.application("a", deletionPolicy="Orphan")
    await fleet.settled("a")
    before = await fleet.get(CONFIG_MAPS, "a")

    await support.drop(fleet.admin, APPLICATIONS, fleet.control, "a")

    async def gone() -> bool:
        return await fleet.get(APPLICATIONS, "a", fleet.control) is None

    await fleet.until(gone)
    await fleet.application("a")
    await fleet.settled("a")
    after = await fleet.get(CONFIG_MAPS, "a")
    assert before is not None
    assert after is not None
    assert before["metadata"]["uid"] == after["metadata"]["uid"]
