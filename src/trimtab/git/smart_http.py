"""Git's protocol v2 over HTTP, spoken by ourselves: one POST lists refs, one POST brings a commit. gitprotocol-v2(5), gitprotocol-http(5).

It saves what `git fetch` spends on starting five processes, and connections stay open between questions. It follows no redirect and knows
no other protocol: whatever is not a plain answer is NotSpokenError, and `WebTransport` then asks the git command, which either manages
or explains. The pack goes to `git unpack-objects` or `git index-pack`, both `--strict`, so every object is checked as `git fetch` would.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import aiohttp

from trimtab.core.errors import InputError
from trimtab.git.errors import GitError, LimitError
from trimtab.git.packs import store_pack
from trimtab.git.remote import Remote
from trimtab.git.transport import CommandTransport, MirrorLimits

_AGENT = "agent=trimtab"
_FLUSH, _DELIMITER = b"0000", b"0001"
_HEADER = 4
_MISSES = 3  # listings in a row that only the git command got: from then on it is asked at once
_CONNECT_SECONDS = 10.0
_SILENCE_SECONDS = 30.0


class NotSpokenError(GitError):
    """The server did not answer as protocol v2 over plain HTTP does."""


class WebTransport:
    """Asks over our own HTTP, and through the git command when the server does not take part in that."""

    def __init__(self, remote: Remote, limits: MirrorLimits) -> None:
        self._own = SmartHttp(remote, limits)
        self._command = CommandTransport(remote, limits)
        self._misses = 0

    async def ls_refs(self, prefixes: Sequence[str]) -> dict[str, str]:
        """See Transport."""
        if self._misses < _MISSES:
            try:
                answer = await self._own.ls_refs(prefixes)
            except NotSpokenError:
                pass
            else:
                self._misses = 0
                return answer
        answer = await self._command.ls_refs(prefixes)
        self._misses += 1  # the command manages where we do not
        return answer

    async def fetch(self, directory: Path, oid: str, name: str, haves: Sequence[str]) -> None:
        """See Transport."""
        if self._misses < _MISSES:
            try:
                await self._own.fetch(directory, oid, haves)
            except NotSpokenError:
                pass
            else:
                return
        await self._command.fetch(directory, oid, name, haves)

    async def close(self) -> None:
        """Let connections go."""
        await self._own.close()


class SmartHttp:
    """Protocol v2 with one remote."""

    def __init__(self, remote: Remote, limits: MirrorLimits) -> None:
        self._url = remote.url.rstrip("/") + "/git-upload-pack"
        self._limits = limits
        self._remote = remote
        self._session: aiohttp.ClientSession | None = None

    async def ls_refs(self, prefixes: Sequence[str]) -> dict[str, str]:
        """What the remote advertises under `prefixes`; see refs.py for the form."""
        lines = [_packet(f"ref-prefix {prefix}\n") for prefix in prefixes]
        body = [_packet("command=ls-refs\n"), *_CAPABILITIES, _DELIMITER, _packet("peel\n"), _packet("symrefs\n"), *lines, _FLUSH]
        advertised: dict[str, str] = {}
        async with self._ask(body, self._limits.list_seconds, self._limits.listing_bytes) as packets:
            async for packet in packets:
                if packet:
                    _take_ref(packet.decode(errors="surrogateescape").rstrip("\n"), advertised)
        return advertised

    async def fetch(self, directory: Path, oid: str, haves: Sequence[str]) -> None:
        """Bring commit `oid` with all it needs beyond `haves` into `directory`."""
        have_lines = [_packet(f"have {have}\n") for have in haves]
        options = [_packet(f"{option}\n") for option in ("thin-pack", "no-progress", "ofs-delta", f"want {oid}")]
        body = [_packet("command=fetch\n"), *_CAPABILITIES, _DELIMITER, *options, *have_lines, _packet("done\n"), _FLUSH]
        async with self._ask(body, self._limits.fetch_seconds, self._limits.pack_bytes) as packets:
            await store_pack(directory, _pack(packets), self._limits)

    async def close(self) -> None:
        """Let connections go."""
        if self._session:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def _ask(self, body: Iterable[bytes], seconds: float, cap: int) -> AsyncGenerator[AsyncIterator[bytes], None]:
        """POST a command; the packets of the answer, b"" for a flush or delimiter. Raises GitError when there is none in `seconds`."""
        if self._session is None:
            self._session = _session(self._remote)
        post = self._session.post(self._url, data=b"".join(body), allow_redirects=False)
        try:
            async with asyncio.timeout(seconds), post as response:
                if response.status != HTTPStatus.OK or response.content_type != "application/x-git-upload-pack-result":
                    raise NotSpokenError(f"{self._remote.url} answered with HTTP status {response.status}.")
                yield _packets(response.content, cap)
        except TimeoutError:
            raise GitError(f"{self._remote.url} did not answer in time ({seconds:g} s).") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NotSpokenError(f"{self._remote.url} cannot be reached: {type(error).__name__}.") from None


async def _packets(stream: aiohttp.StreamReader, cap: int) -> AsyncIterator[bytes]:
    """Packet lines: four hex digits of length, themselves included, then the content; lengths below four are marks."""
    taken = 0
    while header := await _exactly(stream, _HEADER):
        try:
            length = int(header, 16)
        except ValueError:
            raise NotSpokenError("The Git server's answer is no packet line.") from None
        taken += length
        if taken > cap:
            raise LimitError(f"The Git server sent more than {cap} bytes.")
        packet = await _exactly(stream, length - _HEADER) if length > _HEADER else b""
        if packet.startswith(b"ERR "):
            raise NotSpokenError(f"The Git server refused: {packet[4:200].decode(errors='replace').strip()}.")
        yield packet


async def _exactly(stream: aiohttp.StreamReader, size: int) -> bytes:
    """That many bytes; none at the end of the answer."""
    try:
        return await stream.readexactly(size)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise GitError("The Git server's answer was cut off.") from None
        return b""


async def _pack(packets: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The pack out of the side band: band 1 is data, 2 progress, 3 an error. Raises NotSpokenError when there is no pack."""
    begun = False
    async for packet in packets:
        if not begun:
            begun = packet == b"packfile\n"
        elif packet[:1] == b"\x01":
            yield packet[1:]
        elif packet[:1] == b"\x03":
            raise NotSpokenError(f"The Git server refused: {packet[1:200].decode(errors='replace').strip()}.")
    if not begun:
        raise NotSpokenError("The Git server sent no pack.")


def _take_ref(line: str, advertised: dict[str, str]) -> None:
    """`<oid> <name>[ symref-target:<name>][ peeled:<oid>]`."""
    oid, name, *attributes = line.split(" ")
    advertised[name] = oid
    for attribute in attributes:
        key, _, value = attribute.partition(":")
        if key == "symref-target" and name == "HEAD":
            advertised["HEAD"], advertised[value] = f"ref: {value}", oid
        elif key == "peeled":
            advertised[name + "^{}"] = value


def _packet(text: str) -> bytes:
    return f"{len(text) + _HEADER:04x}{text}".encode()


_CAPABILITIES = (_packet(f"{_AGENT}\n"), _packet("object-format=sha1\n"))


def _session(remote: Remote) -> aiohttp.ClientSession:
    headers = {
        "Git-Protocol": "version=2",
        "Content-Type": "application/x-git-upload-pack-request",
        "Accept": "application/x-git-upload-pack-result",
        "User-Agent": "git/trimtab",
    }
    if remote.bearer:
        headers["Authorization"] = f"Bearer {remote.bearer}"
    elif remote.has_password:
        headers["Authorization"] = "Basic " + b64encode(f"{remote.username or 'git'}:{remote.password}".encode()).decode()
    timeout = aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS, sock_read=_SILENCE_SECONDS)
    connector = aiohttp.TCPConnector(ssl=_trust(remote), limit=4, keepalive_timeout=75)
    return aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout, trust_env=True)


def _trust(remote: Remote) -> ssl.SSLContext | bool:
    """The system's authorities, and the remote's own where it names one."""
    if not remote.ca:
        return True
    try:
        context = ssl.create_default_context()
        context.load_verify_locations(cadata=remote.ca)
    except (ssl.SSLError, ValueError):
        raise InputError("The CA for the Git server is not PEM.", remedy="Give the Secret a certificate as `ca.crt`.") from None
    return context
