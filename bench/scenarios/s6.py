"""S6: somebody changes the cluster by hand. Timed from the start of their request to the watcher's event of the change's undoing."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from bench.floor import write_to_event
from bench.objects import CONFIG_MAPS
from bench.result import Row, at_most, percentile
from bench.sizes import Sizes
from bench.stage import FLOOR, NAMESPACE, Stage
from bench.watcher import Event

_PAUSE = 0.1


def drift(stage: Stage, sizes: Sizes) -> list[Row]:
    """An owned field edited by another client; a field added by kubectl."""
    edited = [_once(stage, {"mark": f"edit-{n}"}, "another-client") for n in range(sizes.edits)]
    added = [_once(stage, {"extra": f"added-{n}"}, "kubectl-edit") for n in range(sizes.edits)]
    floor = 2 * write_to_event(stage.api, stage.watcher, FLOOR, times=20)
    note = f"{sizes.edits} edits, {stage.applications} applications; floor: two bare writes to their events"
    return [
        at_most("S6", "edit to put back, p50 ms", percentile(edited, 50), 50, floor=floor, note=note),
        at_most("S6", "edit to put back, p99 ms", percentile(edited, 99), 120, floor=floor),
        at_most("S6", "field added by kubectl to taken out, p99 ms", percentile(added, 99), 250, floor=floor),
    ]


def _once(stage: Stage, data: dict[str, str], manager: str) -> float:
    """Change one ConfigMap; milliseconds until it is as it was."""
    name = f"app-{random.randrange(stage.applications)}-0"
    path = CONFIG_MAPS.path(NAMESPACE, name)
    before = stage.api.get(path)["data"]
    since, began = stage.watcher.mark(), time.time()
    stage.api.edit(path, {"data": data}, manager)
    event = stage.watcher.wait(_undone(f"ConfigMap/{name}", before["mark"]), since=since)
    time.sleep(_PAUSE)
    return (event.time - began) * 1000


def _undone(name: str, mark: str) -> Callable[[Event], bool]:
    return lambda event: event.name == name and event.mark == mark
