"""How we say who we are: a token, a token file that is read again when it changes, a certificate, or a command that makes one.

The story: the client asks `cached()` before each request, which costs next to nothing; when that has nothing to give it awaits
`renew()`. After a 401 it calls `renew()` too, with the credential that was refused, so that a hundred requests refused at once make
one renewal. A credential never shows its values in a repr.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from trimtab.cluster.errors import NotSentError
from trimtab.core.clock import Clock, SystemClock


class Credential(Struct, frozen=True):
    """What proves an identity: a bearer token, or a client certificate and its key as PEM. All empty: anonymous."""

    token: str = ""
    certificate: bytes = b""
    key: bytes = b""

    def __repr__(self) -> str:
        """Which parts there are, never their values."""
        return f"Credential(token={bool(self.token)}, certificate={bool(self.certificate)})"


class Credentials(Protocol):
    """A source of credentials."""

    def cached(self) -> Credential | None:
        """The credential to use now; None when `renew` must make one first."""
        ...

    async def renew(self, refused: Credential | None = None) -> Credential:
        """A fresh one. `refused` is the one that the server did not take: if another has come since, that one is given."""
        ...


class Fixed(Struct, frozen=True):
    """One that stays as it is: a token, a certificate, or nothing."""

    credential: Credential = Credential()

    def cached(self) -> Credential | None:
        """The credential."""
        return self.credential

    async def renew(self, refused: Credential | None = None) -> Credential:  # ruff: ignore[unused-method-argument] (there is no other)
        """The same again: what is fixed cannot be renewed."""
        return self.credential


class TokenFile:
    """A token in a file that somebody else rotates, as the kubelet does for pods.

    The file is looked at (one `stat`) at most every `every` seconds, and read when its modification time or size moved.
    """

    def __init__(self, path: Path, *, clock: Clock | None = None, every: float = 10.0) -> None:
        self._path = path
        self._clock = clock or SystemClock()
        self._every = every
        self._credential: Credential | None = None
        self._seen: tuple[int, int] = (0, 0)
        self._looked = 0.0

    def cached(self) -> Credential | None:
        """The token that the file held when last looked at. Raises NotSentError when the file cannot be read and none is known."""
        now = self._clock.monotonic()
        if self._credential is None or now - self._looked >= self._every:
            self._looked = now
            self._read()
        return self._credential

    async def renew(self, refused: Credential | None = None) -> Credential:  # ruff: ignore[unused-method-argument] (the file is the truth)
        """Read the file again at once."""
        self._seen = (0, 0)
        self._read()
        assert self._credential is not None
        return self._credential

    def _read(self) -> None:
        try:
            found = self._path.stat()
            if self._credential is None or (found.st_mtime_ns, found.st_size) != self._seen:
                self._credential = Credential(token=self._path.read_text("utf-8").strip())
                self._seen = (found.st_mtime_ns, found.st_size)
        except (OSError, UnicodeDecodeError) as error:
            if self._credential is None:  # a known token outlives a moment in which the file is being replaced
                raise NotSentError(f"The token file {self._path} cannot be read: {_reason(error)}.") from error


class ExecPlugin(Struct, frozen=True, rename="camel"):
    """A kubeconfig's `exec` stanza (client.authentication.k8s.io/v1 and v1beta1)."""

    command: str
    api_version: str = msgspec.field(default="client.authentication.k8s.io/v1", name="apiVersion")
    args: list[str] | None = None
    env: list[dict[str, str]] | None = None
    install_hint: str = ""
    provide_cluster_info: bool = False

    def __repr__(self) -> str:
        """The command alone: its environment may hold secrets."""
        return f"ExecPlugin({self.command!r})"


class _ExecStatus(Struct, frozen=True, rename="camel"):
    expiration_timestamp: datetime | None = None
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""


class _ExecCredential(Struct, frozen=True, rename="camel"):
    status: _ExecStatus | None = None


class ExecCredentials:
    """Credentials from a command, kept until their expiry (or until refused)."""

    SUPPORTED = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")

    def __init__(self, plugin: ExecPlugin, *, cluster: Mapping[str, object], clock: Clock | None = None, timeout: float = 60.0) -> None:
        self._plugin = plugin
        self._cluster = cluster
        self._clock = clock or SystemClock()
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._credential: Credential | None = None
        self._until: datetime | None = None

    def cached(self) -> Credential | None:
        """The last one while it lasts."""
        if self._until is not None and self._clock.now() >= self._until:
            return None
        return self._credential

    async def renew(self, refused: Credential | None = None) -> Credential:
        """Run the command, unless another task has done so meanwhile."""
        async with self._lock:
            present = self.cached()
            if present is not None and present != refused:
                return present
            status = await self._run()
            self._until = status.expiration_timestamp
            self._credential = Credential(status.token, status.client_certificate_data.encode(), status.client_key_data.encode())
            return self._credential

    async def _run(self) -> _ExecStatus:
        command = self._plugin.command
        try:
            process = await asyncio.create_subprocess_exec(
                command,
                *(self._plugin.args or ()),
                env=os.environ | self._environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise NotSentError(
                f"The kubeconfig's credential command {command!r} cannot be run: {_reason(error)}.",
                remedy=self._plugin.install_hint.strip(),
            ) from error
        try:
            out, complaint = await asyncio.wait_for(process.communicate(), self._timeout)
        except TimeoutError as error:
            raise NotSentError(f"The kubeconfig's credential command {command!r} gave no answer in {self._timeout:.0f} s.") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            last = " ".join(complaint.decode("utf-8", "replace").split())[-300:]
            raise NotSentError(f"The kubeconfig's credential command {command!r} failed with exit status {process.returncode}: {last}.")
        return self._parse(out)

    def _parse(self, out: bytes) -> _ExecStatus:
        try:
            status = msgspec.json.decode(out, type=_ExecCredential).status
        except msgspec.DecodeError as error:
            raise NotSentError(f"The kubeconfig's credential command {self._plugin.command!r} answered no ExecCredential.") from error
        if status is None or not (status.token or status.client_certificate_data):
            raise NotSentError(f"The kubeconfig's credential command {self._plugin.command!r} answered neither token nor certificate.")
        return status

    def _environment(self) -> dict[str, str]:
        spec: dict[str, object] = {"interactive": False}
        if self._plugin.provide_cluster_info:
            spec["cluster"] = self._cluster
        ask = {"apiVersion": self._plugin.api_version, "kind": "ExecCredential", "spec": spec}
        wished = {pair.get("name", ""): pair.get("value", "") for pair in self._plugin.env or () if pair.get("name")}
        return wished | {"KUBERNETES_EXEC_INFO": msgspec.json.encode(ask).decode()}


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
