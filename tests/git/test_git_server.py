from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import signal
import sys
import time
from pathlib import Path

from aiohttp import web
from tests.support import repos
from tests.support.gitserver import GitServer


async def test_a_push_sends_a_signed_webhook_from_its_hook(tmp_path: Path) -> None:
    """Within moments of the hook's start, with ids and ref, and an HMAC over the body."""
    got: list[tuple[str, bytes]] = []
    arrived = asyncio.Event()

    async def hook(request: web.Request) -> web.Response:
        got.append((request.headers["X-Trimtab-Signature"], await request.read()))
        arrived.set()
        return web.Response()

    application = web.Application()
    application.router.add_post("/hook", hook)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server = GitServer(tmp_path / "served", webhooks=[(f"http://127.0.0.1:{runner.addresses[0][1]}/hook", "key")])
    await server.start()
    url = await server.create("fleet")
    work = await asyncio.to_thread(repos.init, tmp_path / "work", remote=url)
    oid = await asyncio.to_thread(repos.commit, work, {"a": b"1"})
    before = time.time()
    await asyncio.to_thread(repos.push, work)
    await asyncio.wait_for(arrived.wait(), 10)
    signature, body = got[0]
    assert signature == "sha256=" + hmac.new(b"key", body, hashlib.sha256).hexdigest()
    told = json.loads(body)
    assert (told["ref"], told["after"], told["url"]) == ("refs/heads/main", oid, url)
    assert before <= server.pushes[0].started <= time.time()
    await server.stop()
    await runner.cleanup()


async def test_the_server_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    """`python -m trimtab.cli.gitserver` says where it is, tells each push, and ends on SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "trimtab.cli.gitserver",
        "--root",
        str(tmp_path / "served"),
        "--create",
        "fleet",
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    url = json.loads(await process.stdout.readline())["repositories"]["fleet"]
    work = await asyncio.to_thread(repos.init, tmp_path / "work", remote=url)
    oid = await asyncio.to_thread(repos.commit, work, {"a": b"1"})
    await asyncio.to_thread(repos.push, work)
    assert json.loads(await process.stdout.readline())["push"]["after"] == oid
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_a_clone_by_git_itself_works(tmp_path: Path) -> None:
    """Any client can clone, with protocol v2 and with v0; what is not there is not found."""
    server = GitServer(tmp_path / "served")
    await server.start()
    url = await server.create("fleet")
    work = await asyncio.to_thread(repos.init, tmp_path / "work", remote=url)
    oid = await asyncio.to_thread(repos.commit, work, {f"many/{n}": b"%d" % n for n in range(200)})
    await asyncio.to_thread(repos.push, work)
    for version in "02":
        await asyncio.to_thread(repos.git, tmp_path, "-c", f"protocol.version={version}", "clone", "-q", url, f"clone{version}")
        assert repos.git(tmp_path / f"clone{version}", "rev-parse", "HEAD") == oid
    await server.stop()
