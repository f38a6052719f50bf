"""What the system says about our processes: Linux's /proc, read for tests."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path


def group(leader: int) -> list[int]:
    """The processes of a process group that are alive."""
    return [pid for pid, (state, _, member_of, *_) in _all() if member_of == str(leader) and state != "Z"]


def zombies() -> list[int]:
    """Our children that ended and were not reaped."""
    return [pid for pid, (state, parent, *_) in _all() if state == "Z" and parent == str(os.getpid())]


def descriptors() -> int:
    """How many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def resident(pid: int) -> int:
    """Resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def processor_seconds(pid: int) -> float:
    """Seconds of processor that a process has used."""
    user, system = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def until(condition: Callable[[], bool], *, seconds: float = 10.0) -> bool:
    """Wait for something outside of us; whether it came true."""
    for _ in range(int(seconds * 100)):
        if condition():
            return True
        await asyncio.sleep(0.01)
    return condition()


def _all() -> Iterator[tuple[int, list[str]]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                yield int(folder.name), (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
