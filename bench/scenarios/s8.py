"""S8: one commit in a repository of very many applications, touching one of them, or none."""

from __future__ import annotations

import random

from bench.floor import fetch_bare, write_to_event
from bench.result import Row, at_most, exactly, inform, percentile
from bench.stage import FLOOR, Stage

_TIMES = 20
BESIDE = ("README.md", "NOTES.md", "OWNERS")
"""Files of each application that no renderer reads."""


def fan_out(stage: Stage) -> list[Row]:
    """Commits that touch one application; then commits to the README."""
    name = f"of {stage.applications} applications"
    renders = _renders(stage)
    one = [_touch_one(stage, n) for n in range(_TIMES)]
    stage.rest()
    each = (_renders(stage) - renders) / _TIMES
    renders = _renders(stage)
    none = [_touch_none(stage, n) for n in range(_TIMES)]
    stage.rest()
    rendered = _renders(stage) - renders
    fetch, write = fetch_bare(stage.git.urls["fleet"], stage.fleet, times=5), write_to_event(stage.api, stage.watcher, FLOOR, times=20)
    return [
        exactly("S8", f"commit that touches 1 {name}, renders a commit", each, 1),
        at_most("S8", f"commit that touches 1 {name}, to live, median ms", percentile(one, 50), 300, floor=fetch + write),
        inform("S8", f"commit that touches 1 {name}, to live, slowest ms", max(one), note=f"{_TIMES} commits"),
        exactly("S8", f"commit that touches none {name}, renders", rendered, 0),
        at_most("S8", f"commit that touches none {name}, until looked at, median ms", percentile(none, 50), 200, floor=fetch + write),
        inform("S8", f"commit that touches none {name}, until looked at, slowest ms", max(none)),
    ]


def _touch_one(stage: Stage, number: int) -> float:
    victim, mark = random.randrange(stage.applications), f"s8-{number}"
    stage.write(victim, mark)
    since, push = stage.watcher.mark(), stage.fleet.push(mark)
    event = stage.watcher.wait(lambda e: e.name == f"ConfigMap/app-{victim}-0" and e.mark == mark, since=since)
    return (event.time - push.started) * 1000


def _touch_none(stage: Stage, number: int) -> float:
    """Milliseconds until the Repository says that the commit is in force, which it says once the commit was looked at."""
    (stage.fleet.directory / "README.md").write_text(f"Edition {number}\n", "utf-8")
    since, push = stage.watcher.mark(), stage.fleet.push(f"README {number}")
    event = stage.watcher.wait(lambda e: e.name == "Repository/fleet" and e.mark == push.commit, since=since)
    return (event.time - push.started) * 1000


def _renders(stage: Stage) -> int:
    return stage.counters()["trimtab_renders_total"]
