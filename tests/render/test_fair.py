from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.render.fair import FairSeats

pytestmark = pytest.mark.fast


async def _order(lanes: list[str], seats: int) -> list[str]:
    """In which order those who came in this order are served, when each gives its seat back at once."""
    fair: FairSeats[int] = FairSeats(seats)
    served: list[str] = []

    async def visit(lane: str) -> None:
        seat = await fair.take(lane)
        served.append(lane)
        await asyncio.sleep(0)
        fair.give(seat, lane)

    visits = [asyncio.create_task(visit(lane)) for lane in lanes]
    await asyncio.sleep(0)
    for seat in range(seats):
        fair.add(seat)
    await asyncio.gather(*visits)
    assert (fair.held, fair.waiting) == (0, 0)
    return served


@given(st.lists(st.sampled_from("abc"), max_size=20), st.integers(1, 3))
def test_everyone_is_served_once(lanes: list[str], seats: int) -> None:
    """Whatever the order and the number of seats."""
    assert sorted(asyncio.run(_order(lanes, seats))) == sorted(lanes)


async def test_lanes_take_turns() -> None:
    """Ten of one lane before it do not keep another waiting."""
    assert (await _order(["a"] * 10 + ["b"], 1))[:2] == ["a", "b"]


async def test_a_lane_leaves_one_seat_for_the_rest() -> None:
    """Two seats: the second of a lane waits, although a seat is free."""
    fair: FairSeats[int] = FairSeats(2)
    fair.add(1)
    fair.add(2)
    await fair.take("a")
    waiting = asyncio.create_task(fair.take("a"))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert await fair.take("b") in {1, 2}
    waiting.cancel()


async def test_whoever_gives_up_loses_no_seat() -> None:
    """Cancelled in the very moment in which the seat was handed over."""
    fair: FairSeats[int] = FairSeats(1)
    task = asyncio.create_task(fair.take("a"))
    await asyncio.sleep(0)
    fair.add(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.wait_for(fair.take("b"), 1) == 1


async def test_those_who_wait_in_vain_are_told() -> None:
    """No seat will come: all of them hear why."""
    fair: FairSeats[int] = FairSeats(1)
    tasks = [asyncio.create_task(fair.take(lane)) for lane in "ab"]
    await asyncio.sleep(0)
    fair.fail(ValueError("closed"))
    assert [str(error) for error in await asyncio.gather(*tasks, return_exceptions=True)] == ["closed", "closed"]
