"""S2: many applications in one push, beside a bare parallel apply of the same objects on the same API server."""

from __future__ import annotations

from bench.floor import apply_bare
from bench.result import Row, at_most, inform
from bench.stage import FLOOR, Stage


def mass_install(stage: Stage, *, bound: float) -> list[Row]:
    """Install every application that the stage has prepared. `bound` is the allowed multiple of the floor's time."""
    objects = stage.all_objects("first")
    floor = apply_bare(stage.kubeconfig, FLOOR, objects)
    before = stage.cpu()
    _, seconds = stage.install()
    stage.rest()
    each = (stage.cpu() - before) / len(objects) * 1000
    name = f"install {stage.applications} x {stage.objects}"
    return [
        at_most("S2", f"{name}, multiple of the floor", seconds / floor.seconds, bound, floor=1.0),
        inform("S2", f"{name}, s", seconds, floor=floor.seconds),
        at_most(
            "S2", f"{name}, ms of our CPU an object", each, 2.0, floor=floor.cpu / len(objects) * 1000, note="status and state included"
        ),
    ]
