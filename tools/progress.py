"""Progress of steps that take a while: a bar on a terminal, a line now and then in a log. Standard library only.

Its story: a `Step` owns one ticking thread from `with` to its end; the thread draws, the caller only counts. `run` reads a
command's output line by line on the caller's thread, so nothing else is shared.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

MINUTE = 60
BAR = 16
"""Cells of a bar."""
QUIET = 2.0
"""Seconds that a step may take before it says a word."""
LOG_EVERY = 15.0
"""Seconds between two lines where there is no terminal."""


def bar(done: int, total: int, cells: int = BAR) -> str:
    """`▕████        ▏`; empty where the total is not known."""
    if total <= 0:
        return ""
    filled = min(cells, cells * done // total)
    return f"▕{'█' * filled}{' ' * (cells - filled)}▏ {min(done, total)}/{total}"


def elapsed(seconds: float) -> str:
    """`0.4 s` under a minute, else `1:07`."""
    return f"{seconds:.1f} s" if seconds < MINUTE else f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class Step:
    """One line of work: a verb, its subject, how far it is and for how long."""

    def __init__(self, verb: str, subject: str) -> None:
        self.verb = verb
        self.subject = subject
        self.done = 0
        self.total = 0
        self._begun = time.monotonic()
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._terminal = sys.stdout.isatty()

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._ticker.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Say how it ended."""
        self._over.set()
        self._ticker.join()
        self._draw("failed" if kind else "done", last=True)

    def say(self, sentence: str) -> None:
        """A line of its own, beside the step's."""
        start = "\r\x1b[K" if self._terminal else ""
        print(f"{start}  {self.verb:<10} {self.subject} {sentence}", flush=True)

    def _tick(self) -> None:
        wait = QUIET
        while not self._over.wait(wait):
            self._draw("", last=False)
            wait = 0.2 if self._terminal else LOG_EVERY

    def _draw(self, outcome: str, *, last: bool) -> None:
        parts = [f"  {self.verb:<10} {self.subject}", bar(self.done, self.total) if not last else "", outcome]
        line = " ".join(part for part in [*parts, elapsed(time.monotonic() - self._begun)] if part)
        start, end = ("\r\x1b[K", "\n" if last else "") if self._terminal else ("", "\n")
        print(f"{start}{line}", end=end, flush=True)


def run(
    arguments: Sequence[str | Path],
    *,
    on_line: Callable[[str], None] = lambda _: None,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a command and hand over its output line by line. Raises CommandError with the end of the output when it fails."""
    tail: deque[str] = deque(maxlen=100)
    with subprocess.Popen(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            tail.append(line.rstrip("\n"))
            on_line(tail[-1])
    if process.returncode:
        raise CommandError(arguments, process.returncode, "\n".join(tail))


class CommandError(Exception):
    """A command failed; its message is the command, the exit status and the end of its output."""

    def __init__(self, arguments: Sequence[str | Path], status: int, tail: str) -> None:
        super().__init__(f"{' '.join(map(str, arguments))}\nended with status {status}:\n{tail}")
