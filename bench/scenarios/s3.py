"""S3: nothing happens, and nothing is done. Requests are counted by the API server's audit log, by user agent.

Requests for objects must be none. Watches that are opened again, the lease (one write in some seconds) and our own discovery are told
beside them.
"""

from __future__ import annotations

import time

from bench import meters
from bench.result import Row, at_most, exactly, inform
from bench.sizes import Sizes
from bench.stage import Stage


def steady_state(stage: Stage, sizes: Sizes) -> list[Row]:
    """One Repository; then many, each polled every minute."""
    name = f"steady state {sizes.window:.0f} s, {stage.applications} applications, {stage.applications * stage.objects} objects"
    rows = _window(stage, sizes.window, f"{name}, 1 Repository", bound=0.5)
    rows += _memory(stage)
    for number in range(sizes.repositories - 1):
        stage.add_repository(f"small-{number}", interval="1m")
    time.sleep(5)
    stage.rest()
    return rows + _window(stage, sizes.window, f"{name}, {sizes.repositories} Repositories polled each minute", bound=10.0)


def _window(stage: Stage, seconds: float, name: str, *, bound: float) -> list[Row]:
    stage.audit.skip()
    before, cluster = stage.cpu(), meters.cpu(stage.cluster_pid)
    time.sleep(seconds)
    used, by_cluster = stage.cpu() - before, meters.cpu(stage.cluster_pid) - cluster
    asked = stage.audit.requests()
    return [
        exactly("S3", f"{name}, object requests", asked.total, 0, note=str(asked)),
        at_most("S3", f"{name}, % of a core", used / seconds * 100, bound),
        inform("S3", f"{name}, % of a core used by the whole control plane", by_cluster / seconds * 100),
    ]


def _memory(stage: Stage) -> list[Row]:
    used = meters.memory(stage.controller.pid)
    name = f"memory, {stage.applications} applications, {stage.applications * stage.objects} objects"
    return [
        at_most("S3", f"{name}, Python, MB resident", used.python, 150, note=f"proportional: {used.python_pss:.0f} MB"),
        at_most("S3", f"{name}, all our processes, MB resident", used.everything, 300, note=f"proportional: {used.everything_pss:.0f} MB"),
    ]
