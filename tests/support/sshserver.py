"""A Git server over SSH on loopback: serves bare repositories of a folder to one client key."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from pathlib import Path
from typing import Protocol

import asyncssh

from trimtab.git.process import environment

_SERVICES = {"git-upload-pack": "upload-pack", "git-receive-pack": "receive-pack"}


class SshServer:
    """Serves `<root>/<path>`; `client_key` is the private key that it lets in, `known_hosts` the line for its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = 0
        self._client = asyncssh.generate_private_key("ssh-ed25519")
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self.client_key = self._client.export_private_key().decode()
        self.known_hosts = ""

    async def start(self, port: int = 0) -> None:
        """Listen, with a new host key."""
        host_key = asyncssh.generate_private_key("ssh-ed25519")
        allowed = asyncssh.import_authorized_keys(self._client.export_public_key().decode())
        self._acceptor = await asyncssh.listen(
            "127.0.0.1", port, server_host_keys=[host_key], authorized_client_keys=allowed, process_factory=self._serve, encoding=None
        )
        self.port = self._acceptor.get_port()
        self.known_hosts = f"[127.0.0.1]:{self.port} {host_key.export_public_key().decode()}"

    async def stop(self) -> None:
        """Stop listening and drop who is connected."""
        assert self._acceptor
        self._acceptor.close()
        await self._acceptor.wait_closed()

    def url(self, name: str) -> str:
        """The clone URL of `<root>/<name>.git`."""
        return f"ssh://git@127.0.0.1:{self.port}/{name}.git"

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        service, path = shlex.split(process.command or "none none")
        if service not in _SERVICES:
            process.exit(1)
            return
        variables = environment() | {"GIT_PROTOCOL": process.env.get("GIT_PROTOCOL", "")}
        pipe = asyncio.subprocess.PIPE
        directory = str(self.root / path.lstrip("/"))
        git = await asyncio.create_subprocess_exec(
            "git", _SERVICES[service], directory, stdin=pipe, stdout=pipe, stderr=pipe, env=variables
        )
        assert git.stdin
        assert git.stdout
        assert git.stderr
        asking = asyncio.create_task(_pump(process.stdin, git.stdin))
        await asyncio.gather(_pump(git.stdout, process.stdout), _pump(git.stderr, process.stderr))
        process.exit(await git.wait())
        await asking


class _Source(Protocol):
    """What bytes can be read from."""

    async def read(self, n: int = -1, /) -> bytes:
        """Some bytes; none at the end."""
        ...


async def _pump(source: _Source, sink: asyncio.StreamWriter | asyncssh.SSHWriter[bytes]) -> None:
    """Copy until the end of `source` or of the connection."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while piece := await source.read(1 << 16):
            sink.write(piece)
            await sink.drain()
        sink.write_eof()
