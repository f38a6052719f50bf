"""A version that fails is quarantined by its render key (design: rule 9)."""

from __future__ import annotations

from tests.support.fleet import DEPLOYMENTS, Fleet, deployment

BROKEN = {"dev.trimtab.dev/waiting": "CrashLoopBackOff"}


async def _image(fleet: Fleet) -> str:
    found = await fleet.get(DEPLOYMENTS, "d")
    assert found is not None
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


async def _fail(fleet: Fleet, on_failure: str) -> None:
    await fleet.push({"apps/a/d.yaml": deployment("d", image="app:1")})
    await fleet.application("a", health={"timeout": "2s"}, sync={"onFailure": on_failure})
    await fleet.settled("a")
    await fleet.push({"apps/a/d.yaml": deployment("d", image="app:2", annotations=BROKEN)})


async def test_hold_keeps_the_failed_version_and_does_not_begin_it_again(fleet: Fleet) -> None:
    """The next unrelated push does not bring it back; the next different render goes through by itself."""
    await _fail(fleet, "Hold")

    async def failed() -> bool:
        return len((await fleet.status("a")).get("quarantined", [])) == 1

    await fleet.until(failed, tell=lambda: fleet.status("a"))
    assert "did not become healthy" in (await fleet.status("a"))["message"]
    await fleet.push({"README": "An unrelated change.\n"})
    await fleet.quiet()
    assert await _image(fleet) == "app:2"
    assert len((await fleet.status("a"))["history"]) == 2
    await fleet.push({"apps/a/d.yaml": deployment("d", image="app:3")})
    await fleet.settled("a")
    assert await _image(fleet) == "app:3"


async def test_rollback_applies_the_last_good_version_again(fleet: Fleet) -> None:
    """And leaves automatic sync on: the fix goes through."""
    await _fail(fleet, "Rollback")

    async def back() -> bool:
        status = await fleet.status("a")
        return bool(status.get("quarantined")) and await _image(fleet) == "app:1" and status.get("health") == "Healthy"

    await fleet.until(back, 20, lambda: fleet.status("a"))
    await fleet.push({"README": "An unrelated change.\n"})
    await fleet.quiet()
    assert await _image(fleet) == "app:1"
    await fleet.push({"apps/a/d.yaml": deployment("d", image="app:3")})
    await fleet.settled("a")
    assert await _image(fleet) == "app:3"


async def test_a_version_that_was_under_way_at_a_crash_is_still_judged(fleet: Fleet) -> None:
    """Its deadline begins anew; it does not go unjudged."""
    await _fail(fleet, "Hold")

    async def begun() -> bool:
        return await _image(fleet) == "app:2"

    await fleet.until(begun)
    await fleet.stop()
    await fleet.start()

    async def failed() -> bool:
        return len((await fleet.status("a")).get("quarantined", [])) == 1

    await fleet.until(failed, tell=lambda: fleet.status("a"))


async def test_a_person_goes_back_and_forth(fleet: Fleet) -> None:
    """`rollback` holds an older commit until `resume`."""
    old = await fleet.push({"apps/a/d.yaml": deployment("d", image="app:1")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.push({"apps/a/d.yaml": deployment("d", image="app:2")})

    async def shows(image: str) -> bool:
        return await _image(fleet) == image

    await fleet.until(lambda: shows("app:2"))
    await fleet.settled("a")
    await fleet.annotate("a", {"trimtab.dev/requested": f"rollback:{old}@1"})
    await fleet.until(lambda: shows("app:1"), tell=lambda: fleet.status("a"))
    await fleet.push({"README": "An unrelated change.\n"})
    await fleet.quiet()
    assert await _image(fleet) == "app:1"
    await fleet.annotate("a", {"trimtab.dev/requested": "resume@2"})
    await fleet.until(lambda: shows("app:2"), tell=lambda: fleet.status("a"))
