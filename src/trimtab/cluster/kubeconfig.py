"""Kubeconfig files: their shape, how several are merged, and the clear sentence for each way in which one can be wrong.

Rules of merging as kubectl documents them (kubernetes.io, "Organizing Cluster Access Using kubeconfig Files"): the files of
`$KUBECONFIG` in order, missing ones skipped, the first to set a name or the current context wins; relative paths are relative to
the file that names them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from trimtab.cluster.credentials import ExecPlugin
from trimtab.core.errors import InputError, Place

T = TypeVar("T")
_NO_CONFIG = "Give --kubeconfig PATH, set $KUBECONFIG, or put one at ~/.kube/config."


class ClusterEntry(Struct, frozen=True, rename="kebab"):
    """Where an API server is and how to know that it is the right one."""

    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""


class UserEntry(Struct, frozen=True, rename="kebab"):
    """Who we are there."""

    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    username: str = ""
    exec: ExecPlugin | None = None
    auth_provider: dict[str, Any] | None = None

    def __repr__(self) -> str:
        """Which kind of user, never the credential."""
        said = (name for name in self.__struct_fields__ if getattr(self, name))
        return f"UserEntry({', '.join(said)})"


class ContextEntry(Struct, frozen=True):
    """Which user at which cluster, and the namespace that is meant when none is said."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedCluster(Struct, frozen=True):
    name: str
    cluster: ClusterEntry | None = None


class _NamedUser(Struct, frozen=True):
    name: str
    user: UserEntry | None = None


class _NamedContext(Struct, frozen=True):
    name: str
    context: ContextEntry | None = None


class _File(Struct, frozen=True):
    current_context: str = msgspec.field(default="", name="current-context")
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None


class Merged(Struct, frozen=True):
    """All files as one: each entry with the file that it came from."""

    files: tuple[Path, ...]
    current_context: str
    clusters: dict[str, tuple[ClusterEntry, Path]]
    users: dict[str, tuple[UserEntry, Path]]
    contexts: dict[str, tuple[ContextEntry, Path]]


def locate(explicit: Path | None, environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The kubeconfig files to read. Raises InputError when there is none."""
    if explicit is not None:
        if not explicit.is_file():
            raise InputError(f"There is no kubeconfig at {explicit}.", remedy=_NO_CONFIG)
        return (explicit,)
    listed = [Path(part) for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    wanted = listed or [Path(environment.get("HOME", "~")).expanduser() / ".kube" / "config"]
    present = tuple(path for path in wanted if path.is_file())
    if not present:
        raise InputError(f"There is no kubeconfig (looked at {', '.join(map(str, wanted))}).", remedy=_NO_CONFIG)
    return present


def read(paths: tuple[Path, ...]) -> Merged:
    """Read and merge. Raises InputError, naming the file, when one cannot be read or is no kubeconfig."""
    files = [(path, _read_one(path)) for path in paths]
    current = next((file.current_context for _, file in files if file.current_context), "")
    clusters = {e.name: (e.cluster, path) for path, file in reversed(files) for e in file.clusters or () if e.cluster}
    users = {e.name: (e.user or UserEntry(), path) for path, file in reversed(files) for e in file.users or ()}
    contexts = {e.name: (e.context, path) for path, file in reversed(files) for e in file.contexts or () if e.context}
    return Merged(paths, current, clusters, users, contexts)


def choose(merged: Merged, context: str | None) -> tuple[str, ContextEntry, tuple[ClusterEntry, Path], tuple[UserEntry, Path]]:
    """The context's name, itself, its cluster and its user. Raises InputError when one of them is not there."""
    name = context or merged.current_context
    where = ", ".join(map(str, merged.files))
    if not name:
        raise InputError(f"The kubeconfig {where} sets no current-context.", remedy=_offer(merged))
    if name not in merged.contexts:
        raise InputError(f"The kubeconfig {where} has no context {name!r}.", remedy=_offer(merged))
    chosen, path = merged.contexts[name]
    if chosen.cluster not in merged.clusters:
        raise InputError(f"Context {name!r} in {path} names the cluster {chosen.cluster!r}, which is not there.")
    if chosen.user and chosen.user not in merged.users:
        raise InputError(f"Context {name!r} in {path} names the user {chosen.user!r}, which is not there.")
    return name, chosen, merged.clusters[chosen.cluster], merged.users.get(chosen.user, (UserEntry(), path))


def _offer(merged: Merged) -> str:
    names = sorted(merged.contexts)
    return f"Choose one with --context: {', '.join(names)}." if names else "It has no contexts at all."


def _read_one(path: Path) -> _File:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"The kubeconfig {path} cannot be read: {error.strerror}.") from error
    try:
        return msgspec.convert(msgspec.yaml.decode(content) or {}, _File)  # an empty file is an empty configuration
    except msgspec.ValidationError as error:
        raise InputError(f"The kubeconfig {path} is not valid: {error}.", place=Place(str(path))) from error
    except msgspec.DecodeError:  # the parser's message quotes the line, which may hold a token
        raise InputError(f"The kubeconfig {path} is no YAML.", place=Place(str(path))) from None
