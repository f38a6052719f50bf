"""The command line, as a test types it."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from trimtab.cli.main import run


class Said(NamedTuple):
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


def trimtab(*arguments: object) -> Said:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = run([str(a) for a in arguments])
    return Said(status, out.getvalue(), err.getvalue())


async def typed(*arguments: object) -> Said:
    """The same, beside a running loop."""
    return await asyncio.to_thread(trimtab, *arguments)


async def spawned(*arguments: object) -> Said:
    """The same as a process of its own: for beside a controller in this one, whose logs would be taken for its answer."""
    run = process(*arguments)
    out, err = await asyncio.to_thread(run.communicate)
    return Said(run.returncode, out.decode(), err.decode())


def process(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
    """A command as a process of its own."""
    program = Path(sys.executable).with_name("trimtab")
    return subprocess.Popen([program, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def folder(at: Path, files: dict[str, str]) -> Path:
    """A folder with these files."""
    for name, content in files.items():
        path = at / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return at


def chart(at: Path, templates: dict[str, str], values: str = "", **files: str) -> Path:
    """A Helm chart with these templates."""
    head = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
    named = {f"templates/{name}": content for name, content in templates.items()}
    return folder(at, {"Chart.yaml": head, "values.yaml": values, **named, **files})
