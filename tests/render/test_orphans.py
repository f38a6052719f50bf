"""A worker does not outlive its parent, however deep in a template it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from trimtab.render.find import find_worker

_PARENT = """
import os, subprocess, sys, time
worker = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
worker.stdout.read(8)
os.write(1, str(worker.pid).encode() + b"\\n")
time.sleep(600)
"""


def _lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_a_worker_ends_when_its_parent_is_killed() -> None:
    """The pipe is held open by somebody else, so the end of input tells nothing."""
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(find_worker())], stdout=subprocess.PIPE, start_new_session=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    held = os.open(f"/proc/{pid}/fd/0", os.O_RDWR)
    try:
        parent.send_signal(signal.SIGKILL)
        parent.communicate()
        end = time.monotonic() + 10
        while _lives(pid) and time.monotonic() < end:
            time.sleep(0.05)
        assert not _lives(pid)
    finally:
        os.close(held)
