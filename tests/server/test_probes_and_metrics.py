"""Probes, metrics, and the server's own life."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp
import pytest
from tests.server.face import CLONE_URLS, PAYLOADS, Health, Sink, running, sign

from trimtab.core.errors import InputError
from trimtab.server.app import create_app
from trimtab.server.serve import bind, serve


async def test_a_well_controller_says_ok() -> None:
    """Both probes answer 200."""
    async with running() as face:
        assert await face.get("/healthz") == (200, "ok\n")
        assert await face.get("/readyz") == (200, "ok\n")


async def test_problems_are_told_a_line_each() -> None:
    """503 and the sentences; readiness does not touch liveness."""
    async with running() as face:
        face.health.unready = ["The first list of Applications is not complete.", "The CRDs are missing."]
        assert await face.get("/readyz") == (503, "The first list of Applications is not complete.\nThe CRDs are missing.\n")
        assert await face.get("/healthz") == (200, "ok\n")
        face.health.unhealthy = ["The lease task ended."]
        assert (await face.get("/healthz"))[0] == 503


async def test_webhooks_are_counted_by_provider_and_outcome() -> None:
    """The metrics tell a flood of forgeries from a working hook; names are those that a scraper expects."""
    async with running(known=[CLONE_URLS["gitea"]]) as face:
        await face.deliver("gitea", PAYLOADS["gitea"])
        status, text = await face.get("/metrics")
        assert status == 200
        assert 'trimtab_webhooks_total{outcome="accepted",provider="gitea"}' in text


async def test_answers_are_dated() -> None:
    """RFC 9110, section 6.6.1: a server with a clock says when it answered."""
    async with running() as face, face.client.get("/healthz") as answer:
        age = datetime.now(UTC) - parsedate_to_datetime(answer.headers["Date"])
        assert timedelta(0) <= age < timedelta(seconds=30)


async def test_a_server_at_rest_does_nothing() -> None:
    """No timer runs when nobody asks: the controller's idle cost is its own."""
    async with running() as face:
        await face.get("/healthz")
        await face.client.close()
        await asyncio.sleep(0.2)
        loop = asyncio.get_running_loop()
        assert len([timer for timer in vars(loop)["_scheduled"] if not timer.cancelled()]) == 0


async def test_only_post_brings_a_webhook() -> None:
    """A browser that looks at the address is told so."""
    async with running() as face:
        assert (await face.get("/hooks/github"))[0] == 405


async def test_the_port_is_known_at_once_and_freed_at_the_end() -> None:
    """Port 0 takes a free one; when the group that owns the server ends, nobody listens there."""
    ports: list[int] = []

    async def live() -> None:
        async with asyncio.TaskGroup() as group:
            ports.append(serve(create_app(probes=Health(), hooks=Sink(), secrets=dict), host="127.0.0.1", port=0, group=group))
            async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{ports[0]}/healthz") as answer:
                assert answer.status == 200
            raise InputError("enough")

    with pytest.RaisesGroup(InputError):
        await live()
    bind("127.0.0.1", ports[0]).close()


async def test_a_delivery_under_way_is_finished_before_the_end() -> None:
    """A server told to stop lets a body that is being sent come through, and answers it."""
    stack = contextlib.AsyncExitStack()
    async with stack:
        face = await stack.enter_async_context(running())
        reader, writer = await stack.enter_async_context(face.connection())
        body = json.dumps(PAYLOADS["generic"]).encode()
        proof = sign("generic", body)["X-Trimtab-Signature"]
        writer.write(
            f"POST /hooks/generic HTTP/1.1\r\nHost: x\r\nX-Trimtab-Signature: {proof}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        await face.get("/healthz")
        stopping = asyncio.create_task(face.stop())
        await asyncio.sleep(0.15)
        writer.write(body)
        assert (await reader.readline()).startswith(b"HTTP/1.1 202")
        await stopping


async def test_a_taken_port_is_a_sentence() -> None:
    """What, where, and how to mend."""
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(InputError, match=rf"Cannot listen on 127\.0\.0\.1:{port}: Address already in use"):
            bind("127.0.0.1", port)


async def test_the_program_keeps_its_signals() -> None:
    """Serving does not replace the handler of SIGTERM."""
    before = signal.getsignal(signal.SIGTERM)
    async with running() as face:
        await face.get("/healthz")
        assert signal.getsignal(signal.SIGTERM) is before
