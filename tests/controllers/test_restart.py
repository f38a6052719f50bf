"""A restart while the Git server cannot be reached: nothing is forgotten, and nothing is applied anew."""

from __future__ import annotations

from tests.support.fleet import Fleet, config_map, deployment


async def test_a_failed_fetch_after_a_restart_does_not_spoil_the_inventory(fleet: Fleet) -> None:
    """The first apply left its entries pending, to be settled by the digest in the status; a failure said before that keeps the digest."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1"), "apps/a/b.yaml": config_map("b", k="1")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.stop()
    before = fleet.writes().get("apply", 0)
    repository = fleet.server.root / f"{fleet.control}.git"
    away = repository.rename(repository.with_suffix(".away"))
    await fleet.start()
    await fleet.settled("a", synced="Failed")
    away.rename(repository)
    assert fleet.manager is not None
    fleet.manager.pushed((fleet.url,), "")
    await fleet.settled("a")
    await fleet.quiet()
    assert fleet.writes().get("apply", 0) == before


async def test_an_application_is_kept_once_for_each_version(fleet: Fleet) -> None:
    """The state is written before the first create, and not again while the version becomes healthy."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1"), "apps/a/d.yaml": deployment("d")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.quiet()
    assert fleet.writes()["apply"] == 3, "two objects, and one state"
