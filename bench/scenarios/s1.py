"""S1: from a commit to the cluster. One application's image changes; timed from the post-receive hook's start to the watcher's event."""

from __future__ import annotations

import random
import time

from bench.floor import fetch_bare, write_to_event
from bench.result import Row, at_most, inform, percentile
from bench.sizes import Sizes
from bench.stage import FLOOR, Stage

_PAUSE = 0.25
"""Seconds between a commit's end and the next: it is a latency that is measured, no throughput."""


def commit_to_live(stage: Stage, sizes: Sizes) -> list[Row]:
    """The rows for the applications that the stage has."""
    stage.ensure_installed()
    took = [_once(stage, number) for number in range(sizes.pushes)]
    fetch = fetch_bare(stage.git.urls["fleet"], stage.fleet, times=10)
    write = write_to_event(stage.api, stage.watcher, FLOOR, times=20)
    name, floor = f"commit to live, {_applications(stage)}", fetch + write
    median, worst = percentile(took, 50), percentile(took, 99)
    note = f"{len(took)} commits; floor: bare git fetch {fetch:.0f} + bare apply to event {write:.0f}"
    if stage.applications == 1:
        return [
            at_most("S1", f"{name}, p50 ms", median, 100, floor=floor, note=note),
            at_most("S1", f"{name}, p99 ms", worst, 250, floor=floor),
        ]
    return [inform("S1", f"{name}, p50 ms", median, floor=floor, note=note), at_most("S1", f"{name}, p99 ms", worst, 400, floor=floor)]


def _once(stage: Stage, number: int) -> float:
    """Push one change; milliseconds until it is live."""
    victim, mark = random.randrange(stage.applications), f"s1-{number}"
    stage.write(victim, mark)
    since, push = stage.watcher.mark(), stage.fleet.push(mark)
    deployment = f"Deployment/app-{victim}-2"
    event = stage.watcher.wait(lambda e: e.name == deployment and e.mark == mark, since=since)
    time.sleep(_PAUSE)
    return (event.time - push.started) * 1000


def _applications(stage: Stage) -> str:
    return "1 application" if stage.applications == 1 else f"{stage.applications} applications"
