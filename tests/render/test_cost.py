from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest
from tests.render import processes
from tests.render.trees import Objects, ask, config_map, from_disk, render

from trimtab.render.pool import Pool

HERE = Path(__file__).parent
APPLICATIONS = 1000


async def test_a_small_render_costs_little_processor(pool: Pool) -> None:
    """Four objects, files cached in the worker: at most 0.6 ms of ours and 1 ms of the worker's a render (processor, not wall time)."""
    objects = Objects()
    request = ask(objects.tree({f"app/{n}.yaml": config_map(f"s{n}") for n in range(4)}))
    for _ in range(50):
        await pool.render(request, objects, who="team/demo")
    ours, theirs = time.process_time(), _workers(pool)
    for _ in range(500):
        await pool.render(request, objects, who="team/demo")
    assert (time.process_time() - ours) / 500 <= 0.0006
    assert (_workers(pool) - theirs) / 500 <= 0.001


async def test_a_thousand_applications_fit_into_the_memory_of_both_workers(pool: Pool) -> None:
    """Of the 300 MB that all our processes may hold, both workers take less than half, with every file of 1,000 applications cached."""
    objects = Objects()
    tree = objects.tree({f"a{n}/{m}.yaml": config_map(f"s{n}-{m}") for n in range(APPLICATIONS) for m in range(4)})
    for number in range(APPLICATIONS):
        await pool.render(ask(tree, f"a{number}"), objects, who=f"team/a{number}")
    assert sum(processes.resident(worker.pid) for worker in pool.workers()) < 150e6


@pytest.mark.slow
async def test_memory_of_a_large_render_is_given_back(pool: Pool) -> None:
    """Ten thousand objects once, then small ones: the worker does not stay large."""
    await render(pool, {f"app/{n:03}.yaml": "---\n".join(config_map(f"s-{n}-{m}") for m in range(100)) for n in range(100)})
    await render(pool, {"app/a.yaml": config_map()})

    def small() -> bool:
        return max(processes.resident(worker.pid) for worker in pool.workers()) < 120e6

    assert await processes.until(small, seconds=60), [processes.resident(worker.pid) for worker in pool.workers()]


def _workers(pool: Pool) -> float:
    return sum(processes.processor_seconds(worker.pid) for worker in pool.workers())


async def test_charts_and_overlays_render_in_a_few_milliseconds(pool: Pool) -> None:
    """At the worker, warm, in its sandbox: median of the test charts at most 3 ms, a Kustomize overlay of ten objects at most 5 ms."""
    charts = sorted(path.parent for path in (HERE / "charts").glob("*/Chart.yaml"))
    times = [await _best(pool, chart) for chart in charts if chart.name not in {"dependencies", "required"}]
    assert statistics.median(times) <= 3
    assert await _best(pool, HERE / "overlays", "ten") <= 5


async def _best(pool: Pool, root: Path, path: str = "") -> float:
    """Milliseconds at the worker, the best of forty: what the machine's other work adds is not the renderer's."""
    objects = Objects()
    request = ask(objects.tree(dict(from_disk(root))), path)
    return min([(await pool.render(request, objects, who="team/demo")).milliseconds for _ in range(40)])
