"""S10: kill -9, and a start with the same identity, everything in sync before.

"In sync known" is measured twice, in two restarts. First with nothing changed: every application was reconciled with the outcome Done
after the start, /readyz says yes, and the audit log shows no write but the lease. Then with objects edited while nobody looked: until
the last of them is put back, by the watcher.
"""

from __future__ import annotations

import random
import time

from bench.objects import CONFIG_MAPS
from bench.result import Row, at_most, exactly, inform
from bench.stage import NAMESPACE, Stage

_EDITS = 20
_DONE = 'trimtab_reconciles_total{kind="Application",outcome="Done"}'


def restart(stage: Stage) -> list[Row]:
    """Both restarts."""
    name = f"kill -9 and restart, {stage.applications} applications"
    stage.rest()
    stage.kill_controller()
    stage.audit.skip()
    known = _until_known(stage)
    stage.rest()
    asked, counted = stage.audit.requests(), stage.counters()
    stage.kill_controller()
    healed = _until_healed(stage)
    return [
        at_most("S10", f"{name}, in sync known, s", known, 5),
        at_most("S10", f"{name}, {_EDITS} edits made meanwhile all put back, s", healed, 5),
        exactly("S10", f"{name}, writes", asked.writes, 0, note=str(asked)),
        exactly("S10", f"{name}, renders", counted["trimtab_renders_total"], 0),
        inform("S10", f"{name}, CPU s until at rest", stage.cpu()),
    ]


def _until_known(stage: Stage) -> float:
    began = time.monotonic()
    stage.start_controller()
    while not (stage.counters()[_DONE] >= stage.applications and stage.ready()):
        if time.monotonic() - began > 120:
            raise TimeoutError("The controller does not know within two minutes that everything is in sync.")
        time.sleep(0.05)
    return time.monotonic() - began


def _until_healed(stage: Stage) -> float:
    """Edit objects while no controller runs, start one, and wait for the last edit's undoing."""
    names = [f"app-{number}-0" for number in random.sample(range(stage.applications), _EDITS)]
    for name in names:
        stage.api.edit(CONFIG_MAPS.path(NAMESPACE, name), {"data": {"mark": "meanwhile"}}, "another-client")
    time.sleep(0.5)  # the watcher has seen the edits
    since, began = stage.watcher.mark(), time.time()
    stage.start_controller()
    last = stage.watcher.wait_for_all({f"ConfigMap/{name}" for name in names}, since=since, seconds=120)
    stage.rest()
    return last.time - began
