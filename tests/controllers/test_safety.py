"""What could not be read is never empty: what fails deletes nothing (design: rule 2)."""

from __future__ import annotations

import json

from tests.support import cluster as support
from tests.support.fleet import CONFIG_MAPS, NAMESPACES, SECRETS, Fleet, config_map, deployment

from trimtab.cluster import objects
from trimtab.cluster.resources import Resource
from trimtab.controllers.own import APPLICATIONS

CLAIMS = Resource("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", namespaced=True)


async def _twelve(fleet: Fleet) -> None:
    await fleet.push({f"apps/a/{i}.yaml": config_map(f"c{i}") for i in range(12)})
    await fleet.application("a")
    await fleet.settled("a")


async def _alive(fleet: Fleet) -> int:
    return sum([await fleet.get(CONFIG_MAPS, f"c{i}") is not None for i in range(12)])


async def test_an_empty_render_is_refused(fleet: Fleet) -> None:
    """All files moved away: nothing is deleted, and the way out is named."""
    await _twelve(fleet)
    await fleet.push({f"apps/a/{i}.yaml": None for i in range(12)} | {"apps/a/keep.txt": "not a manifest"})
    await fleet.settled("a", "Refused")
    assert await _alive(fleet) == 12
    assert "trimtab approve a --plan" in (await fleet.status("a"))["message"]


async def test_a_push_beyond_the_budget_is_refused_until_it_is_approved(fleet: Fleet) -> None:
    """More than half and more than ten."""
    await _twelve(fleet)
    await fleet.push({f"apps/a/{i}.yaml": None for i in range(1, 12)})
    status = await fleet.settled("a", "Refused")
    assert await _alive(fleet) == 12
    assert status["plan"]["delete"] == 11
    await fleet.annotate("a", {"trimtab.dev/approve": status["plan"]["digest"]})
    await fleet.settled("a")
    assert await _alive(fleet) == 1


async def test_an_approval_is_void_when_the_plan_has_changed(fleet: Fleet) -> None:
    """One confirmation never authorises a later, different deletion."""
    await _twelve(fleet)
    await fleet.push({f"apps/a/{i}.yaml": None for i in range(1, 12)})
    status = await fleet.settled("a", "Refused")
    await fleet.push({"apps/a/0.yaml": config_map("c0", k="new")})

    async def other() -> bool:
        return bool((await fleet.status("a"))["plan"]["digest"] != status["plan"]["digest"])

    await fleet.until(other)
    await fleet.annotate("a", {"trimtab.dev/approve": status["plan"]["digest"]})
    await fleet.quiet()
    assert await _alive(fleet) == 12


async def test_a_render_that_fails_deletes_nothing_and_drift_is_still_corrected(fleet: Fleet) -> None:
    """The last good set stays in force."""
    await _twelve(fleet)
    await fleet.push({"apps/a/0.yaml": "a: [\n", **{f"apps/a/{i}.yaml": None for i in range(1, 12)}})
    status = await fleet.settled("a", "Failed")
    assert "apps/a/0.yaml" in status["message"]
    assert await _alive(fleet) == 12
    await fleet.patch(CONFIG_MAPS, "c3", {"data": {"extra": "x"}})

    async def corrected() -> bool:
        found = await fleet.get(CONFIG_MAPS, "c3")
        return found is not None and not found.get("data")

    await fleet.until(corrected)


async def test_an_unknown_kind_holds_back_deletions_and_nothing_else(fleet: Fleet) -> None:
    """One object that cannot be used is named; the others are applied; nothing is pruned meanwhile."""
    await fleet.push({"apps/a/0.yaml": config_map("c0"), "apps/a/1.yaml": config_map("c1")})
    await fleet.application("a")
    await fleet.settled("a")
    odd = json.dumps({"apiVersion": "example.test/v1", "kind": "Widget", "metadata": {"name": "w"}})
    await fleet.push({"apps/a/0.yaml": None, "apps/a/2.yaml": config_map("c2"), "apps/a/w.yaml": odd})
    status = await fleet.settled("a", "Failed")
    assert "Widget" in status["message"]
    assert [await fleet.get(CONFIG_MAPS, f"c{i}") is not None for i in range(3)] == [True, True, True]


async def test_a_namespace_is_deleted_only_when_that_is_approved(fleet: Fleet) -> None:
    """A Namespace goes with everything in it."""
    name = f"{fleet.target}-more"
    await fleet.push({"apps/a/n.yaml": json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})})
    await fleet.push({"apps/a/c.yaml": config_map("c")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.push({"apps/a/n.yaml": None})
    await fleet.settled("a", "Refused")
    found = await fleet.get(NAMESPACES, name)
    assert found is not None
    assert found["status"]["phase"] == "Active"


async def test_deleting_an_application_needs_no_git_and_keeps_data(fleet: Fleet) -> None:
    """The inventory alone says what to delete; claims are kept and named."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    await fleet.push({"apps/a/c.yaml": config_map("c0"), "apps/a/p.yaml": json.dumps(claim), "apps/a/d.yaml": deployment("d")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.server.stop()
    await support.drop(fleet.admin, APPLICATIONS, fleet.control, "a")

    async def gone() -> bool:
        return await fleet.get(APPLICATIONS, "a", fleet.control) is None

    await fleet.until(gone)
    assert await fleet.get(CONFIG_MAPS, "c0") is None
    kept = await fleet.get(CLAIMS, "data")
    assert kept is not None
    assert "deletionTimestamp" not in kept["metadata"]
    state = [
        item
        async for page, _ in objects.list_pages(fleet.admin, SECRETS, namespace=fleet.control)
        for item in page
        if b"trimtab.a." in item
    ]
    assert state == []


async def test_an_orphaned_application_leaves_its_objects(fleet: Fleet) -> None:
    """`deletionPolicy: Orphan`."""
    await fleet.push({"apps/a/c.yaml": config_map("c0", k="1")})
    await fleet.application("a", deletionPolicy="Orphan")
    await fleet.settled("a")
    await support.drop(fleet.admin, APPLICATIONS, fleet.control, "a")

    async def gone() -> bool:
        return await fleet.get(APPLICATIONS, "a", fleet.control) is None

    await fleet.until(gone)
    await fleet.until_data("c0", {"k": "1"})


async def test_deleting_a_refused_application_leaves_the_objects_of_the_other(fleet: Fleet) -> None:
    """What it was refused it never had, whatever its pending entries say."""
    await fleet.push({"apps/a/c.yaml": config_map("shared", k="1"), "apps/b/c.yaml": config_map("shared", k="2")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.application("b")

    async def refused() -> bool:
        return (await fleet.status("b")).get("synced") == "Failed"

    await fleet.until(refused)
    await support.drop(fleet.admin, APPLICATIONS, fleet.control, "b")

    async def gone() -> bool:
        return await fleet.get(APPLICATIONS, "b", fleet.control) is None

    await fleet.until(gone)
    await fleet.until_data("shared", {"k": "1"})


async def test_a_kept_claim_keeps_its_namespace(fleet: Fleet) -> None:
    """A namespace of ours goes with everything in it, so not while something in it is kept."""
    name = f"{fleet.target}-data"
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec}
    await fleet.push({"apps/a/p.yaml": json.dumps(claim), "apps/a/c.yaml": config_map("c0")})
    await fleet.application("a", destination={"namespace": name, "createNamespace": True})
    await fleet.settled("a")
    await support.drop(fleet.admin, APPLICATIONS, fleet.control, "a")

    async def gone() -> bool:
        return await fleet.get(APPLICATIONS, "a", fleet.control) is None

    await fleet.until(gone)
    kept = await fleet.get(NAMESPACES, name)
    assert kept is not None
    assert "deletionTimestamp" not in kept["metadata"]
    assert await fleet.get(CLAIMS, "data", name) is not None
    assert await fleet.get(CONFIG_MAPS, "c0", name) is None


async def test_a_namespace_that_was_there_before_outlives_the_application(fleet: Fleet) -> None:
    """Also after a restart, when the inventory has been read back from the kept state."""
    await fleet.push({"apps/a/c.yaml": config_map("c0")})
    await fleet.application("a", destination={"namespace": fleet.target, "createNamespace": True})
    await fleet.settled("a")
    await fleet.stop()
    await fleet.start()
    await fleet.quiet()
    await support.drop(fleet.admin, APPLICATIONS, fleet.control, "a")

    async def gone() -> bool:
        return await fleet.get(APPLICATIONS, "a", fleet.control) is None

    await fleet.until(gone)
    found = await fleet.get(NAMESPACES, fleet.target)
    assert found is not None
    assert "deletionTimestamp" not in found["metadata"]
