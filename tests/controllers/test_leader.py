"""Two managers of one cluster: one leads, the other takes over, and who has lost the lead writes nothing any more."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.support import cluster as support
from tests.support.fleet import CONFIG_MAPS, Fleet, config_map

from trimtab.cli.devcluster import DevCluster
from trimtab.cluster.client import Client
from trimtab.cluster.lease import Leadership
from trimtab.controllers.manager import Manager, Options
from trimtab.core.clock import SystemClock
from trimtab.render.find import find_worker

READS = {"watch", "get", "list", "discover", "lease"}


class Replica:
    """A manager with a client of its own; its clock can be made to stand still for it alone, as for a stopped process."""

    def __init__(self, fleet: Fleet, client: Client, identity: str, directory: Path) -> None:
        self.client = client
        self.clock = Pausable()
        options = Options(namespace=fleet.control, directory=directory, worker=find_worker(), identity=identity, render_workers=1)
        self.manager = Manager(client, options, clock=self.clock, chance=random.random)
        self.manager._leadership = Leadership(
            client, namespace=fleet.control, name="trimtab", identity=identity, clock=self.clock, duration=6, margin=2, renew=1, retry=1
        )
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Run the manager."""
        self.task = asyncio.create_task(self.manager.run(), name=f"replica {self.manager._options.identity}")

    @property
    def leads(self) -> bool:
        """Whether it leads by its own clock."""
        return self.manager._leadership.is_leader

    def writes(self) -> int:
        """Its writes so far, the lease's left out."""
        return sum(n for verb, n in self.client.statistics().requests.items() if verb not in READS)

    async def stop(self) -> None:
        """Cancel it, as a clean stop does."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)


class Pausable(SystemClock):
    """The system's clock; while `running` is not set, whoever sleeps on it goes on sleeping."""

    def __init__(self) -> None:
        self.running = asyncio.Event()
        self.running.set()

    async def sleep(self, seconds: float) -> None:
        """Sleep, and then for as long as the process is stopped."""
        await super().sleep(seconds)
        await self.running.wait()


MakeReplica = Callable[[str], Replica]


@pytest.fixture
async def replicas(fleet: Fleet, devcluster: DevCluster, tmp_path: Path) -> AsyncIterator[MakeReplica]:
    """Makes replicas over the fleet, whose own controller is stopped."""
    await fleet.stop()
    fleet.manager = None
    made: list[Replica] = []
    async with support.open_client(devcluster.kubeconfig) as first, support.open_client(devcluster.kubeconfig) as second:
        clients = iter((first, second))

        def make(identity: str) -> Replica:
            made.append(Replica(fleet, next(clients), identity, tmp_path / f"data-{len(made)}"))
            return made[-1]

        yield make
        for replica in made:
            replica.clock.running.set()
            await replica.stop()


async def _leads(fleet: Fleet, replica: Replica, seconds: float) -> None:
    async def leads() -> bool:
        return replica.leads

    await fleet.until(leads, seconds)


async def _push(fleet: Fleet, replica: Replica, value: str) -> None:
    """Push, tell that replica, and see it live."""
    oid = await fleet.push({"apps/a/a.yaml": config_map("a", k=value)})
    replica.manager.pushed((fleet.url,), oid)
    await fleet.until_data("a", {"k": value})


async def test_one_leads_and_the_other_takes_over(fleet: Fleet, replicas: MakeReplica) -> None:
    """The follower writes nothing; when the leader stops, it goes on at once, and applies no object again."""
    await fleet.application("a")
    one, two = replicas("one"), replicas("two")
    one.start()
    await _leads(fleet, one, 5)
    two.start()
    await _push(fleet, one, "1")
    await fleet.settled("a")
    assert not two.leads
    assert two.writes() == 0
    assert two.manager.ready() == []
    version = (await fleet.get(CONFIG_MAPS, "a") or {})["metadata"]["resourceVersion"]
    await one.stop()
    await _leads(fleet, two, 6)
    await _push(fleet, two, "1")
    await asyncio.sleep(0.5)
    assert (await fleet.get(CONFIG_MAPS, "a") or {})["metadata"]["resourceVersion"] == version
    await _push(fleet, two, "2")


async def test_a_paused_leader_writes_nothing_after_its_lease(fleet: Fleet, replicas: MakeReplica) -> None:
    """A leader that cannot renew writes nothing once its term is over, although the rest of it still sees drift and pushes."""
    await fleet.application("a")
    one, two = replicas("one"), replicas("two")
    one.start()
    await _leads(fleet, one, 5)
    await _push(fleet, one, "1")
    await fleet.settled("a")
    two.start()
    one.clock.running.clear()
    await _leads(fleet, two, 15)
    before = one.writes()
    await fleet.patch(CONFIG_MAPS, "a", {"data": {"k": "9"}})
    await fleet.until_data("a", {"k": "1"})
    one.manager.pushed((fleet.url,), "")
    await _push(fleet, two, "2")
    await asyncio.sleep(0.5)
    one.clock.running.set()
    await asyncio.sleep(1.0)
    assert one.writes() == before
    assert two.leads
    assert not one.leads


async def test_a_restart_takes_its_own_lease_back_at_once(fleet: Fleet, replicas: MakeReplica) -> None:
    """The same identity after a crash, with the lease still held: it leads within a second, not after the lease's end."""
    await fleet.application("a")
    one, again = replicas("one"), replicas("one")
    one.start()
    await _leads(fleet, one, 5)
    one.manager._leadership._release = _nothing  # type: ignore[method-assign]  # a crash gives nothing back
    await one.stop()
    again.start()
    await _leads(fleet, again, 1.5)
    await _push(fleet, again, "1")


async def _nothing() -> None:
    """Give nothing back."""
