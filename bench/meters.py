"""What is read off the machine and the API server: processor time, memory, requests, the controller's counters."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

_TICKS = os.sysconf("SC_CLK_TCK")
OURS = "trimtab/"
"""How the user agent of every request of the controller begins."""


class Memory(Struct, frozen=True):
    """Megabytes (10^6 bytes): the controller's own process, and it with all its workers, by resident and by proportional size."""

    python: float
    python_pss: float
    everything: float
    everything_pss: float


def tree(pid: int) -> Iterator[int]:
    """A process and all that live below it."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    except FileNotFoundError:
        return
    for child in children:
        yield from tree(int(child))


def cpu(pid: int) -> float:
    """Processor seconds of a process tree since its start; children that have ended count with their parent."""
    return sum(_cpu_of(member) for member in tree(pid))


def memory(pid: int) -> Memory:
    """The memory of a process tree at this moment."""
    sizes = [_sizes(member) for member in tree(pid)]
    return Memory(*sizes[0], sum(rss for rss, _ in sizes), sum(pss for _, pss in sizes))


def counters(address: str) -> Counter[str]:
    """The controller's counters by name, labels summed: `trimtab_renders_total` and its like."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found: Counter[str] = Counter()
    for name, labels, value in re.findall(r"^(trimtab_\w+_total)(\{[^}]*\})? (\S+)$", text, re.MULTILINE):
        found[name] += int(float(value))
        if labels:
            found[name + labels] = int(float(value))
    return found


class Requests(Struct, frozen=True):
    """The controller's requests of a time, sorted: those for objects by `verb resource`, and the number of the others."""

    objects: Counter[str]
    watches: int
    lease: int
    discovery: int

    @property
    def total(self) -> int:
        """How many were for objects."""
        return self.objects.total()

    @property
    def writes(self) -> int:
        """How many of those change something."""
        return sum(number for name, number in self.objects.items() if name.split()[0] not in {"get", "list"})

    def __str__(self) -> str:
        """For a note."""
        most = "".join(f"{number} x {name}, " for name, number in self.objects.most_common(5))
        return f"{most}not counted: {self.watches} watches opened, {self.lease} of the lease, {self.discovery} of discovery"


class Audit:
    """The API server's audit log, read from where the last reading ended. Requests of the controller alone, told by user agent."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._at = 0

    def skip(self) -> None:
        """Leave out what was written until now."""
        self._at = self._log.stat().st_size

    def requests(self) -> Requests:
        """The requests that ended since the last reading."""
        with self._log.open("rb") as file:
            file.seek(self._at)
            lines = file.read()
        lines = lines[: lines.rfind(b"\n") + 1]
        self._at += len(lines)
        events = [json.loads(line) for line in lines.splitlines()]
        return _sorted([event for event in events if _is_ours(event)])


def _sorted(events: Sequence[dict[str, Any]]) -> Requests:
    """Discovery is what names no resource; a watch counts as such whatever it is for."""
    watches = [event for event in events if event["verb"] == "watch"]
    others = [event for event in events if event["verb"] != "watch"]
    named = [f"{event['verb']} {event['objectRef']['resource']}" for event in others if "objectRef" in event]
    objects = Counter(name for name in named if not name.endswith(" leases"))
    return Requests(objects, len(watches), len(named) - objects.total(), len(others) - len(named))


def _is_ours(event: dict[str, Any]) -> bool:
    return bool(event["stage"] == "ResponseComplete" and event.get("userAgent", "").startswith(OURS))


def _cpu_of(pid: int) -> float:
    """User and system time, and that of the children that were waited for (proc_pid_stat(5), fields 14 to 17)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(int(ticks) for ticks in fields[11:15]) / _TICKS


def _sizes(pid: int) -> tuple[float, float]:
    """Resident and proportional size, in megabytes."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0.0
    sizes = dict(re.findall(r"^(Rss|Pss):\s+(\d+) kB", text, re.MULTILINE))
    return int(sizes["Rss"]) * 1024 / 1e6, int(sizes["Pss"]) * 1024 / 1e6
