"""Renders at the worker, warm, in its sandbox: the test charts, and a Kustomize overlay of ten objects.

The time is what the caller of the pool sees, so it has our own share of the conversation in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from bench.objects import application
from bench.result import Row, at_most, inform, percentile
from trimtab.core.clock import SystemClock
from trimtab.git.local import LocalTree
from trimtab.render.errors import RenderFailedError
from trimtab.render.find import find_worker
from trimtab.render.pool import Pool
from trimtab.render.request import Capabilities, Release, RenderRequest

_CHARTS = Path(__file__).parents[2] / "tests" / "render" / "charts"
_CAPABILITIES = Capabilities.of("1.35.0", ["v1", "apps/v1", "apps/v1/Deployment", "batch/v1", "networking.k8s.io/v1"])
_WARM, _TIMES = 5, 30


def renders() -> list[Row]:
    """Medians over repeated renders, and over the charts the median of those."""
    return asyncio.run(_renders())


async def _renders() -> list[Row]:
    with tempfile.TemporaryDirectory() as directory:
        _overlay(Path(directory))
        overlays = await _medians(Path(directory), ["overlay"])
    rendered = await _medians(_CHARTS, sorted(chart.parent.name for chart in _CHARTS.glob("*/Chart.yaml")))
    slowest = max(rendered, key=lambda name: rendered[name])
    median = percentile(list(rendered.values()), 50)
    return [
        at_most("RENDER", "Helm, warm, median of the test charts, ms", median, 3, note=f"{len(rendered)} charts"),
        inform("RENDER", "Helm, warm, slowest test chart, ms", rendered[slowest], note=slowest),
        at_most("RENDER", "Kustomize, warm, overlay of 10, ms", overlays["overlay"], 5),
    ]


async def _medians(root: Path, folders: Sequence[str]) -> dict[str, float]:
    """Milliseconds of one render by folder; charts that are there to be refused are left out."""
    source, found = LocalTree(root), dict[str, float]()
    async with Pool(find_worker(), clock=SystemClock()) as pool:
        for folder in folders:
            with contextlib.suppress(RenderFailedError):
                found[folder] = await _median(pool, source, f"{source.path}/{folder}".lstrip("/"))
    return found


async def _median(pool: Pool, source: LocalTree, path: str) -> float:
    request = RenderRequest(source.tree, path, Release("demo", "space"), _CAPABILITIES, seed=bytes(32), now="2026-01-02T03:04:05Z")
    took: list[float] = []
    for _ in range(_WARM + _TIMES):
        began = time.perf_counter()
        await pool.render(request, source, who="bench/demo")
        took.append((time.perf_counter() - began) * 1000)
    return percentile(took[_WARM:], 50)


def _overlay(directory: Path) -> None:
    """A base of ten objects, and an overlay that prefixes, labels and sets an image."""
    base, overlay = directory / "base", directory / "overlay"
    base.mkdir()
    overlay.mkdir()
    made = application(0, 10, "1.0")
    for name, (_, manifest) in made.items():
        (base / f"{name}.yaml").write_text(yaml.safe_dump(manifest), "utf-8")
    (base / "kustomization.yaml").write_text(yaml.safe_dump({"resources": [f"{name}.yaml" for name in made]}), "utf-8")
    over = {
        "resources": ["../base"],
        "namePrefix": "prod-",
        "labels": [{"pairs": {"stage": "prod"}}],
        "images": [{"name": "registry.test/app", "newTag": "2.0"}],
    }
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(over), "utf-8")
    (directory / ".git").mkdir()  # the folder that encloses both is what is served
