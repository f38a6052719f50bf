"""Builds one Go program with a progress bar: `python -m tools.build_go MODULE PACKAGE OUTPUT LABEL`. Standard library only.

One build at a time on a machine: a cold compile of the control plane fills two cores and two gigabytes by itself.
The output is replaced whole, so a running program keeps the file that it has open.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tools.progress import CommandError, Step, run

ROOT = Path(__file__).resolve().parent.parent
GO = ROOT / ".tools/bin/go"
MANY = 400
"""Packages from which on a build is told to be long."""


@contextmanager
def one_at_a_time(label: str) -> Generator[None]:
    """Hold the build lock of this checkout; say so when another build has it."""
    with (ROOT / ".tools/build.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with Step("waiting", f"{label}: another build is under way"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def stale_packages(module: Path, package: str) -> int:
    """How many packages a build will compile; fetches the modules that are not here yet. Raises CommandError when go cannot tell."""
    names = "{{if .Stale}}{{.ImportPath}}{{end}}"
    command = [str(GO), "list", "-deps", "-f", names, package]
    listed = subprocess.run(command, cwd=module, capture_output=True, text=True, check=False)
    if listed.returncode:
        raise CommandError(command, listed.returncode, listed.stderr)
    return len(listed.stdout.split())


def build(module: Path, package: str, output: Path, label: str) -> None:
    """Compile `package` of `module` into `output`."""
    fresh = output.with_name(output.name + ".new")
    output.parent.mkdir(parents=True, exist_ok=True)
    with Step("building", f"{label:<15}") as step:
        step.total = stale_packages(module, package)
        if step.total > MANY:
            step.say(f"{step.total} packages to compile, this first time only; some minutes on two cores")

        def count(line: str) -> None:
            step.done += not line.startswith(("go: ", "#", "\t"))

        run([GO, "build", "-v", "-ldflags=-s -w", "-o", fresh, package], cwd=module, on_line=count)
        fresh.replace(output)


def main() -> None:
    """Build what the arguments name; exit with the compiler's words when it fails."""
    module, package, output, label = sys.argv[1:]
    try:
        with one_at_a_time(label):
            build(ROOT / module, package, ROOT / output, label)
    except CommandError as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()
