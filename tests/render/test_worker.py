from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.render import processes, scripted
from tests.render.trees import Objects, ask

from trimtab.core.clock import SystemClock
from trimtab.core.errors import UnavailableError
from trimtab.render.errors import RenderFailedError, RenderStoppedError, WorkerLostError
from trimtab.render.pool import Pool
from trimtab.render.process import ProcessLimits
from trimtab.render.request import Limits
from trimtab.render.worker import Worker

LIMITS = ProcessLimits(memory=256 << 20, seconds=1.0, served=4 << 20)


@pytest.fixture
async def scripted_pool(tmp_path: Path) -> AsyncIterator[Pool]:
    """One worker that does what it is told, with a deadline of a second."""
    async with Pool(scripted.make(tmp_path), clock=SystemClock(), size=1, limits=LIMITS) as pool:
        yield pool


async def _stopped(pool: Pool, path: str) -> RenderStoppedError:
    with pytest.raises(RenderStoppedError) as caught:
        await pool.render(ask("0" * 40, path), Objects(), who="team/demo")
    return caught.value


async def _still_works(pool: Pool) -> bool:
    with pytest.raises(RenderFailedError, match="nothing to do"):
        await pool.render(ask("0" * 40, "idle"), Objects(), who="team/other")
    return True


async def test_r17_a_hanging_worker_is_stopped_at_its_deadline(scripted_pool: Pool) -> None:
    """The sentence says what was stopped, after how long, and what to try."""
    began = time.monotonic()
    error = await _stopped(scripted_pool, "hang")
    assert str(error) == ("Render of team/demo (hang) stopped after 1.0 s, its limit. Try it here:  trimtab render hang --timeout 60s")
    assert time.monotonic() - began < LIMITS.seconds + 1
    assert await _still_works(scripted_pool)


@pytest.mark.parametrize("path", ["flood", "chatter"])
async def test_r17_endless_output_ends_the_worker_and_fills_no_memory(scripted_pool: Pool, path: str) -> None:
    """Nonsense, or frames that nobody asked for: neither is read for ever."""
    with pytest.raises(RenderStoppedError):
        await scripted_pool.render(ask("0" * 40, path, limits=Limits(output_bytes=1 << 20)), Objects(), who="team/demo")
    assert await _still_works(scripted_pool)


async def test_r17_memory_is_capped_from_outside(tmp_path: Path) -> None:
    """RLIMIT_DATA holds whatever the worker does, and the sentence says so."""
    async with Pool(scripted.make(tmp_path), clock=SystemClock(), size=1, limits=ProcessLimits(memory=256 << 20)) as pool:
        error = await _stopped(pool, "grab")
    assert error.cause == "memory"
    assert "ran out of memory (limit 256 MiB)" in str(error)


@pytest.mark.parametrize("path", ["segfault", "exit", "nonsense"])
async def test_r17_a_worker_that_dies_twice_of_a_request_fails_that_request(scripted_pool: Pool, path: str) -> None:
    """The second worker shows that it was the request's fault; the third serves the next application."""
    error = await _stopped(scripted_pool, path)
    assert "took the renderer down twice" in str(error)
    assert await _still_works(scripted_pool)


async def test_r17_a_worker_killed_from_outside_costs_nobody_a_render(scripted_pool: Pool, tmp_path: Path) -> None:
    """A kill in the middle is no fault of the application's: the request goes to the next worker."""
    with pytest.raises(RenderFailedError, match="well again"):
        await scripted_pool.render(ask("0" * 40, f"once:{tmp_path}/mark"), Objects(), who="team/demo")


async def test_r17_grandchildren_die_with_the_worker(scripted_pool: Pool) -> None:
    """The whole group is killed, not the process alone."""
    await scripted_pool.ready()
    (worker,) = scripted_pool.workers()
    task = asyncio.create_task(_stopped(scripted_pool, "children"))
    assert await processes.until(lambda: len(processes.group(worker.pid)) == 4)
    await task
    assert processes.group(worker.pid) == []


async def test_an_answer_to_nothing_reaches_nobody(scripted_pool: Pool) -> None:
    """A worker that talks out of turn is replaced; the next application gets its own answer, not the one left over."""
    with pytest.raises(RenderFailedError, match="an answer to nothing"):
        await scripted_pool.render(ask("0" * 40, "stale"), Objects(), who="team/demo")
    assert await _still_works(scripted_pool)


async def test_a_program_that_stood_still_does_not_blame_the_worker(scripted_pool: Pool) -> None:
    """Stopped or starved for longer than the deadline while the answer was there: asked once more."""
    await scripted_pool.ready()
    loop = asyncio.get_running_loop()
    loop.call_soon(loop.call_soon, time.sleep, LIMITS.seconds + 1)
    assert await _still_works(scripted_pool)


async def test_what_a_dead_worker_said_is_kept_within_bounds(scripted_pool: Pool) -> None:
    """The first line is in the sentence; of six hundred kilobytes of noise eight are kept."""
    error = await _stopped(scripted_pool, "exit")
    assert "panic: scripted" in error.sentence
    assert len(error.detail) <= 8192


async def test_a_worker_inherits_nothing(scripted_pool: Pool) -> None:
    """Its environment is ours alone, it holds no descriptor but its own three, and leads its own session."""
    with pytest.raises(RenderFailedError) as caught:
        await scripted_pool.render(ask("0" * 40, "environment"), Objects(), who="team/demo")
    seen = json.loads(caught.value.sentence)
    assert seen.pop("fds") == ["0", "1", "2", "3"], "the fourth is the listing's own"
    assert seen.pop("session") is True
    assert seen["PATH"] == seen["HOME"] == seen["TMPDIR"] == "/nonexistent"
    assert set(seen) <= {"PATH", "HOME", "TMPDIR", "TZ", "LANG", "GOMEMLIMIT", "GOMAXPROCS", "GOTRACEBACK", "LC_CTYPE"}


async def test_a_worker_that_reads_without_end_is_stopped(scripted_pool: Pool) -> None:
    """What one render may be served is bounded too."""
    objects = Objects()
    oid = objects.put("blob", bytes(1 << 20))
    with pytest.raises(RenderStoppedError, match="read more than 4 MiB"):
        await scripted_pool.render(ask("0" * 40, f"greedy:{oid}"), objects, who="team/demo")


async def test_another_protocol_is_refused_at_the_hello(tmp_path: Path) -> None:
    """An old binary beside a new program says so, with the line to type."""
    with pytest.raises(WorkerLostError, match="speaks protocol 2, we 1; build the worker anew: make build"):
        await Worker.start(scripted.make(tmp_path, protocol=2), LIMITS)


async def test_a_missing_binary_is_told_to_whoever_waits(tmp_path: Path) -> None:
    """Nothing is concluded about the application: it is an outage, not an input error."""
    async with Pool(tmp_path / "absent", clock=SystemClock(), size=1) as pool:
        with pytest.raises(UnavailableError, match="cannot be started: No such file"):
            await pool.render(ask("0" * 40), Objects(), who="team/demo")
