from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence

import pytest
from tests.render import processes
from tests.render.trees import ENDLESS, Files, Objects, ask, chart, config_map, holding, render

from trimtab.core.clock import SystemClock
from trimtab.render.errors import RenderFailedError, RenderStoppedError
from trimtab.render.find import find_worker
from trimtab.render.pool import Pool
from trimtab.render.process import ProcessLimits
from trimtab.render.request import Limits

BOMB = chart({"a.yaml": '{{ $x := "x" }}{{ range until 40 }}{{ $x = printf "%s%s" $x $x }}{{ end }}' + holding("$x")})
HEALTHY: Files = {f"app/{n}.yaml": config_map(f"settings-{n}") for n in range(4)}


async def _times(pool: Pool, renders: int) -> list[float]:
    """Seconds of so many healthy renders, one after the other."""
    seconds = []
    for _ in range(renders):
        began = time.perf_counter()
        await render(pool, HEALTHY, who="team/healthy")
        seconds.append(time.perf_counter() - began)
    return sorted(seconds)


async def test_r17_a_runaway_template_is_stopped_and_the_next_render_is_well(strict_pool: Pool) -> None:
    """Killing is the only cure for a template that does not end; it is over within the limit and a second."""
    began = time.monotonic()
    with pytest.raises(RenderStoppedError, match=r"Render of team/demo \(chart app\) stopped after 1.0 s, its limit"):
        await render(strict_pool, ENDLESS, kind="Helm")
    assert time.monotonic() - began < 2.0
    assert len((await render(strict_pool, HEALTHY)).objects) == 4


async def test_r17_a_memory_bomb_ends_at_its_cap(pool: Pool) -> None:
    """The worker dies of it, not the machine; the sentence names the limit."""
    with pytest.raises(RenderStoppedError, match=r"ran out of memory \(limit 512 MiB\)") as caught:
        await render(pool, BOMB)
    assert caught.value.cause == "memory"


async def test_r17_too_much_output_is_refused(pool: Pool) -> None:
    """A megabyte of object over a limit of half of it is an error of this application."""
    big = {"app/a.yaml": config_map(value="x" * (1 << 20))}
    with pytest.raises((RenderFailedError, RenderStoppedError), match=r"limit|more than"):
        await render(pool, big, limits=Limits(output_bytes=1 << 19))


async def test_a_stopped_render_wakes_with_any_commit(strict_pool: Pool) -> None:
    """Nobody knows what it would have read, so all of the tree stands for it."""
    with pytest.raises(RenderStoppedError) as caught:
        await render(strict_pool, ENDLESS)
    ((kind, path, _),) = caught.value.reads
    assert (kind, path) == ("t", "")


async def test_r18_a_healthy_application_beside_a_bomb_is_as_fast_as_before(strict_pool: Pool) -> None:
    """Bombs of two applications, again and again: one worker stays for the others."""
    for who in ("team/bomb-1", "team/bomb-2"):
        with pytest.raises(RenderStoppedError):
            await render(strict_pool, ENDLESS, who=who)
    await _times(strict_pool, 20)
    alone = await _times(strict_pool, 200)
    bombs = [asyncio.create_task(render(strict_pool, ENDLESS, who=f"team/bomb-{n}")) for n in (1, 2)]
    beside = await _times(strict_pool, 200)
    assert strict_pool.statistics().busy == 1, "the bombs are still at it, one after the other"
    assert beside[100] < 3 * alone[100] + 0.002  # the second core is taken; waiting for a bomb would cost 500 times this
    assert beside[-1] < 0.2
    assert all(isinstance(end, RenderStoppedError) for end in await asyncio.gather(*bombs, return_exceptions=True))


async def test_r18_nobody_waits_long_for_slow_renders_that_nobody_foresaw(pool: Pool) -> None:
    """Bombs that no one knows yet take both workers; a worker more is there after a second, not after their ten."""
    await pool.ready()
    bombs = [asyncio.create_task(render(pool, ENDLESS, who=f"team/new-{n}")) for n in range(2)]
    assert await processes.until(lambda: pool.statistics().busy == 2)
    began = time.monotonic()
    await render(pool, HEALTHY, who="team/healthy")
    assert time.monotonic() - began < 3
    for bomb in bombs:
        bomb.cancel()
    await asyncio.gather(*bombs, return_exceptions=True)
    await _times(pool, 20)
    assert pool.statistics().alive <= 2, "and afterwards it is gone"


async def test_r18_an_application_with_many_renders_lets_others_in(pool: Pool) -> None:
    """Five hundred renders of one application stand in its own lane; another's does not wait behind them."""
    crowd = [asyncio.create_task(render(pool, HEALTHY, who="team/crowd")) for _ in range(500)]
    await asyncio.sleep(0)
    await render(pool, HEALTHY, who="team/small")
    assert sum(task.done() for task in crowd) < 100
    await asyncio.gather(*crowd)


@pytest.mark.slow
async def test_r17_a_hundred_killed_workers_leave_no_zombie() -> None:
    """Each is replaced, each is reaped, and no descriptor stays open."""
    async with Pool(find_worker(), clock=SystemClock(), size=1, limits=ProcessLimits()) as pool:
        await render(pool, HEALTHY)
        open_before = processes.descriptors()
        for _ in range(100):
            (worker,) = pool.workers()
            os.kill(worker.pid, signal.SIGKILL)
            assert len((await render(pool, HEALTHY)).objects) == 4
        assert pool.statistics().started == 101
        assert processes.zombies() == []
        assert processes.descriptors() <= open_before
    assert processes.zombies() == []


async def test_the_deadline_is_the_workers_not_the_disks(strict_pool: Pool) -> None:
    """While we read objects for it its clock stands still: a slow mirror is no fault of the application's."""

    class Slow(Objects):
        async def read_many(self, oids: Sequence[str]) -> list[tuple[str, bytes] | None]:
            await asyncio.sleep(0.7)
            return await super().read_many(oids)

    objects = Slow()
    request = ask(objects.tree(HEALTHY))
    assert len((await strict_pool.render(request, objects, who="team/demo")).objects) == 4
    assert strict_pool.statistics().stopped == 0


async def test_a_cancelled_render_frees_its_worker(pool: Pool) -> None:
    """Whoever is superseded in the middle does not hold a seat until the deadline."""
    task = asyncio.create_task(render(pool, ENDLESS))
    assert await processes.until(lambda: pool.statistics().busy == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pool.statistics().busy == 0
    assert len((await render(pool, HEALTHY)).objects) == 4
