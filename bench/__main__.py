"""`python -m bench`: set each stage that a wanted scenario needs, run, report.

ONLY=S3,S8, QUICK=1 and FULL=1 in the environment narrow or widen it. Exit status 1 when a row does not hold, or a scenario
could not be measured.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import machine, report
from bench.result import Row
from bench.scenarios import cold, s1, s2, s3, s6, s8, s10, worker
from bench.sizes import Sizes, chosen
from bench.stage import Stage

_OUT = Path(__file__).parent / "out"
_Part = tuple[str, Callable[[], list[Row]]]


def _processes() -> Iterator[_Part]:
    yield "CLI", cold.cold_process
    yield "RENDER", worker.renders


def _single(stage: Stage, sizes: Sizes) -> Iterator[_Part]:
    """One application."""
    stage.prepare(1, 4)
    yield "S1", lambda: s1.commit_to_live(stage, sizes)


def _tens(stage: Stage, sizes: Sizes) -> Iterator[_Part]:
    """A hundred applications of ten objects."""
    stage.prepare(sizes.ten, 10)
    yield "S2", lambda: s2.mass_install(stage, bound=2.0)


def _many(stage: Stage, sizes: Sizes) -> Iterator[_Part]:
    """A thousand applications of four objects."""
    stage.prepare(sizes.many, 4)
    yield "S2", lambda: s2.mass_install(stage, bound=2.5)
    yield "S1", lambda: s1.commit_to_live(stage, sizes)


def _full(stage: Stage, sizes: Sizes) -> Iterator[_Part]:
    """A thousand applications of ten objects."""
    stage.prepare(sizes.many, 10)
    stage.ensure_installed()
    yield "S6", lambda: s6.drift(stage, sizes)
    yield "S10", lambda: s10.restart(stage)
    yield "S3", lambda: s3.steady_state(stage, sizes)


def _wide(stage: Stage, sizes: Sizes) -> Iterator[_Part]:
    """Ten thousand applications in one repository."""
    stage.prepare(sizes.wide, 1)
    stage.install(beside=s8.BESIDE, seconds=1800)
    stage.rest(seconds=600)
    yield "S8", lambda: s8.fan_out(stage)


_STAGES: tuple[tuple[Callable[[Stage, Sizes], Iterator[_Part]], frozenset[str]], ...] = (
    (_single, frozenset({"S1"})),
    (_tens, frozenset({"S2"})),
    (_many, frozenset({"S1", "S2"})),
    (_full, frozenset({"S3", "S6", "S10"})),
    (_wide, frozenset({"S8"})),
)


def _main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that whatever ends the run, its processes end with it
    sizes, wanted = chosen(os.environ), _wanted(os.environ.get("ONLY", ""))
    about, rows = machine.describe(), list(_run(_processes(), wanted))
    with tempfile.TemporaryDirectory(prefix="trimtab-bench-") as directory:
        for number, (parts, scenarios) in enumerate(_STAGES):
            if scenarios & wanted:
                rows += _on_stage(parts, sizes, wanted, Path(directory) / str(number))
    about["load_after"] = round(os.getloadavg()[0], 2)
    report.write(_OUT, about, rows)
    report.show(rows)
    return 0 if all(row.holds for row in rows) else 1


def _wanted(only: str) -> frozenset[str]:
    """The scenarios that are asked for: all, unless ONLY names some."""
    every = frozenset({"CLI", "RENDER"}).union(*(scenarios for _, scenarios in _STAGES))
    named = frozenset(name.strip().upper() for name in only.split(",") if name.strip())
    if named - every:
        sys.exit(f"ONLY names {', '.join(sorted(named - every))}; there are {', '.join(sorted(every))}.")
    return named or every


def _on_stage(parts: Callable[[Stage, Sizes], Iterator[_Part]], sizes: Sizes, wanted: frozenset[str], directory: Path) -> list[Row]:
    """The rows of one stage. What breaks it costs its remaining rows alone, and is a row that does not hold."""
    rows: list[Row] = []
    try:
        with Stage(directory, repositories=sizes.repositories if parts is _full else 1) as stage:
            rows.extend(_run(parts(stage, sizes), wanted))
    except Exception as error:  # ruff: ignore[blind-except]  whatever it was, the other stages are still worth measuring
        rows.append(
            Row(parts.__name__.strip("_"), "could not be measured to its end", -1, holds=False, note=f"{type(error).__name__}: {error}")
        )
    return rows


def _run(parts: Iterator[_Part], wanted: frozenset[str]) -> Iterator[Row]:
    """The rows of the wanted parts, each told as it comes."""
    for name, part in parts:
        if name in wanted:
            began = time.monotonic()
            for row in part():
                print(report.line(row), flush=True)
                yield row
            print(f"       {name} took {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(_main())
