"""The first five minutes: `trimtab demo`, end to end, with the real podinfo."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from pathlib import Path

import pytest

from trimtab.cli.demo.podinfo import find_go
from trimtab.cli.devcluster import DevCluster
from trimtab.core.errors import InputError

MAIN = ("-c", "from trimtab.cli.main import main; main()")


async def _start(*arguments: str, **environment: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, *MAIN, "demo", *arguments, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=os.environ | environment
    )


async def _ended(process: Process) -> tuple[int | None, str]:
    output, _ = await asyncio.wait_for(process.communicate(), 100)
    return process.returncode, output.decode()


async def _mentions(directory: Path) -> list[str]:
    """The processes whose command line names the folder."""
    listing = await asyncio.create_subprocess_exec("ps", "-eo", "args", stdout=PIPE)
    output, _ = await listing.communicate()
    return [line for line in output.decode().splitlines() if str(directory) in line]


@pytest.mark.slow
async def test_the_tour_holds_and_leaves_nothing(tmp_path: Path) -> None:
    """Four formats converge; a push goes live, a deletion and an edit come back, a revert takes back; then all is gone."""
    status, output = await _ended(await _start("--tour", "--data-dir", str(tmp_path / "demo")))
    assert status == 0, output
    for words in ("● podinfo-helm", "● podinfo-production", "● dashboards", "● platform", "● push", "● deletion", "● edit", "● git revert"):
        assert words in output
    assert output.rstrip().endswith("All held.")
    assert sorted(p.name for p in (tmp_path / "demo").iterdir()) == ["controller.log", "lock"]
    assert await _mentions(tmp_path) == []


@pytest.mark.slow
async def test_ctrl_c_stops_everything_and_it_starts_again(tmp_path: Path) -> None:
    """The three things to try are printed; an interrupt ends in order; the same folder serves again."""
    process = await _start("--data-dir", str(tmp_path))
    assert process.stdout is not None
    lines: list[str] = []
    while "Ctrl-C" not in (line := (await asyncio.wait_for(process.stdout.readline(), 100)).decode()):
        assert line, "".join(lines)
        lines.append(line)
    assert sum(line.startswith("    ") and "podinfo" in line for line in lines) >= 2
    refused, said = await _ended(await _start("--data-dir", str(tmp_path)))
    assert (refused, said.startswith("✗ A demo runs in ")) == (1, True)
    process.send_signal(signal.SIGINT)
    assert (await _ended(process))[0] == 0
    assert await _mentions(tmp_path) == []
    status, output = await _ended(await _start("--tour", "--data-dir", str(tmp_path)))
    assert status == 0, output


@pytest.mark.slow
async def test_a_cluster_that_one_has_is_left_as_it_was(devcluster: DevCluster, tmp_path: Path) -> None:
    """With --kubeconfig no control plane is started, and what the demo made is deleted at its end."""
    arguments = ("--tour", "--kubeconfig", str(devcluster.kubeconfig), "--data-dir", str(tmp_path))
    status, output = await _ended(await _start(*arguments))
    assert status == 0, output
    assert "Kubernetes" not in output.partition("serving")[0]
    assert "All held." in output
    assert output.splitlines()[-1].strip().startswith("left")


def test_a_machine_without_go_gets_a_sentence(tmp_path: Path) -> None:
    """What is deployed comes from a Go module; `make demo` brings the `go` that a machine lacks."""
    with pytest.raises(InputError, match="`make demo` brings it"):
        find_go(tmp_path / "go", str(tmp_path))
