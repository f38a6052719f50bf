"""A small smart-HTTP Git server on loopback, for the demo, the benchmarks and the tests.

It spawns `git upload-pack` and `git receive-pack` directly (gitprotocol-http(5), protocol v2 where the client asks for it) over the bare
repositories `<root>/<name>.git`. After a push, the repository's post-receive hook first tells this server through a named pipe, and the
server sends the webhooks: a JSON body, signed in `X-Trimtab-Signature: sha256=<HMAC>`, over connections that are kept open.

    python -m trimtab.cli.gitserver --root DIR [--port N] [--webhook URL=SECRET]… [--create NAME]…

prints one JSON line when ready (`{"url": …, "repositories": {…}}`) and one for each push (`{"push": {…, "started": <epoch seconds>}}`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import shutil
import signal
import ssl
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
from aiohttp import web
from msgspec import Struct, to_builtins

from trimtab.git.process import environment, kill_group

_SERVICES = ("git-upload-pack", "git-receive-pack")
# bash tells the time without a process; another shell leaves it to the server, which is a millisecond later.
_HOOK = """#!{shell}
started=$EPOCHREALTIME
while read -r old new ref; do printf '%s\\t%s\\t%s\\t%s\\t%s\\n' "$started" "{name}" "$old" "$new" "$ref" >"{pipe}"; done
"""


class Push(Struct, frozen=True):
    """One ref that was pushed; `started` is when its post-receive hook began (seconds since the epoch)."""

    started: float
    repository: str
    before: str
    after: str
    ref: str


class GitServer:
    """Serves `<root>/<name>.git`. `auth` is (username, password) for all; `webhooks` are (url, secret)."""

    def __init__(
        self,
        root: Path,
        *,
        port: int = 0,
        auth: tuple[str, str] | None = None,
        webhooks: Sequence[tuple[str, str]] = (),
        on_push: Callable[[Push], None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.root = root
        self.webhooks = list(webhooks)
        self.pushes: list[Push] = []
        self.url = ""
        self._port = port
        self._auth = "Basic " + b64encode(":".join(auth).encode()).decode() if auth else ""
        self._on_push = on_push
        self._tls = tls
        self._pipe = root / "pushes.pipe"
        self._descriptor = -1
        self._rest = b""
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._sending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on loopback; `url` says where."""
        self.root.mkdir(parents=True, exist_ok=True)
        self._pipe.unlink(missing_ok=True)
        os.mkfifo(self._pipe, 0o600)
        self._descriptor = os.open(self._pipe, os.O_RDWR | os.O_NONBLOCK)
        asyncio.get_running_loop().add_reader(self._descriptor, self._hooks_wrote)
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        application = web.Application(client_max_size=1 << 30)
        application.router.add_get("/{name}.git/info/refs", self._advertise)
        application.router.add_post("/{name}.git/{service}", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Stop listening; what webhooks are under way is let finish."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=5)
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
        if self._runner:
            await self._runner.cleanup()
        if self._session:
            await self._session.close()

    async def create(self, name: str) -> str:
        """Make an empty repository whose HEAD is main, or take up one that is there; its clone URL."""
        directory = self.root / f"{name}.git"
        if not directory.exists():
            await _git("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(directory))
            await _git("--git-dir", str(directory), "config", "http.receivepack", "true")
            await _git("--git-dir", str(directory), "config", "uploadpack.allowAnySHA1InWant", "true")
        hook = directory / "hooks" / "post-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(_HOOK.format(shell=shutil.which("bash") or "/bin/sh", name=name, pipe=self._pipe), encoding="utf-8")
        hook.chmod(0o755)
        return f"{self.url}/{name}.git"

    async def _advertise(self, request: web.Request) -> web.Response:
        service = request.query.get("service", "")
        directory = self._repository(request, service)
        output = await self._run(request, service, directory, "--advertise-refs", given=b"")
        body = output if _is_v2(request) and service == _SERVICES[0] else _packet(f"# service={service}\n") + b"0000" + output
        return web.Response(body=body, content_type=f"application/x-{service}-advertisement", headers={"Cache-Control": "no-cache"})

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        service = request.match_info["service"]
        directory = self._repository(request, service)
        given = await request.read()
        process = await self._spawn(request, service, directory)
        response = web.StreamResponse(headers={"Content-Type": f"application/x-{service}-result", "Cache-Control": "no-cache"})
        assert process.stdin
        assert process.stdout
        writing = asyncio.create_task(_give(process.stdin, given))
        try:
            await response.prepare(request)
            while piece := await process.stdout.read(1 << 16):
                await response.write(piece)
            await response.write_eof()
        except (ConnectionResetError, aiohttp.ClientConnectionResetError):
            if service == _SERVICES[0]:  # a push is finished although its client has gone
                kill_group(process.pid)
        finally:
            await writing
            await process.communicate()
        return response

    def _repository(self, request: web.Request, service: str) -> Path:
        if self._auth and not hmac.compare_digest(request.headers.get("Authorization", ""), self._auth):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": 'Basic realm="git"'})
        directory = self.root / f"{request.match_info['name']}.git"
        if service not in _SERVICES or not (directory / "HEAD").exists():
            raise web.HTTPNotFound
        return directory

    async def _run(self, request: web.Request, service: str, directory: Path, *options: str, given: bytes) -> bytes:
        process = await self._spawn(request, service, directory, *options)
        output, _ = await process.communicate(given)
        return output

    async def _spawn(self, request: web.Request, service: str, directory: Path, *options: str) -> asyncio.subprocess.Process:
        # Hooks must run here, and what a test pushes must not be judged: our usual lock would hinder both.
        variables = environment({"core.hooksPath": str(directory / "hooks"), "transfer.fsckObjects": "false"})
        variables["GIT_PROTOCOL"] = request.headers.get("Git-Protocol", "")
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            "git",
            service.removeprefix("git-"),
            "--stateless-rpc",
            *options,
            str(directory),
            stdin=pipe,
            stdout=pipe,
            env=variables,
            start_new_session=True,
        )

    def _hooks_wrote(self) -> None:
        """Take what hooks wrote to the pipe: one line a pushed ref, each written whole (under PIPE_BUF)."""
        *lines, self._rest = (self._rest + os.read(self._descriptor, 1 << 16)).split(b"\n")
        for line in lines:
            started, name, before, after, ref = line.decode().split("\t")
            self._pushed(Push(float(started or time.time()), name, before, after, ref))

    def _pushed(self, push: Push) -> None:
        for url, secret in self.webhooks:
            task = asyncio.get_running_loop().create_task(self._send(url, secret, push), name=f"webhook {url}")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        self.pushes.append(push)
        if self._on_push:
            self._on_push(push)

    async def _send(self, url: str, secret: str, push: Push) -> None:
        """Send one webhook, once: whoever missed it finds the commit at the next interval."""
        repository = f"{self.url}/{push.repository}.git"
        body = json.dumps({"url": repository, "ref": push.ref, "before": push.before, "after": push.after}).encode()
        signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Trimtab-Signature": signature}
        assert self._session
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self._session.post(url, data=body, headers=headers) as response:
                await response.read()


def _is_v2(request: web.Request) -> bool:
    return "version=2" in request.headers.get("Git-Protocol", "")


def _packet(text: str) -> bytes:
    return f"{len(text) + 4:04x}{text}".encode()


async def _give(stream: asyncio.StreamWriter, given: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.write(given)
        await stream.drain()
        stream.close()


async def _git(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec("git", *arguments, env=environment())
    if await process.wait():
        raise RuntimeError(f"git {arguments[0]} failed")


async def _main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m trimtab.cli.gitserver", description="A small Git server on loopback.")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--webhook", action="append", default=[], metavar="URL=SECRET")
    parser.add_argument("--create", action="append", default=[], metavar="NAME")
    options = parser.parse_args(arguments)
    webhooks = [(url, secret) for url, _, secret in (text.rpartition("=") for text in options.webhook)]
    server = GitServer(
        options.root.absolute(), port=options.port, webhooks=webhooks, on_push=lambda push: _tell({"push": to_builtins(push)})
    )
    await server.start()
    _tell({"url": server.url, "repositories": {name: await server.create(name) for name in options.create}})
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await server.stop()


def _tell(event: object) -> None:
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
