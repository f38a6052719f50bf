"""Long computations leave the event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from trimtab.core.slices import FEW, off_loop

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(("count", "here"), [(0, True), (FEW, True), (FEW + 1, False)])
async def test_work_on_more_than_a_few_objects_goes_to_a_thread(count: int, here: bool) -> None:
    """A thread costs more than a small plan; a large plan would cost the lease."""
    assert (await off_loop(count, threading.current_thread) is threading.current_thread()) == here


async def test_the_loop_runs_on_while_a_thread_works() -> None:
    """The work waits for something that only the loop does: on the loop itself it would wait in vain."""
    turned = threading.Event()
    asyncio.get_running_loop().call_soon(turned.set)
    assert await off_loop(FEW + 1, turned.wait, 5.0)


@pytest.mark.parametrize("count", [1, FEW + 1])
async def test_an_error_of_the_work_comes_out_as_itself(count: int) -> None:
    """Wherever it was done; arguments travel as they are."""
    with pytest.raises(ValueError, match="invalid literal"):
        await off_loop(count, int, "x", base=10)
