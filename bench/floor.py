"""The floor: what the machine can do at best, without any program of ours between Git, the API server and the watcher.

`python -m bench.floor KUBECONFIG JOBS` applies each job of a JSON file (`[path, manifest]`) server-side, eight at once over kept
connections, in a process of its own, and prints `{"seconds": …, "cpu": …}`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct

from bench.api import Api
from bench.objects import CONFIG_MAPS, Kind, Manifest
from bench.repos import WorkingCopy
from bench.result import percentile
from bench.watcher import Watcher

CONNECTIONS = 8


class Floor(Struct, frozen=True):
    """Seconds on the wall and seconds of the bare client's processor, for all objects together."""

    seconds: float
    cpu: float


def apply_bare(kubeconfig: Path, namespace: str, jobs: Sequence[tuple[Kind, Manifest]]) -> Floor:
    """Apply the same objects to `namespace`, in parallel, by a bare client."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump([[kind.path(namespace, manifest["metadata"]["name"]), manifest] for kind, manifest in jobs], file)
        file.flush()
        told = subprocess.run([sys.executable, "-m", "bench.floor", str(kubeconfig), file.name], check=True, capture_output=True).stdout
    return Floor(**json.loads(told))


def fetch_bare(url: str, work: WorkingCopy, *, times: int) -> float:
    """The median of a bare `git fetch` of one new commit, in milliseconds."""
    mirror = work.directory.parent / "bare.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", url, str(mirror)], check=True)
    took: list[float] = []
    for number in range(times):
        work.push(f"Nothing {number}")
        time.sleep(0.3)  # whoever else follows the repository has fetched by now
        began = time.monotonic()
        subprocess.run(["git", "-C", str(mirror), "fetch", "--quiet", "origin", "main:main"], check=True)
        took.append((time.monotonic() - began) * 1000)
    return percentile(took, 50)


def write_to_event(api: Api, watcher: Watcher, namespace: str, *, times: int) -> float:
    """The median from the start of one bare write to its event at the watcher, in milliseconds. Leaves a ConfigMap `floor`."""
    took: list[float] = []
    for number in range(times):
        body = json.dumps(CONFIG_MAPS.make("floor", f"floor{number}")).encode()
        since, began = watcher.mark(), time.time()
        api.apply(CONFIG_MAPS.path(namespace, "floor"), body, "floor")
        seen = watcher.wait(lambda e, n=number: e.name == "ConfigMap/floor" and e.mark == f"floor{n}", since=since)  # type: ignore[misc]
        took.append((seen.time - began) * 1000)
    return percentile(took, 50)


def _main(kubeconfig: str, file: str) -> None:
    api = Api(Path(kubeconfig), agent="bench-floor")
    jobs = [(path, json.dumps(manifest).encode()) for path, manifest in json.loads(Path(file).read_text("utf-8"))]
    began = time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        for done in [threads.submit(api.apply, path, body, "floor") for path, body in jobs]:
            done.result()
    seconds, used = time.monotonic() - began, os.times()
    print(json.dumps({"seconds": seconds, "cpu": used.user + used.system}))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
