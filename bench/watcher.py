"""The independent watcher: a process that says when the API server told of a change, and nothing else.

Its story: `python -m bench.watcher KUBECONFIG PATH…` follows each path in a thread and prints each event as a line of JSON (see `Event`),
with the time at which it was read. `Watcher` is the starter's side: a thread reads those lines into a list, on which the
starter waits. A watch that ends ends the process, and the run with it: a gap would be a lie.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import msgspec
from msgspec import Struct

from bench.api import Api
from bench.objects import mark_of


class Event(Struct, frozen=True):
    """One watch event: `time` in seconds since the epoch, `change` as the API server calls it, `name` as `Kind/name`."""

    time: float
    change: str
    name: str
    mark: str


class Watcher:
    """A watcher process and what it has told so far. A context manager."""

    def __init__(self, kubeconfig: Path, paths: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.watcher", str(kubeconfig), *paths], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        self._events: list[Event] = []
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="watcher", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def mark(self) -> int:
        """A place in the stream of events: only what comes after it is looked at."""
        return len(self._events)

    def wait(self, wanted: Callable[[Event], bool], *, since: int, seconds: float = 60.0) -> Event:
        """The first event after `since` that is wanted. Raises TimeoutError when none comes in time."""
        end, at = time.monotonic() + seconds, since
        with self._news:
            while True:
                for event in self._events[at:]:
                    if wanted(event):
                        return event
                at = len(self._events)
                self._await(end)

    def wait_for_all(self, names: set[str], *, since: int, seconds: float) -> Event:
        """The event that completes the set: each name was added or changed after `since`."""
        missing = set(names)

        def last(event: Event) -> bool:
            missing.discard(event.name)
            return not missing

        return self.wait(last, since=since, seconds=seconds)

    def _await(self, end: float) -> None:
        left = end - time.monotonic()
        if self._process.poll() is not None:
            raise RuntimeError("The watcher has ended; nothing can be measured without it.")
        if left <= 0:
            raise TimeoutError("What was waited for was not seen by the watcher.")
        self._news.wait(min(left, 5.0))

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = msgspec.json.decode(line, type=Event)
            with self._news:
                self._events.append(event)
                self._news.notify_all()


def _follow(api: Api, path: str, out: Callable[[Event], None]) -> None:
    for line in api.lines(f"{path}?watch=true&timeoutSeconds=86400"):
        at = time.time()
        event = msgspec.json.decode(line)
        manifest = event["object"]
        out(Event(at, event["type"], f"{manifest['kind']}/{manifest['metadata'].get('name', '')}", mark_of(manifest)))
    os._exit(1)


def _main(kubeconfig: str, paths: Sequence[str]) -> None:
    api = Api(Path(kubeconfig), agent="bench-watcher")
    lock = threading.Lock()

    def out(event: Event) -> None:
        with lock:
            sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
            sys.stdout.buffer.flush()

    threads = [threading.Thread(target=_follow, args=(api, path, out), name=path) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
