"""The demo's repository `fleet`: podinfo twice, as chart and as kustomization with an overlay, and the examples of ours."""

from __future__ import annotations

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from trimtab.core.errors import InputError, UnavailableError

REPLICAS = Path("apps/podinfo/overlays/production/replicas.yaml")
"""The file that the first thing to try edits."""
_AUTHOR = {"NAME": "Trimtab demo", "EMAIL": "demo@trimtab.invalid"}


def examples() -> Path:
    """The checkout's `examples/`. Raises InputError where there is none."""
    folder = Path(__file__).parents[4] / "examples"
    if not folder.is_dir():
        raise InputError("The demo's examples are not installed.", remedy="Run it in a checkout of the repository:  make demo")
    return folder


class Fleet:
    """A work tree of the repository."""

    def __init__(self, work: Path) -> None:
        self.work = work

    async def begin(self, url: str, podinfo: Path) -> str:
        """Make the repository's first commit and push it; its id."""
        await asyncio.to_thread(_lay_out, self.work, podinfo)
        await self._git("init", "--quiet", "--initial-branch=main")
        await self._git("remote", "add", "origin", url)
        return await self.push("podinfo twice, dashboards and a platform")

    async def replicas(self, before: int, after: int) -> None:
        """Commit and push another number of replicas."""
        path = self.work / REPLICAS
        path.write_text(path.read_text("utf-8").replace(f"replicas: {before}", f"replicas: {after}"), "utf-8")
        await self.push(f"{after} replicas")

    async def revert(self) -> None:
        """Take the last commit back."""
        await self._git("revert", "--no-edit", "HEAD")
        await self._git("push", "--quiet", "origin", "HEAD:main")

    async def push(self, message: str) -> str:
        """Commit everything and push it; the commit's id."""
        await self._git("add", "--all")
        await self._git("commit", "--quiet", "--message", message)
        await self._git("push", "--quiet", "origin", "HEAD:main")
        return await self._git("rev-parse", "HEAD")

    async def _git(self, *arguments: str) -> str:
        identity = {f"GIT_{who}_{what}": text for who in ("AUTHOR", "COMMITTER") for what, text in _AUTHOR.items()}
        apart = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | identity | apart
        process = await asyncio.create_subprocess_exec(
            "git", *arguments, cwd=self.work, env=environment, stdout=PIPE, stderr=STDOUT, start_new_session=True
        )
        output, _ = await process.communicate()
        text = output.decode(errors="replace").strip()
        if process.returncode:
            raise UnavailableError(f"git {arguments[0]} in {self.work} failed: {text.splitlines()[-1] if text else 'no word'}.")
        return text


def _lay_out(work: Path, podinfo: Path) -> None:
    """The tree of the first commit. The module's files are read-only, their copies are not."""
    own = examples()
    parts = {
        "charts/podinfo": podinfo / "charts" / "podinfo",
        "apps/podinfo/base": podinfo / "kustomize",
        "apps/podinfo/overlays": own / "podinfo" / "overlays",
        "apps/dashboards": own / "dashboards",
        "apps/platform": own / "platform",
    }
    for name, source in parts.items():
        shutil.copytree(source, work / name, copy_function=shutil.copyfile)
    for folder, _, _ in os.walk(work):
        Path(folder).chmod(0o755)
