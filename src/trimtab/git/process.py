"""The git command, locked down: its own environment, no prompt, no hook, no helper, no protocol but the ones we name.

`run` is for commands that end; `conversation.py` is for those that stay. Each runs in a process group of its own and is killed as one
at its deadline, on cancellation and past its output cap, so that no `git-remote-https` or `ssh` outlives it.
Credentials travel in environment variables that a one-line credential helper reads, or in files of a private directory that lives as long
as the command: never in an argument, a URL or a log.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from trimtab.core.errors import InputError
from trimtab.git.errors import AuthenticationRefusedError, GitError, LimitError
from trimtab.git.remote import Remote, scrub

Config = Mapping[str, str]

LOCKED_DOWN: Config = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.bigFileThreshold": "16m",  # larger blobs are streamed
    "core.packedGitWindowSize": "32m",  # with the next two, a large mirror fits into MEMORY_BYTES
    "core.packedGitLimit": "256m",
    "pack.threads": "4",
    "gc.auto": "0",
    "gc.packRefs": "false",  # kept commits are one loose ref each; see mirror.py
    "maintenance.auto": "false",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "fetch.writeCommitGraph": "false",
    "submodule.recurse": "false",
    "http.followRedirects": "initial",
    "http.lowSpeedLimit": "1000",  # bytes a second …
    "http.lowSpeedTime": "30",  # … for so many seconds end a transfer
    "protocol.version": "2",
    "transfer.bundleURI": "false",
    "transfer.fsckObjects": "true",
    # Faults of old clients that harm nobody; everything else that fsck calls an error is refused.
    "fetch.fsck.badTimezone": "ignore",
    "fetch.fsck.missingSpaceBeforeDate": "ignore",
    "fetch.fsck.zeroPaddedFilemode": "ignore",
    "fetch.fsck.zeroPaddedDate": "ignore",
    "fetch.fsck.missingEmail": "ignore",
    "fetch.fsck.missingSpaceBeforeEmail": "ignore",
}
# What a user's network needs; nothing else of our environment reaches git.
_PASSED_ON = ("PATH", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy")
_PASSED_ON_TOO = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SYSTEMROOT")
_HELPER = '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$TRIMTAB_GIT_USERNAME" "$TRIMTAB_GIT_PASSWORD"; }; f'
_SSH = (
    "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=/dev/null"
    " -o IdentitiesOnly=yes -o ConnectTimeout=10 -o ServerAliveInterval=15"
)
_ERROR_BYTES = 16 * 1024
MEMORY_BYTES = 2 << 30
"""Address space of a git process; macOS knows no such bound."""


class Finished(Struct, frozen=True):
    """A command that ended: its exit status, standard output, and standard error for people (scrubbed by the caller)."""

    status: int
    output: bytes
    errors: str

    @property
    def over_file_cap(self) -> bool:
        """Whether it failed because it, or a child of its, wrote a file beyond `file_cap` or read a pack beyond its own cap."""
        signs = ("File too large", f"signal {signal.SIGXFSZ:d}", "exceeds maximum allowed size")
        return self.status == -signal.SIGXFSZ or (self.status != 0 and any(sign in self.errors for sign in signs))


def environment(config: Config | None = None, *, protocols: str = "https:http:ssh") -> dict[str, str]:
    """The whole environment of a git process, `config` on top of `LOCKED_DOWN`."""
    variables = {name: os.environ[name] for name in (*_PASSED_ON, *_PASSED_ON_TOO) if name in os.environ}
    variables |= {
        "HOME": "/nonexistent",
        "XDG_CONFIG_HOME": "/nonexistent",
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "false",
        "SSH_ASKPASS": "false",
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_ALLOW_PROTOCOL": protocols,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_CEILING_DIRECTORIES": "/",
        "GIT_SSH_COMMAND": _SSH,
    }
    return variables | _configuration({**LOCKED_DOWN, **(config or {})})


@contextmanager
def environment_for(remote: Remote) -> Generator[dict[str, str]]:
    """The environment to reach `remote`; its key files exist only while the context is open."""
    with tempfile.TemporaryDirectory(prefix="trimtab-git-") as private:
        config: dict[str, str] = {}
        secrets: dict[str, str] = {}
        if remote.ca:
            config["http.sslCAInfo"] = _secret_file(private, "ca.pem", remote.ca)
        if remote.bearer:
            config["http.extraHeader"] = f"Authorization: Bearer {remote.bearer}"
            config["http.followRedirects"] = "false"  # the header would follow to another host
        elif remote.has_password:
            origin = urlsplit(remote.url)
            config[f"credential.{origin.scheme}://{origin.netloc}.helper"] = _HELPER
            secrets = {"TRIMTAB_GIT_USERNAME": remote.username or "git", "TRIMTAB_GIT_PASSWORD": remote.password}
        variables = environment(config, protocols="https:http:ssh:file" if remote.local else "https:http:ssh") | secrets
        if remote.scheme == "ssh":
            variables["GIT_SSH_COMMAND"] = _ssh_command(private, remote)
            variables["GIT_SSH_VARIANT"] = "ssh"
        yield variables


async def run(
    arguments: Sequence[str],
    *,
    variables: Mapping[str, str],
    deadline: float,
    directory: Path | None = None,
    output_cap: int = 64 << 20,
    file_cap: int = 0,
) -> Finished:
    """Run `git <arguments>` to its end. Raises GitError at the deadline (seconds), LimitError past `output_cap` bytes.

    `file_cap` (bytes, 0 for none) bounds every file that it and its children write; see setrlimit(2), RLIMIT_FSIZE.
    """
    return await feed(
        arguments, None, variables=variables, deadline=deadline, directory=directory, output_cap=output_cap, file_cap=file_cap
    )


async def feed(
    arguments: Sequence[str],
    given: AsyncIterator[bytes] | None,
    *,
    variables: Mapping[str, str],
    deadline: float,
    directory: Path | None = None,
    output_cap: int = 64 << 20,
    file_cap: int = 0,
) -> Finished:
    """As `run`, with `given` on standard input; an error that `given` raises ends the process."""
    command = ["git", *([f"--git-dir={directory}"] if directory else []), *arguments]
    async with _process(bounded(command, file_cap), variables) as process:
        try:
            async with asyncio.timeout(deadline):
                output, errors = await _converse(process, given, output_cap)
                status = await process.wait()
        except TimeoutError:
            raise GitError(f"git {arguments[0]} did not end within {deadline:g} s and was stopped.") from None
    return Finished(status, output, errors.decode(errors="replace"))


def bounded(command: Sequence[str], file_cap: int = 0) -> list[str]:
    """`command` with its address space, and each file it writes, bounded: a delta of 700 bytes can ask for gigabytes of memory."""
    files = f"ulimit -f {max(1, file_cap // 512)} && " if file_cap else ""
    return ["sh", "-c", f'{files}ulimit -v {MEMORY_BYTES >> 10} 2>/dev/null; exec "$@"', "sh", *command]


def explain(finished: Finished, doing: str, remote: Remote | None = None) -> GitError:
    """The error for a command that failed: the last line that git printed which says why, scrubbed."""
    lines = [line.strip() for line in finished.errors.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:", "remote:"))] or lines
    cause = telling[0].split(":", 1)[-1].strip() if telling else f"exit status {finished.status}"
    secrets = remote.secrets if remote else []
    detail = scrub(finished.errors, secrets)[:4096]
    if remote is not None and "Authentication failed" in finished.errors:
        return AuthenticationRefusedError(urlsplit(remote.url).hostname or "", remote.username, detail=detail)
    return GitError(f"{doing} failed: {scrub(cause, secrets)}.", detail=detail, remedy=_remedy(finished.errors))


def kill_group(pid: int) -> None:
    """Kill a process and all that it started; quiet when they are gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _remedy(errors: str) -> str:
    for sign, remedy in (
        ("Authentication failed", "Check the Secret that the Repository names."),
        ("could not read Username", "The server asks for credentials: give the Repository a secretRef."),
        ("Permission denied (publickey", "The server does not take this SSH key."),
        ("Host key verification failed", "The host's key is not in known_hosts, or has changed; check it before you trust it."),
        ("certificate", "Give the Secret the server's CA as `ca.crt`."),
        ("hasDot", "The repository has an entry that is never followed; take it out."),
        ("ut of memory", f"A git process may use {MEMORY_BYTES} bytes; an object of the repository wants more."),
        ("No space left on device", "Free space where the mirrors are kept."),
        ("not found", "Check the URL, and that the credentials may read it."),
    ):
        if sign in errors:
            return remedy
    return ""


@contextlib.asynccontextmanager
async def _process(command: Sequence[str], variables: Mapping[str, str]) -> AsyncGenerator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, env=variables, start_new_session=True
        )
    except FileNotFoundError:
        raise InputError("The git command is not on the PATH.", remedy="Install git 2.36 or newer.") from None
    try:
        yield process
    finally:
        if process.returncode is None:
            kill_group(process.pid)
            await asyncio.shield(process.communicate())  # its end is seen only when its pipes are read to their ends


async def _converse(process: asyncio.subprocess.Process, given: AsyncIterator[bytes] | None, output_cap: int) -> tuple[bytes, bytes]:
    assert process.stdin
    assert process.stdout
    assert process.stderr
    try:
        async with asyncio.TaskGroup() as group:
            output = group.create_task(_read(process.stdout, output_cap))
            errors = group.create_task(_read_head(process.stderr))
            group.create_task(_write(process.stdin, given))
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return output.result(), errors.result()


async def _write(stream: asyncio.StreamWriter, given: AsyncIterator[bytes] | None) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        if given:
            async for piece in given:
                stream.write(piece)
                await stream.drain()
        stream.close()


async def _read(stream: asyncio.StreamReader, cap: int) -> bytes:
    """All of it. Raises LimitError when there is more than `cap`."""
    held = bytearray()
    while piece := await stream.read(1 << 16):
        held += piece
        if len(held) > cap:
            raise LimitError(f"git printed more than {cap} bytes and was stopped.")
    return bytes(held)


async def _read_head(stream: asyncio.StreamReader) -> bytes:
    """The first bytes, the rest is read and dropped so that the process does not block."""
    held = bytearray()
    while piece := await stream.read(1 << 14):
        held += piece[: _ERROR_BYTES - len(held)]
    return bytes(held)


def _configuration(config: Config) -> dict[str, str]:
    """Configuration as environment variables: git-config(1), GIT_CONFIG_COUNT."""
    variables = {"GIT_CONFIG_COUNT": str(len(config))}
    for index, (key, value) in enumerate(config.items()):
        variables[f"GIT_CONFIG_KEY_{index}"], variables[f"GIT_CONFIG_VALUE_{index}"] = key, value
    return variables


def _ssh_command(private: str, remote: Remote) -> str:
    hosts = _secret_file(private, "known_hosts", remote.known_hosts)
    command = f"{_SSH} -o UserKnownHostsFile={shlex.quote(hosts)}"
    if remote.ssh_private_key:
        command += f" -i {shlex.quote(_secret_file(private, 'identity', remote.ssh_private_key))}"
    return command


def _secret_file(private: str, name: str, content: str) -> str:
    """Write `content` into the private directory (mode 0700), readable by us alone; its path."""
    path = Path(private, name)
    path.touch(mode=0o600)
    path.write_text(content if content.endswith("\n") else content + "\n", encoding="utf-8")
    return str(path)
