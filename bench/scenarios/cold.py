"""The command line from a cold process: started, done, ended."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path

from bench.result import Row, at_most, percentile
from bench.stage import PROGRAM
from trimtab.cli.demo.podinfo import podinfo
from trimtab.core.errors import TrimtabError

_TIMES = 15


def cold_process() -> list[Row]:
    """`trimtab --help`, and `trimtab render` of podinfo's chart."""
    rows = [at_most("CLI", "trimtab --help, median ms", _median("--help"), 250, floor=_python())]
    try:
        chart = asyncio.run(podinfo()) / "charts" / "podinfo"
        rows.append(at_most("CLI", "trimtab render of podinfo, median ms", _median("render", str(chart), "--name", "demo"), 600))
    except (subprocess.CalledProcessError, TrimtabError) as error:
        rows.append(
            Row("CLI", "trimtab render of podinfo, median ms", -1, 600, None, holds=False, note=f"not measured: {_last_line(error)}")
        )
    return rows


def _median(*arguments: str) -> float:
    return _timed([str(PROGRAM), *arguments])


def _python() -> float:
    """A Python process that does nothing: the floor."""
    return _timed([str(PROGRAM.with_name("python")), "-c", "pass"])


def _timed(command: list[str]) -> float:
    took: list[float] = []
    for _ in range(_TIMES):
        began = time.monotonic()
        subprocess.run(command, check=True, capture_output=True, cwd=Path("/"))
        took.append((time.monotonic() - began) * 1000)
    return percentile(took, 50)


def _last_line(error: Exception) -> str:
    said = error.stderr.decode(errors="replace") if isinstance(error, subprocess.CalledProcessError) else str(error)
    return said.strip().splitlines()[-1] if said.strip() else str(error)
