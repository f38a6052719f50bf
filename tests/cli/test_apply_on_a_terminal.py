"""`trimtab plan` and `apply` on a real (pseudo) terminal: colours, and a person who is asked."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.commandline import folder, trimtab
from tests.support.fleet import config_map

from trimtab.cli.devcluster import DevCluster


def typing(arguments: list[object], answer: str = "", **environment: str) -> tuple[int, str]:
    """Run a command on a terminal of its own, type an answer when it asks; its exit status and what the screen showed."""
    ours, theirs = pty.openpty()
    program = Path(sys.executable).with_name("trimtab")
    variables = {**{k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "TERM"}}, "TERM": "xterm", **environment}
    run = subprocess.Popen([program, *map(str, arguments)], stdin=theirs, stdout=theirs, stderr=theirs, env=variables)
    os.close(theirs)
    screen, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        try:
            screen += os.read(ours, 65536)
        except OSError:  # Linux: the other side is closed
            break
        if answer and screen.endswith(b"[y/N] "):
            os.write(ours, f"{answer}\n".encode())
            answer = ""
    os.close(ours)
    return run.wait(timeout=10), screen.decode()


@pytest.fixture
def space(devcluster: DevCluster) -> list[object]:
    """Flags for a namespace of this test's own."""
    name = f"terminal-{os.getpid()}-{time.monotonic_ns()}"
    return ["--kubeconfig", devcluster.kubeconfig, "-n", name, "--create-namespace", "--name", "x"]


def test_a_terminal_gets_colours(space: list[object], tmp_path: Path) -> None:
    """And nobody else does: neither a pipe, nor one who said NO_COLOR, nor a dumb terminal."""
    made = folder(tmp_path, {"a.yaml": config_map("a")})
    assert "\x1b[32m+ ConfigMap" in typing(["plan", made, *space])[1]
    assert "\x1b[" not in typing(["plan", made, *space], NO_COLOR="1")[1]
    assert "\x1b[" not in typing(["plan", made, *space], TERM="dumb")[1]
    assert "\x1b[" not in trimtab("plan", made, *space).out


def test_a_person_is_asked(space: list[object], tmp_path: Path) -> None:
    """The plan first, then the question; "n" writes nothing, "y" does."""
    made = folder(tmp_path, {"a.yaml": config_map("a")})
    status, screen = typing(["apply", made, *space], "n", NO_COLOR="1")
    assert (status, "+ ConfigMap" in screen, "●" in screen) == (1, True, False)
    status, screen = typing(["apply", made, *space], "y", NO_COLOR="1")
    assert (status, "● healthy" in screen) == (0, True)
    assert "2 unchanged" in trimtab("apply", made, *space).out


def test_who_said_yes_is_not_asked(space: list[object], tmp_path: Path) -> None:
    """`-y` applies at once, on a terminal, too; so does a plan with nothing to do."""
    made = folder(tmp_path, {"a.yaml": config_map("a")})
    status, screen = typing(["apply", made, "-y", *space], NO_COLOR="1")
    assert (status, "[y/N]" in screen, "2 new" in screen) == (0, False, True)
    status, screen = typing(["apply", made, *space], NO_COLOR="1")
    assert (status, "[y/N]" in screen, "2 unchanged" in screen) == (0, False, True), screen


def test_what_a_manifest_says_does_not_steer_the_terminal(space: list[object], tmp_path: Path) -> None:
    """An escape sequence in a value, a name or a warning is shown, not obeyed."""
    made = folder(tmp_path, {"a.yaml": config_map("a", k="\x1b]0;owned\x07"), "b.yaml": "kind: {'\\e[31m': 1}\n"})
    assert "\x1b" not in typing(["plan", made, *space], NO_COLOR="1")[1]
    assert "\x1b" not in typing(["render", made], NO_COLOR="1")[1]
    (made / "b.yaml").unlink()
    assert "\x1b" not in typing(["render", made], NO_COLOR="1")[1]
    assert "\x1b" not in typing(["plan", made, *space], NO_COLOR="1")[1]
