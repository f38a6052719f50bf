"""The command line as a process: exit statuses, errors, pipes, interruption, completion, and what a cold start costs."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.commandline import chart, folder, process, trimtab
from tests.support.fleet import config_map, deployment

from trimtab.cli.errors import guarded
from trimtab.core.errors import InputError, TrimtabError


def failing(error: BaseException) -> Callable[[], object]:
    """A command that raises."""

    def command() -> object:
        raise error

    return command


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["rendr", "."], 'Did you mean "render"?'),
        (["render", ".", "--valeus", "x"], "--valeus"),
        (["render"], "PATH"),
        (["plan", ".", "-o", "xml"], '"xml"'),
    ],
)
def test_what_cannot_be_understood_is_one_sentence(arguments: list[str], told: str) -> None:
    """A command line with a slip in it names the slip and where help is."""
    answer = trimtab(*arguments)
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.startswith("✗ ")
    assert told.lower() in answer.err.lower()
    assert answer.err.endswith("See: trimtab --help\n")


def test_a_fault_of_ours_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """Never a traceback, unless -v asks for it."""
    assert guarded(failing(ZeroDivisionError("division by zero")), verbose=False) == 1
    assert capsys.readouterr().err == (
        "✗ Unexpected ZeroDivisionError: division by zero. This is a fault of Trimtab; -v shows where, for a report.\n"
    )
    assert guarded(failing(ZeroDivisionError("division by zero")), verbose=True) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_error_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """What a server or a manifest says stands on one line, its control characters written out."""
    guarded(failing(InputError("one\ntwo \x1b[31m")), verbose=False)
    assert capsys.readouterr().err == "✗ one two \\u001b[31m\n"


def test_several_errors_are_a_sentence_each(capsys: pytest.CaptureFixture[str]) -> None:
    """What a group of tasks raised is told one by one, with details only under -v."""
    group = ExceptionGroup("both", [InputError("One.", remedy="Mend it."), TrimtabError("Two.", detail="of four")])
    assert guarded(failing(group), verbose=False) == 1
    assert capsys.readouterr().err == "✗ One. Mend it.\n✗ Two.\n"
    guarded(failing(group), verbose=True)
    assert "✗ Two.\nof four\n" in capsys.readouterr().err


def test_verbose_shows_where_an_error_arose(tmp_path: Path) -> None:
    """-v is understood after any command."""
    answer = trimtab("render", tmp_path / "gone", "-v")
    assert answer.status == 1
    assert answer.err.startswith("✗ There is no folder")
    assert "Traceback" in answer.err


def test_logs_never_meet_an_answer(tmp_path: Path) -> None:
    """What a library of ours logs goes to standard error, as JSON lines where that is asked for; the answer stays clean."""
    made = folder(tmp_path, {"main.jsonnet": "local f(x) = f(x + 1) tailstrict; f(0)"})
    run = process("render", made, "--timeout", "300ms", "--json")
    out, err = run.communicate(timeout=60)
    lines = err.decode().splitlines()
    assert (run.returncode, out) == (1, b"")
    assert [json.loads(line)["event"] for line in lines[:-1]] == ["a render was stopped"]
    assert lines[-1].startswith("✗ Render of")
    quiet = process("render", made, "--timeout", "300ms")
    assert len(quiet.communicate(timeout=60)[1].decode().splitlines()) == 1


def test_nobody_reads_the_answer(tmp_path: Path) -> None:
    """`trimtab render … | head -1` ends quietly."""
    folder(tmp_path, {f"{n}.yaml": config_map(f"c{n}", k="x" * 4000) for n in range(100)})
    run = process("render", tmp_path)
    assert run.stdout is not None
    assert run.stderr is not None
    run.stdout.close()
    assert run.stderr.read() == b""
    assert run.wait() == 141
    run.stderr.close()


def test_an_interrupted_command_ends_quietly(tmp_path: Path) -> None:
    """Ctrl-C: exit status 130, no traceback, no renderer left behind."""
    run = process("render", folder(tmp_path, {"main.jsonnet": "local f(x) = f(x + 1) tailstrict; f(0)"}))
    until = time.monotonic() + 20
    while not (workers := children(run.pid)) and time.monotonic() < until:
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=20)
    assert (run.returncode, out, err) == (130, b"", b"")
    assert workers
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_flags(shell: str) -> None:
    """The script completes our commands and their flags."""
    answer = trimtab("completion", shell)
    assert answer.status == 0
    for word in ("render", "plan", "apply", "include-hooks", "create-namespace"):
        assert word in answer.out


def test_the_bash_completion_is_bash() -> None:
    """The shell itself reads it."""
    checked = subprocess.run(["bash", "-n"], input=trimtab("completion", "bash").out.encode(), capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")


def is_done_within(seconds: float, *arguments: object) -> bool:
    """Whether a cold command takes at most so many seconds of a processor; the best of a few tries, since a busy one is slower."""
    return any(seconds_of(*arguments) <= seconds for _ in range(6))


def seconds_of(*arguments: object) -> float:
    """Processor seconds of one cold run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = process(*arguments, env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"})
    run.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run.returncode == 0
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def test_help_is_quick() -> None:
    """`trimtab --help` from a cold process: at most 250 ms."""
    assert is_done_within(0.25, "--help")


def test_a_render_is_quick(tmp_path: Path) -> None:
    """`trimtab render` of a chart from a cold process: at most 600 ms, the renderer's start included."""
    assert is_done_within(0.6, "render", chart(tmp_path, {"a.yaml": deployment("d"), "b.yaml": config_map("b")}))


def test_a_render_imports_no_http_client(tmp_path: Path) -> None:
    """What talks to clusters is not loaded where no cluster is asked."""
    loaded = "print(*sorted({'aiohttp', 'starlette', 'yaml'} & set(sys.modules)))"
    code = f"import sys; from trimtab.cli.main import run; run(sys.argv[1:]); {loaded}"
    made = folder(tmp_path, {"a.yaml": config_map("a")})
    run = subprocess.run([sys.executable, "-c", code, "render", made, "-o", "name"], capture_output=True, check=True)
    assert run.stdout == b"configmap/a\n\n"
