"""Row W1 of the bad-input corpus through the whole program: hostile deliveries at its HTTP face, and a genuine one that still counts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from tests.controllers.beside import Beside
from tests.server.face import head, sign
from tests.support import repos
from tests.support.fleet import config_map

from trimtab.cli.run import _Hooks
from trimtab.server.app import create_app
from trimtab.server.connections import Waiting
from trimtab.server.serve import bind, run

SECRET = b"a-secret-of-the-forge"


@pytest.fixture
async def face(beside: Beside) -> AsyncIterator[aiohttp.ClientSession]:
    """The controller's HTTP face on a port of its own."""
    manager = beside.fleet.manager
    assert manager is not None
    app = create_app(probes=manager, hooks=_Hooks(manager), secrets=lambda: {"generic": [SECRET]})
    listener = bind("127.0.0.1", 0)
    serving = asyncio.create_task(run(app, listener, grace=1, waiting=Waiting()))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
        yield client
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def _delivered(beside: Beside, face: aiohttp.ClientSession, number: int) -> float:
    """Push without telling the controller, and let a signed webhook tell it; the seconds until that is live."""
    content = config_map("good", hook=str(number)).encode()
    oid = await asyncio.to_thread(repos.commit, beside.fleet.work, {"apps/good/good.yaml": content})
    await asyncio.to_thread(repos.push, beside.fleet.work)
    body = json.dumps({"url": beside.fleet.url, "ref": "refs/heads/main", "before": "0" * 40, "after": oid}).encode()
    began = time.monotonic()
    async with face.post("/hooks/generic", data=body, headers=sign("generic", body, SECRET)) as answer:
        assert answer.status == 202
        assert await answer.json() == {"woken": 1}
    await beside.fleet.until_data("good", {"hook": str(number)})
    return time.monotonic() - began


async def test_w1_a_hostile_delivery_wakes_nobody(beside: Beside, face: aiohttp.ClientSession) -> None:
    """No proof, a wrong one, a huge, a nested, a mistyped body: refused by number; genuine ones go through before and after."""
    before = statistics.median([await _delivered(beside, face, n) for n in range(3)])
    good = json.dumps({"url": beside.fleet.url, "ref": "refs/heads/main", "before": "0" * 40, "after": "f" * 40}).encode()
    nested = b"[" * 100_000 + b"]" * 100_000
    mistyped = json.dumps({"url": 7, "ref": None, "before": [], "after": {}}).encode()
    for body, headers, status in [
        (good, {}, 401),
        (good, sign("generic", good, b"wrong"), 401),
        (nested, sign("generic", nested, SECRET), 400),
        (mistyped, sign("generic", mistyped, SECRET), 400),
        (good, sign("generic", nested, SECRET), 401),
    ]:
        async with face.post("/hooks/generic", data=body, headers=headers) as answer:
            assert answer.status == status, await answer.text()
    huge = {**sign("generic", b"", SECRET), "Content-Length": str(1 << 30)}
    async with face.post("/hooks/generic", data=_endless(), headers=huge) as answer:
        assert answer.status == 413
    async with face.get("/readyz") as answer:
        assert answer.status == 200
    assert min([await _delivered(beside, face, n) for n in range(3, 6)]) <= 3 * before + 0.5
    await beside.held()
    await beside.unseen(SECRET.decode())


async def test_w1_a_genuine_delivery_carries_no_content(beside: Beside, face: aiohttp.ClientSession) -> None:
    """A replayed or invented commit id is a hint: what the server has stays in force."""
    body = json.dumps({"url": beside.fleet.url, "ref": "refs/heads/evil", "before": "0" * 40, "after": "e" * 40}).encode()
    for _ in range(5):
        async with face.post("/hooks/generic", data=body, headers=sign("generic", body, SECRET)) as answer:
            assert answer.status == 202
    assert await beside.fleet.settled("good")
    await beside.held()


async def test_w1_a_flood_and_slow_senders_slow_nobody(beside: Beside, face: aiohttp.ClientSession) -> None:
    """Hundreds of forgeries and twenty connections that never finish: limited, and a push is live as before."""
    writers = []
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", face._base_url.port)  # type: ignore[union-attr]
        writer.write(head("Content-Length: 100000"))
        writers.append(writer)

    async def forge() -> int:
        async with face.post("/hooks/generic", data=b"{}", headers=sign("generic", b"{}", b"wrong")) as answer:
            return answer.status

    answers = [status for _ in range(8) for status in await asyncio.gather(*(forge() for _ in range(50)))]
    assert set(answers) <= {401, 429}
    assert 429 in answers
    await beside.held()
    for writer in writers:
        writer.transport.abort()


async def _endless() -> AsyncIterator[bytes]:
    for _ in range(1 << 14):
        yield bytes(1 << 16)
