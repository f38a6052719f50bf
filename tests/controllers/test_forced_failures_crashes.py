"""Killed at any write and started again: every object is there and written down, nothing is left over, nothing of Git's was deleted."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.controllers.crashing import Crashing
from tests.support.fleet import CONFIG_MAPS, SECRETS, Fleet, config_map

from trimtab.api.meta import LABEL
from trimtab.cli.devcluster import DevCluster
from trimtab.cluster import objects
from trimtab.cluster.connection import load_kubeconfig
from trimtab.sync.keeper import Keeper
from trimtab.sync.state import STATE_LABEL, State

COUNT = 30
BUDGET = {"prune": {"budget": {"maxPercent": 100}}}


@pytest.fixture
async def mortal(fleet: Fleet, devcluster: DevCluster) -> AsyncIterator[Crashing]:
    """The controller's client, which can be made to die at a write."""
    await fleet.stop()
    async with Crashing(load_kubeconfig(devcluster.kubeconfig), user_agent="trimtab-tests", field_manager="trimtab-tests") as client:
        client.arm(0)
        fleet.own = client
        await fleet.start()
        yield client
        await fleet.stop()


def _names(generation: int) -> set[str]:
    """Ten objects that stay, and twenty that each generation has for its own."""
    return {f"stays-{n}" for n in range(COUNT // 3)} | {f"g{generation}-{n}" for n in range(COUNT - COUNT // 3)}


def _files(generation: int) -> dict[str, str | None]:
    gone: dict[str, str | None] = {f"apps/a/{name}.yaml": None for name in _names(generation - 1)} if generation else {}
    return gone | {f"apps/a/{name}.yaml": config_map(name, generation=str(generation)) for name in _names(generation)}


async def _live(fleet: Fleet) -> dict[str, dict[str, Any]]:
    pages = objects.list_pages(fleet.admin, CONFIG_MAPS, namespace=fleet.target, label_selector=LABEL)
    found = [json.loads(raw) async for page, _ in pages for raw in page]
    return {o["metadata"]["name"]: o for o in found}


async def _die(fleet: Fleet, mortal: Crashing) -> None:
    """Wait for the death at the armed write, end the process, and start the next one."""
    await asyncio.wait_for(mortal.crashed.wait(), 20)
    await fleet.stop()
    mortal.arm(0)
    await fleet.start()


async def _whole(fleet: Fleet, generation: int) -> None:
    """Live objects and Git are the same set, and all of it is written down.

    An entry without a uid is pending: the next start resolves it by the owner annotation. An entry of what was deleted may be left over:
    its uid matches nothing.
    """

    async def equal() -> bool:
        live = await _live(fleet)
        return set(live) == _names(generation) and all(o["data"] == {"generation": str(generation)} for o in live.values())

    await fleet.until(equal, 30, lambda: fleet.status("a"))
    await fleet.settled("a")
    await fleet.quiet(0.2)
    kept = (await Keeper(fleet.admin, fleet.control).load_all()).popitem()[1]
    assert isinstance(kept, State)
    live = await _live(fleet)
    entries = {e.key.name: e.uid for e in kept.inventory}
    assert set(entries) >= set(live), "what lives and is not written down would never be pruned"
    assert all(not entries[name] or entries[name] == o["metadata"]["uid"] for name, o in live.items())


async def test_killed_at_any_write(fleet: Fleet, mortal: Crashing) -> None:
    """At the first, at some in the middle of creates, at the first and last delete, at the status; the uids of what stays, stay."""
    await fleet.push(_files(0))
    await fleet.application("a", sync=BUDGET)
    await fleet.settled("a")
    first = await _live(fleet)
    for generation, at in enumerate((1, 2, 9, 20, 31, 32, 40, 51, 52, 53), 1):
        mortal.arm(at)
        await fleet.push(_files(generation))
        await _die(fleet, mortal)
        await _whole(fleet, generation)
    live = await _live(fleet)
    stays = {n for n in live if n.startswith("stays")}
    assert {n: live[n]["metadata"]["uid"] for n in stays} == {n: first[n]["metadata"]["uid"] for n in stays}


async def test_killed_and_then_git_takes_it_back(fleet: Fleet, mortal: Crashing) -> None:
    """What a dead process had created, and Git no longer has when the next one starts, is pruned: it was written down before."""
    await fleet.push(_files(0))
    await fleet.application("a", sync=BUDGET)
    await fleet.settled("a")
    mortal.arm(12)
    await fleet.push(_files(1))
    await asyncio.wait_for(mortal.crashed.wait(), 20)
    await fleet.stop()
    assert {n for n in await _live(fleet) if n.startswith("g1-")}
    fleet.manager = None
    await fleet.push({f"apps/a/{n}.yaml": None for n in _names(1)} | {k: v for k, v in _files(0).items() if v is not None})
    mortal.arm(0)
    await fleet.start()
    await _whole(fleet, 0)


async def test_killed_between_a_chunk_and_its_head(fleet: Fleet, mortal: Crashing) -> None:
    """3 MB are kept in chunks; the old state is in force until the head is written, and no chunk is left over in the end."""
    await fleet.push({f"apps/a/{n}.yaml": config_map(f"c{n}", k=_noise(n)) for n in range(5)})
    await fleet.application("a")
    await fleet.settled("a", seconds=30)
    mortal.arm(1, lambda _method, path: "/secrets/" in path)
    await fleet.push({"apps/a/0.yaml": config_map("c0", k=_noise(7)), "apps/a/4.yaml": None, "apps/a/new.yaml": config_map("new", k="1")})
    await asyncio.wait_for(mortal.crashed.wait(), 20)
    await fleet.stop()
    fleet.manager = None
    await fleet.push({"apps/a/0.yaml": config_map("c0", k=_noise(8))})  # the chunk that was written is nobody's from now on
    mortal.arm(0)
    await fleet.start()
    await fleet.until_data("new", {"k": "1"})
    await fleet.until_data("c0", {"k": _noise(8)})
    await fleet.settled("a", seconds=30)
    await fleet.quiet(0.3)
    assert set(await _live(fleet)) == {"c0", "c1", "c2", "c3", "new"}
    pages = objects.list_pages(fleet.admin, SECRETS, namespace=fleet.control, label_selector=STATE_LABEL)
    secrets = [json.loads(raw) async for page, _ in pages for raw in page]
    (head,) = [s for s in secrets if "chunks" in s["data"]]
    chunks = base64.b64decode(head["data"]["chunks"]).decode().split()
    assert len(chunks) >= 2
    assert {s["metadata"]["name"] for s in secrets} == {head["metadata"]["name"], *chunks}


def _noise(seed: int) -> str:
    """600 KB that do not compress well."""
    return base64.b64encode(random.Random(seed).randbytes(450_000)).decode()
