from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from trimtab.core.clock import SystemClock
from trimtab.render.find import find_worker
from trimtab.render.pool import Pool
from trimtab.render.process import ProcessLimits


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    """Two real workers with the limits of production."""
    async with Pool(find_worker(), clock=SystemClock()) as started:
        yield started


@pytest.fixture
async def strict_pool() -> AsyncIterator[Pool]:
    """Two real workers that are stopped after a second."""
    async with Pool(find_worker(), clock=SystemClock(), limits=ProcessLimits(seconds=1.0, memory=256 << 20)) as started:
        yield started
