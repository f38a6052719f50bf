"""The machine that the values were measured on, and how busy others kept it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path


def describe() -> dict[str, str | int | float]:
    """Processor, memory, versions, and the load before the run."""
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text("utf-8")) if Path("/proc/cpuinfo").exists() else None
    return {
        "processor": processor[1] if processor else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "git": subprocess.run(["git", "--version"], check=True, capture_output=True, text=True).stdout.split()[-1],
        "load_before": round(os.getloadavg()[0], 2),
    }
