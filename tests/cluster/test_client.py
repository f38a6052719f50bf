"""The client against failures of the wire: what is asked again, what is not, and what the error says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import SkippingClock, until
from tests.support.cluster import CONFIG_MAPS
from tests.support.scripted import Answer, Request, Scripted, body, hang_up, scripted, silence, status, stream

from trimtab.cluster import errors, objects
from trimtab.cluster.client import Client
from trimtab.cluster.connection import Connection
from trimtab.cluster.credentials import Credential, Credentials, Fixed, TokenFile

BUSY = status(429, reason="TooManyRequests", message="too many", headers={"Retry-After": "2"})
PATH = "/api/v1/namespaces/shop/configmaps/a"


class Stage:
    """A client on a scripted server, and its clock."""

    def __init__(self, client: Client, script: Scripted, clock: SkippingClock) -> None:
        self.client, self.script, self.clock = client, script, clock

    async def get(self, **options: Any) -> bytes:
        """GET of a ConfigMap."""
        return (await self.client.request("GET", PATH, **options)).body

    async def apply(self) -> bytes:
        """Apply of a ConfigMap."""
        return await objects.apply(self.client, CONFIG_MAPS, "shop", "a", b"{}", manager="m", force=False)

    @property
    def asked(self) -> list[Request]:
        """What the server was asked."""
        return self.script.requests


@asynccontextmanager
async def stage(*answers: Answer, credentials: Credentials | None = None, **options: Any) -> AsyncGenerator[Stage]:
    """A client on a server that gives these answers."""
    clock = SkippingClock()
    async with scripted(*answers) as script:
        connection = Connection(script.url, "script", credentials=credentials or Fixed())
        async with Client(connection, clock=clock, chance=lambda: 0.0, **options) as client:
            yield Stage(client, script, clock)


async def test_retry_after_is_honoured() -> None:
    """A GET that is told to come back in two seconds does, not before."""
    async with stage(BUSY, body(b"ok")) as at:
        assert await at.get() == b"ok"
        assert at.clock.slept == [2.0]


async def test_an_apply_is_asked_again_with_the_same_body() -> None:
    """Apply is harmless to repeat."""
    async with stage(BUSY, body(b"ok")) as at:
        assert await at.apply() == b"ok"
        assert at.asked[0].body == at.asked[1].body


async def test_retries_are_bounded() -> None:
    """Four attempts, then the error, with what the server asked for."""
    async with stage(*[BUSY] * 9) as at:
        with pytest.raises(errors.TooManyRequestsError) as refused:
            await at.get()
        assert refused.value.retry_after == 2
        assert len(at.asked) == 4


async def test_a_longer_wait_is_the_callers() -> None:
    """What would block for long is passed on with its retry_after."""
    async with stage(status(429, headers={"Retry-After": "60"})) as at:
        with pytest.raises(errors.TooManyRequestsError) as refused:
            await at.get()
        assert refused.value.retry_after == 60


async def test_a_storm_is_not_amplified_twofold() -> None:
    """A hundred requests against a server that refuses all of them: fewer than two hundred arrive."""
    async with stage(*[BUSY] * 300) as at:
        for _ in range(100):
            with pytest.raises(errors.TooManyRequestsError):
                await at.get()
        assert len(at.asked) < 200


async def test_a_503_is_repeated_only_where_harmless() -> None:
    """503 with Retry-After: GET again, POST not, for it may have been carried out."""
    away = status(503, reason="ServiceUnavailable", headers={"Retry-After": "1"})
    async with stage(away, body(b"ok"), away) as at:
        assert await at.get() == b"ok"
        with pytest.raises(errors.ServerFailedError):
            await objects.create(at.client, CONFIG_MAPS, "shop", b"{}")
        assert len(at.asked) == 3


async def test_a_broken_connection_is_tried_once_more_for_a_get() -> None:
    """The server closed a kept connection: a harmless request goes again, once."""
    async with stage(hang_up, body(b"ok"), hang_up, hang_up) as at:
        assert await at.get() == b"ok"
        with pytest.raises(errors.UnreachableError):
            await at.get()
        assert len(at.asked) == 4


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_write_without_answer_is_ambiguous(method: str) -> None:
    """The connection broke after sending: it may have been carried out, so it is not sent again, and the error says so."""
    async with stage(hang_up) as at:
        with pytest.raises(errors.UnreachableError) as lost:
            await at.client.request(method, PATH, body=b"{}")
        assert lost.value.ambiguous
        assert len(at.asked) == 1


async def test_a_connection_that_never_opened_is_not_ambiguous() -> None:
    """Nothing was sent, so nothing was done; the sentence names server, verb and object."""
    async with scripted() as script:
        url = script.url
    async with Client(Connection(url, "script")) as client:
        with pytest.raises(errors.UnreachableError) as refused:
            await objects.create(client, CONFIG_MAPS, "shop", b"{}")
    assert not refused.value.ambiguous
    assert f"{url} gave no answer to create configmaps in shop" in str(refused.value)


async def test_a_silent_server_runs_into_the_timeout() -> None:
    """A write that gets no answer in time is ambiguous."""
    async with stage(silence) as at:
        with pytest.raises(errors.UnreachableError, match="time for it ran out") as late:
            await at.client.request("POST", PATH, body=b"{}", timeout=0.05)
        assert late.value.ambiguous


async def test_an_answer_that_is_no_status_is_quoted() -> None:
    """A proxy's page in place of a Status still makes a sentence."""
    async with stage(body(b"<h1>Bad\nGateway</h1>", code=502)) as at:
        with pytest.raises(errors.ServerFailedError, match="502 to get configmaps shop/a: <h1>Bad Gateway</h1>"):
            await at.get()


async def test_a_401_renews_the_credential_once(tmp_path: Path) -> None:
    """The token rotated: the file is read again and the request repeated; a second refusal is the caller's."""
    token = tmp_path / "token"
    token.write_text("old")
    async with stage(status(401), body(b"ok"), status(401), status(401), credentials=TokenFile(token)) as at:
        at.client.connection.credentials.cached()
        token.write_text("new")
        assert await at.get() == b"ok"
        assert [request.headers["authorization"] for request in at.asked] == ["Bearer old", "Bearer new"]
        with pytest.raises(errors.UnauthorizedError):
            await at.get()


async def test_a_fixed_credential_is_not_tried_twice() -> None:
    """What cannot be renewed is refused once."""
    async with stage(status(401), credentials=Fixed(Credential("t"))) as at:
        with pytest.raises(errors.UnauthorizedError):
            await at.get()
        assert len(at.asked) == 1


async def test_no_more_requests_at_once_than_connections() -> None:
    """Beyond the limit requests wait their turn, outside their timeouts, and an urgent one passes."""
    async with stage(silence, silence, body(b"urgent"), connections=2) as at:
        held = [asyncio.create_task(at.get()) for _ in range(3)]
        await until(lambda: at.client.statistics().waiting == 1 and len(at.asked) == 2)
        assert await at.get(urgent=True) == b"urgent"
        assert at.client.statistics().active == 2
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)


async def test_a_cancelled_request_gives_its_turn_back() -> None:
    """A limit of one, and a request cancelled in flight: the next one goes."""
    async with stage(silence, body(b"ok"), connections=1) as at:
        first = asyncio.create_task(at.get())
        await until(lambda: at.asked)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert await at.get() == b"ok"


async def test_small_answers_are_not_asked_compressed() -> None:
    """Gzip is for lists alone."""
    async with stage(body(b"{}"), body({"metadata": {}, "items": []})) as at:
        await at.get()
        assert [page async for page in objects.list_pages(at.client, CONFIG_MAPS)] == [([], "")]
        assert [request.headers["accept-encoding"] for request in at.asked] == ["identity", "gzip"]


async def test_several_warnings_are_read() -> None:
    """Each Warning header's text, with its quotes resolved."""
    async with stage(body(b"{}", headers={"Warning": '299 - "unknown field \\"spec.x\\""'})) as at:
        answer = await at.client.request("GET", PATH)
        assert answer.warnings == ('unknown field "spec.x"',)


async def test_redirects_are_not_followed() -> None:
    """A credential is never carried to where a redirect points."""
    async with stage(body(b"", code=302, headers={"Location": "http://127.0.0.1:1/"}), credentials=Fixed(Credential("t"))) as at:
        answer = await at.client.request("GET", PATH)
        assert answer.status == 302
        assert len(at.asked) == 1


async def test_a_watch_renews_its_credential_too(tmp_path: Path) -> None:
    """A watch refused with 401 is opened again with the token that the file holds by now."""
    token = tmp_path / "token"
    token.write_text("old")
    async with stage(status(401), stream(b"line"), credentials=TokenFile(token)) as at:
        at.client.connection.credentials.cached()
        token.write_text("new")
        async with at.client.stream("/api/v1/configmaps", query=[("watch", "true")]) as opened:
            assert await opened.read() == b"line"
        assert [request.headers["authorization"] for request in at.asked] == ["Bearer old", "Bearer new"]
        assert at.client.statistics().watches == 0
