"""The main road: a commit becomes live, stays live, and goes back."""

from __future__ import annotations

from tests.support import repos
from tests.support.fleet import CONFIG_MAPS, Fleet, config_map, deployment

from trimtab.api.meta import LABEL, OWNER
from trimtab.cluster import objects
from trimtab.controllers.own import REPOSITORIES


async def test_a_commit_becomes_live(fleet: Fleet) -> None:
    """What Git declares is applied by itself, and its Application says so."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1")})
    await fleet.application("a")
    status = await fleet.settled("a")
    found = await fleet.get(CONFIG_MAPS, "a")
    assert found is not None
    assert found["data"] == {"k": "1"}
    assert found["metadata"]["annotations"][OWNER].endswith(f"/{fleet.control}/a")
    assert len(found["metadata"]["labels"][LABEL]) == 10
    assert [h["outcome"] for h in status["history"]] == ["Healthy"]


async def test_a_revert_takes_a_commit_back(fleet: Fleet) -> None:
    """`git revert` rolls back."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.push({"apps/a/a.yaml": config_map("a", k="2")})
    await fleet.until_data("a", {"k": "2"})
    repos.git(fleet.work, "revert", "--no-edit", "HEAD")
    await fleet.push({})
    await fleet.until_data("a", {"k": "1"})


async def test_an_object_that_git_drops_is_pruned(fleet: Fleet) -> None:
    """Pruning is on by default, within its budget."""
    await fleet.push({"apps/a/a.yaml": config_map("a"), "apps/a/b.yaml": config_map("b")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.push({"apps/a/b.yaml": None})

    async def gone() -> bool:
        return await fleet.get(CONFIG_MAPS, "b") is None

    await fleet.until(gone)
    assert await fleet.get(CONFIG_MAPS, "a") is not None


async def test_a_plan_costs_one_pending_inventory_and_one_status(fleet: Fleet) -> None:
    """Writes an application and plan: the objects, one kept state, one status; then nothing."""
    await fleet.application("a")
    await fleet.settled("a", "Failed", "Unknown")
    await fleet.quiet()
    before = fleet.writes()
    await fleet.push({f"apps/a/{i}.yaml": config_map(f"c{i}", k="1") for i in range(5)})
    await fleet.settled("a")
    await fleet.quiet(1.5)
    spent = {verb: count - before.get(verb, 0) for verb, count in fleet.writes().items() if count != before.get(verb, 0)}
    assert spent.pop("apply") == 5 + 1
    assert spent.pop("patch") == 1 + 1, "the Application's status and the Repository's"
    assert set(spent) <= {"create"}, "Events at most"


async def test_a_commit_that_concerns_nobody_renders_nothing(fleet: Fleet) -> None:
    """Who reads none of the changed paths is not woken."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.quiet()
    before = fleet.writes().get("apply", 0)
    oid = await fleet.push({"README": "Other words.\n"})

    async def seen() -> bool:
        found = await fleet.get(REPOSITORIES, "fleet", fleet.control)
        return found is not None and found["status"]["revision"]["commit"] == oid

    await fleet.until(seen)
    await fleet.quiet()
    assert fleet.writes().get("apply", 0) == before


async def test_a_restart_writes_nothing(fleet: Fleet) -> None:
    """After kill -9 the kept state and the live objects say that all is equal."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1"), "apps/a/d.yaml": deployment("d")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.stop()
    before = fleet.writes().get("apply", 0)
    await fleet.start()
    await fleet.quiet(1.0)
    assert fleet.writes()["apply"] == before
    await fleet.patch(CONFIG_MAPS, "a", {"data": {"k": "9"}})
    await fleet.until_data("a", {"k": "1"})
    await fleet.quiet()
    assert fleet.writes()["apply"] == before + 1, "the correction alone"


async def test_drift_during_an_outage_is_corrected_after_it(fleet: Fleet) -> None:
    """What changed while nobody watched is seen at the start."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1"), "apps/a/b.yaml": config_map("b", k="1")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.stop()
    await fleet.patch(CONFIG_MAPS, "a", {"data": {"k": "9"}})
    found = await fleet.get(CONFIG_MAPS, "b")
    assert found is not None
    await objects.delete(fleet.admin, CONFIG_MAPS, fleet.target, "b", uid=found["metadata"]["uid"])
    await fleet.start()
    await fleet.until_data("a", {"k": "1"})
    await fleet.until_data("b", {"k": "1"})
