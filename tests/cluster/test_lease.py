"""Leadership: one at a time, whatever happens to clocks, processes and connections."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from tests.support.clock import SteppedClock, until
from tests.support.cluster import encode
from tests.support.scripted import Scripted, body, scripted, status

from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.connection import Connection
from trimtab.cluster.lease import Leadership
from trimtab.cluster.resources import LEASES
from trimtab.core import metrics


@asynccontextmanager
async def claim(client: Client, namespace: str, identity: str, clock: SteppedClock) -> AsyncGenerator[Leadership]:
    """A claim to the lease `l`, under way; its end is a clean stop."""
    leadership = Leadership(client, namespace=namespace, name="l", identity=identity, clock=clock, chance=lambda: 0.0)
    task = asyncio.create_task(leadership.run())
    try:
        yield leadership
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def crash(client: Client, namespace: str, identity: str) -> Leadership:
    """A holder that took the lease and vanished without giving it back."""
    holder = Leadership(client, namespace=namespace, name="l", identity=identity, clock=SteppedClock())
    assert await holder._take()
    return holder


async def lease(client: Client, namespace: str) -> dict[str, Any]:
    """The lease's spec as it stands."""
    spec: dict[str, Any] = (await objects.get_json(client, LEASES, namespace, "l"))["spec"]
    return spec


async def writes(client: Client) -> int:
    """Lease writes that the client has sent so far."""
    return client.statistics().requests.get("lease", 0)


async def test_the_first_gets_it_and_renews_it(cluster: Client, namespace: str) -> None:
    """Taken when there is none; after that one small write a renewal."""
    clock = SteppedClock()
    async with claim(cluster, namespace, "one", clock) as one:
        await one.acquired()
        assert one.is_leader
        assert metrics.REGISTRY.get_sample_value("trimtab_leader") == 1
        first, before = await lease(cluster, namespace), await writes(cluster)
        for _ in range(3):
            await until(lambda: clock._sleepers)
            await clock.advance(5)
        await until(lambda: clock._sleepers)
        assert await writes(cluster) == before + 3
        assert (await lease(cluster, namespace))["renewTime"] > first["renewTime"]
        assert one.is_leader


async def test_another_waits_while_it_is_renewed(cluster: Client, namespace: str) -> None:
    """A second claim does not get a lease that lives, however long it waits."""
    mine, yours = SteppedClock(), SteppedClock()
    async with claim(cluster, namespace, "one", mine) as one:
        await one.acquired()
        async with claim(cluster, namespace, "two", yours) as two:
            for _ in range(12):
                await until(lambda: mine._sleepers and yours._sleepers)
                await mine.advance(2.5)
                await until(lambda: mine._sleepers)
                await yours.advance(2.5)
            assert one.is_leader
            assert not two.is_leader


async def test_a_dead_holders_lease_is_taken_after_its_duration(cluster: Client, namespace: str) -> None:
    """Seen unchanged for fifteen seconds of our own clock: ours. Not before, and whatever wall time it bears."""
    await crash(cluster, namespace, "one")
    future = encode({"spec": {"renewTime": "2099-01-01T00:00:00.000000Z"}})
    await objects.merge_patch(cluster, LEASES, namespace, "l", future)
    clock = SteppedClock()
    async with claim(cluster, namespace, "two", clock) as two:
        while not two._gained.is_set():
            await until(lambda: clock._sleepers)
            await clock.advance(2)
            await until(lambda: clock._sleepers)
        assert 15 <= clock.elapsed <= 18
        spec = await lease(cluster, namespace)
        assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("two", 1)


async def test_the_same_identity_takes_its_own_back_at_once(cluster: Client, namespace: str) -> None:
    """A restarted process does not wait for its own lease to run out."""
    await crash(cluster, namespace, "one")
    clock = SteppedClock()
    async with claim(cluster, namespace, "one", clock) as again:
        await again.acquired()
        assert clock.elapsed == 0
        assert (await lease(cluster, namespace))["leaseTransitions"] == 0


async def test_a_clean_stop_gives_it_back(cluster: Client, namespace: str) -> None:
    """The successor need not wait."""
    clock = SteppedClock()
    async with claim(cluster, namespace, "one", SteppedClock()) as one:
        await one.acquired()
    assert not one.is_leader
    async with claim(cluster, namespace, "two", clock) as two:
        await two.acquired()
        assert clock.elapsed == 0


async def test_after_a_pause_it_is_lost_before_any_renewal(cluster: Client, namespace: str) -> None:
    """A process stopped past its term is not the leader from the first instant on, and does not write."""
    clock = SteppedClock()
    async with claim(cluster, namespace, "one", clock) as one:
        await one.acquired()
        await until(lambda: clock._sleepers)
        before = await writes(cluster)
        clock.skip(10.5)
        assert not one.is_leader
        await objects.merge_patch(cluster, LEASES, namespace, "l", encode({"spec": {"holderIdentity": "two"}}))
        await clock.advance(0)
        await one.lost()
        await until(lambda: clock._sleepers)
        assert await writes(cluster) == before
        assert (await lease(cluster, namespace))["holderIdentity"] == "two"


async def test_a_lease_that_another_took_is_lost(cluster: Client, namespace: str) -> None:
    """The renewal's resourceVersion does not match: somebody wrote; it is another's, so we stop."""
    clock = SteppedClock()
    async with claim(cluster, namespace, "one", clock) as one:
        await one.acquired()
        await until(lambda: clock._sleepers)
        await objects.merge_patch(cluster, LEASES, namespace, "l", encode({"spec": {"holderIdentity": "two"}}))
        await clock.advance(5)
        await one.lost()
        assert not one.is_leader


async def test_a_touched_lease_stays_ours(cluster: Client, namespace: str) -> None:
    """Somebody annotates the lease: the version moves, the holder does not; we carry on."""
    clock = SteppedClock()
    async with claim(cluster, namespace, "one", clock) as one:
        await one.acquired()
        await until(lambda: clock._sleepers)
        await objects.merge_patch(cluster, LEASES, namespace, "l", encode({"metadata": {"annotations": {"seen": "yes"}}}))
        version = one._version
        await clock.advance(5)
        await until(lambda: one._version != version and clock._sleepers)
        assert one.is_leader


def held(version: int) -> Any:
    """An answer with the lease's metadata."""
    return body({"metadata": {"name": "l", "resourceVersion": str(version)}})


@asynccontextmanager
async def unsteady(*answers: Any) -> AsyncGenerator[tuple[Leadership, SteppedClock, Scripted]]:
    """A claim at a server that plays these answers after the lease was created."""
    clock = SteppedClock()
    async with (
        scripted(status(404, reason="NotFound"), held(1), *answers) as script,
        Client(Connection(script.url, "s"), clock=clock) as client,
        claim(client, "shop", "one", clock) as leadership,
    ):
        await leadership.acquired()
        await until(lambda: clock._sleepers)
        yield leadership, clock, script


async def test_a_failed_renewal_is_tried_again_soon() -> None:
    """One failure in the middle of a term costs nothing: again after two seconds."""
    async with unsteady(status(500), held(2), *[held(3)] * 3) as (one, clock, _):
        await clock.advance(5)
        await until(lambda: clock._sleepers)
        assert one.is_leader
        await clock.advance(2)
        await until(lambda: one._version == "2")
        assert clock.slept[:2] == [5.0, 2.0]


async def test_when_the_server_stays_away_the_term_ends_early() -> None:
    """No renewal succeeds: at ten seconds we stop, five before anyone else may start."""
    async with unsteady(*[status(500)] * 40) as (one, clock, _):
        while one.is_leader:
            await until(lambda: clock._sleepers)
            await clock.advance(0.5)
        assert clock.elapsed == pytest.approx(10, abs=0.51)
        await one.lost()
        assert metrics.REGISTRY.get_sample_value("trimtab_leader") == 0


async def test_the_term_counts_from_before_the_request() -> None:
    """A renewal whose answer took three seconds extends the term from when it was sent."""
    async with unsteady(*[held(2)] * 2) as (one, clock, _):
        client, began = one._client, clock.monotonic()
        send = client.request

        async def slow(*args: Any, **options: Any) -> Any:
            answer = await send(*args, **options)
            clock.skip(3)
            return answer

        client.request = slow  # type: ignore[method-assign]
        await clock.advance(5)
        await until(lambda: one._version == "2")
        assert one._until == began + 5 + 10


def test_times_that_cannot_work_are_refused() -> None:
    """A renewal interval that leaves no room for a second try is a mistake of the caller."""
    with pytest.raises(ValueError, match="renewed"):
        Leadership(Client(Connection("http://127.0.0.1:1", "x")), namespace="n", name="l", identity="i", renew=9)


async def test_wall_clocks_may_jump(cluster: Client, namespace: str) -> None:
    """An hour forwards on the wall clock changes nothing: only monotonic time decides."""

    class Jumping(SteppedClock):
        offset = timedelta()

        def now(self) -> Any:
            return super().now() + self.offset

    clock = Jumping()
    async with claim(cluster, namespace, "one", clock) as one:
        await one.acquired()
        await until(lambda: clock._sleepers)
        clock.offset = timedelta(hours=1)
        assert one.is_leader
        await clock.advance(5)
        await until(lambda: clock._sleepers)
        assert one.is_leader
        assert json.dumps(await lease(cluster, namespace))


@pytest.mark.parametrize("seed", range(3))
async def test_never_two_leaders_whatever_stops(cluster: Client, namespace: str, seed: int) -> None:
    """Two processes, each stopped at random for up to twenty seconds and let go again: at no moment do both lead, and one mostly does."""
    dice, clocks, stopped, led = random.Random(seed), (SteppedClock(), SteppedClock()), [0, 0], 0
    async with claim(cluster, namespace, "one", clocks[0]) as one, claim(cluster, namespace, "two", clocks[1]) as two:
        for _ in range(150):
            for index, clock in enumerate(clocks):
                if stopped[index]:
                    stopped[index] -= 1
                    clock.skip(1)
                else:
                    await clock.advance(1)
                    await until(lambda clock=clock: clock._sleepers)  # type: ignore[misc]
                    stopped[index] = dice.randrange(20) if dice.random() < 0.05 else 0
                assert not (one.is_leader and two.is_leader)
            led += one.is_leader or two.is_leader
    assert led > 50
