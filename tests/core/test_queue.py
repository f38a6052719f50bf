"""The work queue: who gets which key when. Time skips, so that a back-off of minutes is tested in microseconds."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.skipping import run

from trimtab.core.queue import Backoff, QueueStatistics, WorkQueue

pytestmark = pytest.mark.fast

Wish = tuple[float, str, float, float]
"""Seconds before it is made, the key, the delay asked for, and how long the work takes."""

WISHES = st.lists(
    st.tuples(st.sampled_from([0, 0, 0.5, 2]), st.sampled_from("abc"), st.sampled_from([0, 0, 1, 3]), st.sampled_from([0, 0.3, 4])),
    max_size=30,
)


def queue(**options: float) -> WorkQueue[str]:
    """A queue whose back-off has no chance in it."""
    return WorkQueue(chance=lambda: 0.5, backoff=Backoff(**options))


class Play:
    """Workers on a queue; what each was handed, in order, and that nobody else had it at the time."""

    def __init__(self) -> None:
        self.queue = queue()
        self.handed: list[str] = []
        self.busy: set[str] = set()
        self.takes = 0.0

    async def work(self) -> None:
        """One worker, for ever."""
        while True:
            key = await self.queue.get()
            assert key not in self.busy
            self.busy.add(key)
            self.handed.append(key)
            await asyncio.sleep(self.takes)
            self.busy.discard(key)
            self.queue.done(key)


async def played(wishes: list[Wish], workers: int) -> tuple[list[tuple[str, int]], Play]:
    """Each wish as (key, how many keys had been handed out before it), and the play when all is quiet."""
    play, made = Play(), []
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(play.work()) for _ in range(workers)]
        for wait, key, delay, takes in wishes:
            await asyncio.sleep(wait)
            play.takes = takes
            made.append((key, len(play.handed)))
            play.queue.add_after(key, delay)
        await asyncio.sleep(1000)
        for task in tasks:
            task.cancel()
    return made, play


@given(WISHES, st.integers(1, 4))
def test_each_wish_is_worked_on_after_it_was_made_and_no_key_by_two_workers(wishes: list[Wish], workers: int) -> None:
    """The contract of a level-triggered queue: nothing is lost, no key is with two workers, and at the end it is empty."""
    made, play = run(played(wishes, workers))
    assert all(key in play.handed[before:] for key, before in made)
    assert play.queue.statistics() == QueueStatistics(waiting=0, working=0, delayed=0, failing=0)


@given(st.lists(st.sampled_from("abcd"), min_size=1))
def test_a_key_asked_for_many_times_is_handed_out_once_in_the_order_of_the_first_wish(keys: list[str]) -> None:
    """Ten pushes in a row are one reconcile."""

    async def story() -> list[str]:
        waiting = queue()
        for key in keys:
            waiting.add(key)
        return [await waiting.get() for _ in range(waiting.statistics().waiting)]

    assert run(story()) == list(dict.fromkeys(keys))


def test_what_a_person_waits_for_comes_first() -> None:
    """`first` overtakes what is queued."""

    async def story() -> str:
        waiting = queue()
        waiting.add("a")
        waiting.add("b", first=True)
        return await waiting.get()

    assert run(story()) == "b"


def test_a_key_added_while_it_is_worked_on_comes_again_after_done() -> None:
    """And the worker can see it, to stop early between two requests."""

    async def story() -> tuple[bool, bool, str]:
        waiting = queue()
        waiting.add("a")
        key = await waiting.get()
        before = waiting.asked_again(key)
        waiting.add("a")
        during = waiting.asked_again(key)
        waiting.done(key)
        return before, during, await waiting.get()

    assert run(story()) == (False, True, "a")


@given(st.permutations([1.0, 5.0, 30.0]))
def test_of_several_delays_the_earliest_wins(delays: list[float]) -> None:
    """A health timeout of minutes never hides a look that is due in a second."""

    async def story() -> float:
        waiting = queue()
        for delay in delays:
            waiting.add_after("a", delay)
        await waiting.get()
        return asyncio.get_running_loop().time()

    assert run(story()) == pytest.approx(1.0)


def test_a_wish_for_now_replaces_a_delayed_one() -> None:
    """It is not worked on a second time when the delay is over."""

    async def story() -> QueueStatistics:
        waiting = queue()
        waiting.add_after("a", 10)
        waiting.add("a")
        waiting.done(await waiting.get())
        return waiting.statistics()

    assert run(story()).delayed == 0


def test_failures_back_off_twice_as_long_each_time_up_to_a_bound() -> None:
    """And start from the beginning once it worked."""

    async def story() -> tuple[list[float], float]:
        waiting = queue(first=1, most=5)
        delays = [waiting.fail("a") for _ in range(5)]
        waiting.forget("a")
        return delays, waiting.fail("a")

    assert run(story()) == ([1, 2, 4, 5, 5], 1)


def test_a_failed_key_comes_back_after_its_delay() -> None:
    """Retry-After of a server is the least that is waited."""

    async def story() -> float:
        waiting = queue()
        waiting.fail("a", at_least=7)
        await waiting.get()
        return asyncio.get_running_loop().time()

    assert run(story()) == pytest.approx(7)


@given(st.integers(1, 2000), st.floats(0, 1, exclude_max=True))
def test_back_off_stays_within_its_jitter(failures: int, chance: float) -> None:
    """However often it failed: never more than the bound and its jitter, never less than the first delay less it."""
    backoff = Backoff(first=0.2, most=300, jitter=0.1)
    assert 0.18 <= backoff.delay(failures, chance) <= 330


def test_a_key_that_is_gone_is_forgotten() -> None:
    """No timer, no failure count and no repetition stays behind for a deleted resource."""

    async def story() -> QueueStatistics:
        waiting = queue()
        waiting.add("a")
        key = await waiting.get()
        waiting.add(key)
        waiting.fail(key)
        waiting.drop(key)
        waiting.done(key)
        return waiting.statistics()

    assert run(story()) == QueueStatistics(waiting=0, working=0, delayed=0, failing=0)


def test_statistics_count_keys_by_what_they_wait_for() -> None:
    """One waiting, one in work, one delayed, one backing off (which is delayed, too)."""

    async def story() -> QueueStatistics:
        waiting = queue()
        waiting.add("working")
        await waiting.get()
        waiting.add("waiting")
        waiting.add_after("delayed", 5)
        waiting.fail("failing")
        return waiting.statistics()

    assert run(story()) == QueueStatistics(waiting=1, working=1, delayed=2, failing=1)


@given(st.integers(1, 5), st.integers(1, 20))
def test_as_many_workers_wake_as_there_is_work(workers: int, count: int) -> None:
    """Keys that come at once are spread over all workers: the last begins after ceil(keys / workers) - 1 turns of work."""

    async def story() -> float:
        waiting, begun = queue(), []

        async def work() -> None:
            while True:
                key = await waiting.get()
                begun.append(asyncio.get_running_loop().time())
                await asyncio.sleep(1)
                waiting.done(key)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work()) for _ in range(workers)]
            await asyncio.sleep(0)
            for number in itertools.islice(itertools.count(), count):
                waiting.add(str(number))
            await asyncio.sleep(100)
            for task in tasks:
                task.cancel()
        return begun[-1]

    assert run(story()) == pytest.approx(-(-count // workers) - 1)
