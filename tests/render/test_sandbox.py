from __future__ import annotations

import json
import subprocess
import sys

import pytest

from trimtab.render.find import find_worker
from trimtab.render.pool import Pool


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux offers a process such a lock")
async def test_a_worker_has_shut_itself_in_before_it_says_hello(pool: Pool) -> None:
    """Its hello says how; on Linux it is never `none`."""
    await pool.ready()
    assert {worker.sandbox for worker in pool.workers()} <= {"landlock+seccomp", "seccomp"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux offers a process such a lock")
def test_r17_everything_forbidden_is_denied() -> None:
    """The worker itself tries each forbidden thing from inside: files, sockets, programs, other processes, new namespaces."""
    probes = json.loads(subprocess.run([find_worker(), "--probe"], capture_output=True, check=True).stdout)
    assert len(probes) >= 17
    assert [probe["probe"] for probe in probes if not probe["denied"]] == []
