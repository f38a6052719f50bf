"""Whose source is this folder? So that in a clone `trimtab plan PATH` says by itself what a push would do."""

from __future__ import annotations

import asyncio
import re
import subprocess  # ruff: ignore[suspicious-subprocess-import]  git knows where a work tree was cloned from
from pathlib import Path

from trimtab.api.application import Application
from trimtab.cli import ask
from trimtab.cli.output import remark
from trimtab.cluster.client import Client
from trimtab.cluster.discovery import Discovery
from trimtab.cluster.errors import ForbiddenError
from trimtab.controllers.own import APPLICATIONS
from trimtab.core.errors import InputError
from trimtab.sync.folder import Folder

_SCHEME = re.compile(r"^\w+://")
_USER = re.compile(r"^[^/@]*@")
_SCP = re.compile(r"^([^/:]+):/?")
"""`host:path`, the short form of an SSH address."""


async def application_of(client: Client, discovery: Discovery, folder: Folder) -> str:
    """`namespace/name` of the one Application that takes this path of the Repository that the work tree was cloned from; "" otherwise."""
    origin = await asyncio.to_thread(_origin, folder.tree.root)
    if not origin or discovery.find(APPLICATIONS.api_version, APPLICATIONS.kind) is None:
        return ""
    try:
        repositories, applications = await ask.repositories(client, ""), await ask.applications(client, "")
    except (ForbiddenError, InputError) as error:
        remark(f"The folder is taken as an application of its own, because the Applications cannot be read: {error}")
        return ""
    ours = {(r.metadata.namespace, r.metadata.name) for r in repositories if address(r.spec.url) == address(origin)}
    found = [a.key for a in applications if _takes(a, ours, folder.tree.path)]
    return found[0] if len(found) == 1 else ""


def _takes(application: Application, ours: set[tuple[str, str]], path: str) -> bool:
    """Whether a source of an Application is that path of one of these Repositories."""
    namespace = application.metadata.namespace
    return any((namespace, s.repository_ref.name) in ours and s.path.strip("/") == path for s in application.spec.sources)


def address(url: str) -> str:
    """What two URLs of one repository have in common: host and path, whatever the protocol, the user, and `.git` at the end. Pure."""
    rest = _SCHEME.sub("", url.strip())
    bare = _USER.sub("", rest)
    path = _SCP.sub(r"\1/", bare) if rest == url.strip() else bare
    return path.removesuffix("/").removesuffix(".git")


def _origin(root: Path) -> str:
    """Where a work tree was cloned from; "" where nobody says."""
    try:
        told = subprocess.run(["git", "-C", root, "config", "--get", "remote.origin.url"], capture_output=True, check=False)
    except OSError:
        return ""
    return told.stdout.decode(errors="replace").strip()
