"""The Git side: a server process on loopback, and the working copy from which commits are pushed to it.

The server tells of each push on its standard output, with the moment at which the post-receive hook began; a thread reads that.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import yaml
from msgspec import Struct

from bench.objects import Kind, Manifest

_IDENTITY = {"user.name": "bench", "user.email": "bench@trimtab.test", "gc.auto": "0", "commit.gpgsign": "false"}
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Push(Struct, frozen=True):
    """One push: when its post-receive hook began (seconds since the epoch), and the commit."""

    started: float
    commit: str


class GitServer:
    """The server process with the repositories that it was started with. A context manager."""

    def __init__(self, root: Path, names: Sequence[str], webhook: str, secret: str) -> None:
        create = [f"--create={name}" for name in names]
        command = [sys.executable, "-m", "trimtab.cli.gitserver", f"--root={root}", f"--webhook={webhook}={secret}", *create]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert self._process.stdout is not None
        self.urls: Mapping[str, str] = json.loads(self._process.stdout.readline())["repositories"]
        self._pushes: queue.Queue[Push] = queue.Queue()
        threading.Thread(target=self._read, name="pushes", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def pushed(self) -> Push:
        """The next push that the server tells of."""
        return self._pushes.get(timeout=60)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            push = json.loads(line)["push"]
            self._pushes.put(Push(push["started"], push["after"]))


class WorkingCopy:
    """A clone of one repository, with `apps/<number>` a folder an application and one file an object."""

    def __init__(self, server: GitServer, name: str, directory: Path) -> None:
        self.directory = directory
        self._server = server
        subprocess.run(["git", "clone", "--quiet", server.urls[name], str(directory)], check=True, capture_output=True)
        for key, value in _IDENTITY.items():
            self.git("config", key, value)

    def write(self, number: int, objects: Mapping[str, tuple[Kind, Manifest]], *, beside: Sequence[str] = ()) -> None:
        """Write an application's files; `beside` are files that no renderer reads."""
        folder = self.directory / "apps" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        for name, (_, manifest) in objects.items():
            folder.joinpath(f"{name}.yaml").write_text(yaml.dump(manifest, Dumper=_Dumper, sort_keys=False), "utf-8")
        for name in beside:
            folder.joinpath(name).write_text(f"{name} of application {number}\n", "utf-8")

    def push(self, message: str) -> Push:
        """Commit everything and push it."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        self.git("push", "--quiet", "origin", "HEAD:main")
        return self._server.pushed()

    def git(self, *arguments: str) -> None:
        """Run a git command in the working copy."""
        subprocess.run(["git", *arguments], cwd=self.directory, check=True, capture_output=True)
