"""How a mirror talks to its remote: the two questions it asks, and their answer through the git command.

`SmartHttp` (smart_http.py) asks the same two over HTTP without a process for the network; this one knows ssh, redirects and old
servers as git does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from trimtab.git.errors import LimitError, RefNotFoundError
from trimtab.git.process import Finished, environment_for, explain, run
from trimtab.git.remote import Remote, scrub

_SYMBOLIC = "ref: "
_UNADVERTISED = ("not our ref", "unadvertised object", "couldn't find remote ref", "Server does not allow request")


class MirrorLimits(Struct, frozen=True, kw_only=True):
    """What a repository may cost us. Seconds and bytes."""

    list_seconds: float = 15.0
    """For one listing of refs."""
    fetch_seconds: float = 300.0
    """For one fetch, the first clone included."""
    pack_bytes: int = 2 << 30
    """For all that one fetch writes."""
    object_bytes: int = 64 << 20
    """For one file or directory listing that is read."""
    listing_bytes: int = 16 << 20
    """For one listing of refs: some 200,000 of them."""
    history: int = 100
    """Commits kept readable although no application uses them."""


class Transport(Protocol):
    """The two questions."""

    async def ls_refs(self, prefixes: Sequence[str]) -> dict[str, str]:
        """What the remote advertises under `prefixes` (full ref names or `HEAD`); see refs.py for the form. Raises GitError."""
        ...

    async def fetch(self, directory: Path, oid: str, name: str, haves: Sequence[str]) -> None:
        """Bring commit `oid` (which `name` is at, where that is not empty) with all it needs into `directory`.

        `haves` are commits that are here already. Raises GitError, LimitError.
        """
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...


class CommandTransport:
    """Asks through `git ls-remote` and `git fetch`."""

    def __init__(self, remote: Remote, limits: MirrorLimits) -> None:
        self._remote, self._limits = remote, limits

    async def ls_refs(self, prefixes: Sequence[str]) -> dict[str, str]:
        """See Transport. `git ls-remote` narrows by kind only: one branch costs a listing of all branches."""
        kinds = {"--heads": "refs/heads/", "--tags": "refs/tags/"}
        narrow = [flag for flag, prefix in kinds.items() if prefixes and all(p.startswith(prefix) for p in prefixes)]
        arguments = ["ls-remote", "--symref", "--quiet", *narrow, "--end-of-options", self._remote.url]
        with environment_for(self._remote) as variables:
            finished = await run(arguments, variables=variables, deadline=self._limits.list_seconds, output_cap=self._limits.listing_bytes)
        if finished.status:
            raise explain(finished, f"Listing {scrub(self._remote.url)}", self._remote)
        return _narrowed(_parse_listing(finished.output.decode(errors="surrogateescape")), prefixes)

    async def fetch(self, directory: Path, oid: str, name: str, haves: Sequence[str]) -> None:
        """See Transport. By id; by name where a server gives out only what it advertises."""
        del haves  # git finds them in the mirror's own refs
        with environment_for(self._remote) as variables:
            finished = await self._fetch(directory, oid, variables)
            if name and any(sign in finished.errors for sign in _UNADVERTISED):
                finished = await self._fetch(directory, name, variables)
        if any(sign in finished.errors for sign in _UNADVERTISED):
            raise RefNotFoundError(f"The remote gives out no such commit: {oid}.", remedy="Check the id, or name a branch that holds it.")
        if finished.over_file_cap:
            raise LimitError(f"{scrub(self._remote.url)} sent more than {self._limits.pack_bytes} bytes in one fetch.")
        if finished.status:
            raise explain(finished, f"Fetching {scrub(self._remote.url)}", self._remote)

    async def close(self) -> None:
        """Nothing is held."""

    async def _fetch(self, directory: Path, what: str, variables: Mapping[str, str]) -> Finished:
        arguments = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--refmap=", "--force"]
        return await run(
            [*arguments, "--end-of-options", self._remote.url, what],
            directory=directory,
            variables=variables,
            deadline=self._limits.fetch_seconds,
            file_cap=self._limits.pack_bytes,
        )


def _parse_listing(text: str) -> dict[str, str]:
    """`<oid> TAB <name>` and `ref: <target> TAB HEAD` lines."""
    advertised: dict[str, str] = {}
    for line in text.splitlines():
        value, _, name = line.partition("\t")
        if not (name == "HEAD" and name in advertised):
            advertised[name] = value
    return advertised


def _narrowed(advertised: Mapping[str, str], prefixes: Sequence[str]) -> dict[str, str]:
    """Only what was asked for, and what HEAD points to."""
    wanted = [*prefixes, *(v.removeprefix(_SYMBOLIC) for n, v in advertised.items() if n == "HEAD" and n in prefixes)]
    return {name: value for name, value in advertised.items() if not prefixes or name.startswith(tuple(wanted))}
