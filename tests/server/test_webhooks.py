"""Webhooks: a signed hint wakes a repository, everything else is refused cheaply (row W1)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any
from urllib.parse import quote

import pytest
from tests.server.face import CLONE_URLS, COMMIT, NOTHING, PARENT, PAYLOADS, PROVIDERS, SECRET, head, running, sign

from trimtab.server.connections import Waiting
from trimtab.server.push import Push
from trimtab.server.webhooks import HookLimits


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_push_wakes_the_repository(provider: str) -> None:
    """A signed push names its clone URLs, ref and commits, and the answer says how many repositories woke."""
    async with running(known=[CLONE_URLS[provider]]) as face:
        assert await face.deliver(provider, PAYLOADS[provider]) == (202, {"woken": 1})
        [push] = face.sink.pushes
        assert CLONE_URLS[provider] in push.urls
        assert (push.ref, push.before, push.after) == ("refs/heads/main", PARENT, COMMIT)


@pytest.mark.parametrize(
    ("provider", "url"),
    [
        ("github", "git@github.example.com:acme/fleet.git"),
        ("gitlab", "git@gitlab.example.com:acme/fleet.git"),
        ("gitea", "ssh://git@gitea.example.com:2222/acme/fleet.git"),
    ],
)
async def test_a_repository_cloned_over_ssh_wakes_too(provider: str, url: str) -> None:
    """The SSH address of the repository is among the candidates."""
    async with running(known=[url]) as face:
        assert await face.deliver(provider, PAYLOADS[provider]) == (202, {"woken": 1})


async def test_a_deleted_branch_is_a_hint_without_a_commit() -> None:
    """Forges send zeros for "none"; they become empty."""
    async with running() as face:
        await face.deliver("github", {**PAYLOADS["github"], "after": NOTHING})
        assert not face.sink.pushes[0].after


async def test_a_form_encoded_delivery_is_read() -> None:
    """GitHub's older content type carries the same JSON in a form field; its signature is over the form."""
    body = b"payload=" + quote(json.dumps(PAYLOADS["github"])).encode()
    async with running(known=[CLONE_URLS["github"]]) as face:
        headers = {**sign("github", body), "Content-Type": "application/x-www-form-urlencoded"}
        assert await face.post("github", body, headers) == (202, {"woken": 1})


@pytest.mark.parametrize("header", ["X-Forgejo-Signature", "X-Gogs-Signature"])
async def test_forgejo_and_gogs_sign_like_gitea(header: str) -> None:
    """The descendants and the ancestor send the same digest under their own name."""
    body = json.dumps(PAYLOADS["gitea"]).encode()
    async with running(known=[CLONE_URLS["gitea"]]) as face:
        assert await face.post("gitea", body, {header: sign("gitea", body)["X-Gitea-Signature"]}) == (202, {"woken": 1})


async def test_an_event_that_moves_no_ref_is_taken_and_ignored() -> None:
    """A ping, an issue or a pull request is no reason to fetch, and no error at the forge either."""
    async with running() as face:
        assert await face.deliver("github", {"zen": "Keep it logically awesome."}, **{"X-GitHub-Event": "ping"}) == (202, {"woken": 0})
        assert face.sink.pushes == []


async def test_a_new_secret_and_the_old_one_both_hold_during_a_rotation() -> None:
    """Several secrets may be in force, and are asked for at each delivery."""
    async with running() as face:
        face.secrets["github"] = [b"new", SECRET]
        assert (await face.deliver("github", PAYLOADS["github"]))[0] == 202
        face.secrets["github"] = [b"new"]
        assert (await face.deliver("github", PAYLOADS["github"]))[0] == 401


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_w1_without_a_signature_nothing_is_read(provider: str) -> None:
    """No proof, no parsing: 401."""
    async with running() as face:
        status, answer = await face.post(provider, b"{", {})
        assert status == 401
        assert "missing" in answer["error"]
        assert face.sink.pushes == []


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_w1_a_wrong_signature_is_refused_before_parsing(provider: str) -> None:
    """A body that no parser would take is answered by 401, not 400: it was never parsed."""
    async with running() as face:
        status, _ = await face.post(provider, b"\xff not JSON", sign(provider, b"another body", b"a guess"))
        assert status == 401


@pytest.mark.parametrize("provider", ["github", "gitea", "generic"])
async def test_w1_a_body_changed_under_its_signature_is_refused(provider: str) -> None:
    """The proof covers every byte."""
    body = json.dumps(PAYLOADS[provider]).encode()
    async with running() as face:
        assert (await face.post(provider, body + b" ", sign(provider, body)))[0] == 401


async def test_w1_a_provider_without_a_secret_refuses_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """An absent or empty secret authenticates nobody, and is told of once, not once a delivery."""
    async with running() as face:
        face.secrets["gitlab"] = [b""]
        for _ in range(3):
            assert (await face.deliver("gitlab", PAYLOADS["gitlab"], **{"X-Gitlab-Token": ""}))[0] == 401
    assert capsys.readouterr().out.count("No Repository has a webhook secret for gitlab") == 1


async def test_w1_a_replay_is_one_more_check() -> None:
    """The same delivery again gives the same hint again; there is no content that could be brought back."""
    async with running(known=[CLONE_URLS["github"]]) as face:
        for _ in range(2):
            assert await face.deliver("github", PAYLOADS["github"]) == (202, {"woken": 1})
        assert face.sink.pushes[0] == face.sink.pushes[1]
        assert set(Push.__struct_fields__) == {"urls", "ref", "before", "after"}


async def test_w1_an_unknown_repository_wakes_nobody() -> None:
    """A forge's hook for a whole organisation names repositories that are not ours: 202, none woken."""
    async with running(known=["https://elsewhere.example.com/x.git"]) as face:
        assert await face.deliver("gitlab", PAYLOADS["gitlab"]) == (202, {"woken": 0})


@pytest.mark.parametrize("url", ["https://git.example.com/.*", "https://git.example.com/acme/(fleet|other)+$", "[", "\\"])
async def test_w1_a_url_of_regex_metacharacters_is_only_a_text(url: str) -> None:
    """It reaches the sink as it is, and matches nothing but itself."""
    async with running(known=[CLONE_URLS["generic"]]) as face:
        assert await face.deliver("generic", {"url": url}) == (202, {"woken": 0})
        assert face.sink.pushes[0].urls == (url,)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_w1_absent_null_and_mistyped_fields_are_a_clear_400(provider: str) -> None:
    """Whatever stands where the repository should be, the answer is one sentence, never a 5xx."""
    field = {"gitlab": "project", "generic": "url"}.get(provider, "repository")
    wrongs: list[Any] = [None, 7, True, [], [{}], {}, {"clone_url": 7}, {"clone_url": None}, {"git_http_url": [1]}, "", "\0"]
    async with running() as face:
        for wrong in wrongs:
            status, answer = await face.deliver(provider, {**PAYLOADS[provider], field: wrong})
            assert (status, answer["error"][-1]) == (400, "."), wrong
        assert face.sink.pushes == []


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b'{"url":' + b"[" * 100_000 + b"]" * 100_000 + b"}"])
async def test_w1_json_nested_100k_deep_is_refused(body: bytes) -> None:
    """Depth costs no stack: 400."""
    async with running() as face:
        assert (await face.post("generic", body, sign("generic", body)))[0] == 400


async def test_w1_a_gigabyte_announced_is_refused_unread() -> None:
    """413 comes at once, while the sender has not sent a byte of the body."""
    async with running() as face, face.connection() as (reader, writer):
        writer.write(head(f"Content-Length: {1 << 30}"))
        assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 413")


async def test_w1_a_gigabyte_in_chunks_is_cut_off_after_a_megabyte() -> None:
    """Without an announced length the count decides; the rest is neither kept nor read."""
    async with running() as face, face.connection() as (_, writer):
        writer.write(head("Transfer-Encoding: chunked"))
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 1 << 30:
                writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                await writer.drain()
                sent += 65536
        assert 1 << 20 <= sent < 16 << 20  # a megabyte, and what the sockets' buffers hold


async def test_w1_a_body_that_drips_is_given_up() -> None:
    """Slow-loris, second half of a request: 408 after the deadline, however often a byte comes."""
    async with running(limits=HookLimits(seconds=0.3)) as face, face.connection() as (reader, writer):
        writer.write(head("Content-Length: 999"))
        answer = asyncio.create_task(reader.readline())
        while not (await asyncio.wait([answer], timeout=0.05))[0]:
            writer.write(b"x")
        assert (await answer).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("begun", [b"", b"POST /hooks/generic HTTP/1.1\r\n"])
async def test_w1_a_head_that_does_not_come_is_given_up(begun: bytes) -> None:
    """Slow-loris, first half of a request, and a connection that says nothing: closed."""
    async with running(waiting=Waiting(seconds=0.3)) as face, face.connection() as (reader, writer):
        writer.write(begun)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 5)


async def test_w1_silent_connections_keep_nobody_out() -> None:
    """When too many connections say nothing the oldest goes; a probe and a delivery still pass."""
    async with contextlib.AsyncExitStack() as stack:
        face = await stack.enter_async_context(running(known=[CLONE_URLS["github"]], waiting=Waiting(most=4)))
        for _ in range(20):
            await stack.enter_async_context(face.connection())
        assert await face.get("/healthz") == (200, "ok\n")
        assert await face.deliver("github", PAYLOADS["github"]) == (202, {"woken": 1})


async def test_w1_a_flood_from_one_address_is_turned_away() -> None:
    """Beyond the burst: 429, counted, and nothing else of the server suffers."""
    async with running(limits=HookLimits(rate=0.001, burst=5)) as face:
        statuses = [(await face.deliver("github", PAYLOADS["github"]))[0] for _ in range(50)]
        assert statuses == [202] * 5 + [429] * 45
        assert len(face.sink.pushes) == 5
        assert await face.get("/healthz") == (200, "ok\n")


async def test_an_unknown_provider_is_told_the_known_ones() -> None:
    """404, with the list."""
    async with running() as face:
        status, answer = await face.post("svn", b"", {})
        assert status == 404
        assert "github, gitlab, gitea, generic" in answer["error"]
