"""podinfo, the application that the demo deploys: taken from its Go module when the demo runs, verified, and never kept here.

The module's cache is Go's own, so a second demo needs no network.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from asyncio.subprocess import PIPE
from pathlib import Path

import msgspec
from msgspec import Struct

from trimtab.core.errors import InputError, UnavailableError

MODULE = "github.com/stefanprodan/podinfo"
VERSION = "v1.8.1-0.20250910200901-e86405a8674e"
SUM = "h1:ikpMMm5HbQT/1DehrPM+Lpwk3WAw/1Hg540eR+jsXus="
"""The module's checksum, as go.sum would say it: what is deployed is what was looked at."""
OWN_GO = Path(__file__).parents[4] / ".tools" / "bin" / "go"
"""Where `make` puts the Go that a machine lacks."""


class _Downloaded(Struct, rename="pascal"):
    """What `go mod download -json` answers."""

    dir: str = ""
    sum: str = ""
    error: str = ""


async def podinfo() -> Path:
    """The folder that holds `charts/podinfo` and `kustomize`. Raises InputError without Go, UnavailableError when it cannot be had."""
    go = find_go()
    environment = os.environ | {"GOFLAGS": "-mod=mod", "GOWORK": "off", "GO111MODULE": "on"}
    with tempfile.TemporaryDirectory(prefix="trimtab-demo-") as nowhere:  # outside every module, so that no go.mod has a say
        command = (go, "mod", "download", "-json", f"{MODULE}@{VERSION}")
        process = await asyncio.create_subprocess_exec(*command, cwd=nowhere, env=environment, stdout=PIPE, stderr=PIPE)
        output, errors = await process.communicate()
    return _folder(output, errors.decode(errors="replace"))


def find_go(own: Path = OWN_GO, path: str | None = None) -> str:
    """The `go` command: the checkout's `own`, else that of `path` (default: $PATH). Raises InputError where there is none."""
    go = str(own) if os.access(own, os.X_OK) else shutil.which("go", path=path)
    if go is None:
        raise InputError("The demo takes podinfo from its Go module, and there is no `go` on the PATH.", remedy="`make demo` brings it.")
    return go


def _folder(output: bytes, errors: str) -> Path:
    try:
        answer = msgspec.json.decode(output, type=_Downloaded)
    except msgspec.DecodeError:
        answer = _Downloaded(error=errors.strip())
    if answer.error or not answer.dir:
        raise UnavailableError(f"The Go module {MODULE} cannot be had: {answer.error.splitlines()[-1] if answer.error else 'no answer'}.")
    if answer.sum != SUM:
        raise UnavailableError(f"The Go module {MODULE} {VERSION} is not what it was: its checksum is {answer.sum}, not {SUM}.")
    return Path(answer.dir)
