"""The reflector against failures of the wire: each as the scripted server plays it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import pytest
from tests.support.clock import SkippingClock, until
from tests.support.cluster import CONFIG_MAPS
from tests.support.scripted import (
    Answer,
    Scripted,
    body,
    event,
    hang_up,
    initial_end,
    page,
    scripted,
    silence,
    status,
    status_object,
    stream,
)

from trimtab.cluster import errors
from trimtab.cluster.client import Client
from trimtab.cluster.connection import Connection
from trimtab.cluster.watch import Change, Reflector
from trimtab.core.errors import ApiError


class Recorder:
    """A handler that keeps the names and writes down what it was told."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.told: list[str] = []
        self.lists: list[list[str]] = []
        self.error: ApiError | None = None

    def decode(self, raw: bytes) -> str:
        """The name."""
        name: str = json.loads(raw)["metadata"]["name"]
        return name

    async def replaced(self, items: Sequence[str], resource_version: str) -> None:
        """All there is."""
        self.names = set(items)
        self.lists.append(sorted(items))
        self.told.append(f"replaced at {resource_version}")

    def changed(self, kind: Change, raw: bytes) -> None:
        """One change."""
        name = self.decode(raw)
        self.told.append(f"{kind} {name}")
        if kind == "DELETED":
            self.names.discard(name)
        else:
            self.names.add(name)

    def synced(self) -> None:
        """Complete and followed."""
        self.error = None
        self.told.append("synced")

    def unreadable(self, error: ApiError) -> None:
        """Not to be read."""
        self.error = error
        self.told.append("unreadable")


class Stage:
    """A reflector on a scripted server."""

    def __init__(self, script: Scripted, reflector: Reflector[str], recorder: Recorder, clock: SkippingClock) -> None:
        self.script, self.reflector, self.recorder, self.clock = script, reflector, recorder, clock

    def watches(self) -> list[dict[str, str]]:
        """The queries of all watches so far."""
        return [request.query for request in self.script.requests if "watch" in request.query]

    def lists(self) -> list[dict[str, str]]:
        """The queries of all lists so far."""
        return [request.query for request in self.script.requests if "watch" not in request.query]


@asynccontextmanager
async def following(*answers: Answer, **options: Any) -> AsyncGenerator[Stage]:
    """A reflector that runs against these answers; after them the server is silent."""
    clock, recorder = SkippingClock(), Recorder()
    async with scripted(*answers, *[stream(then=silence)] * 3) as script, Client(Connection(script.url, "script"), clock=clock) as client:
        reflector = Reflector(client, CONFIG_MAPS, handler=recorder, chance=lambda: 0.5, **options)
        task = asyncio.create_task(reflector.run())
        try:
            yield Stage(script, reflector, recorder, clock)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


INITIAL = (event("ADDED", 3, "a"), event("ADDED", 5, "b"), initial_end(7))


async def test_watch_list_gives_the_state_in_one_stream() -> None:
    """The initial events up to the bookmark are one complete list; what follows on the same stream are changes."""
    async with following(stream(*INITIAL, event("MODIFIED", 8, "a"), then=silence)) as stage:
        await until(lambda: "MODIFIED a" in stage.recorder.told)
        assert stage.recorder.told == ["replaced at 7", "synced", "MODIFIED a"]
        [query] = stage.watches()
        assert query["sendInitialEvents"] == "true"
        assert query["resourceVersionMatch"] == "NotOlderThan"
        assert not stage.lists()


async def test_without_watch_list_pages_are_taken() -> None:
    """A server that refuses sendInitialEvents is listed by pages, then watched from the list's version."""
    refusal = status(422, reason="Invalid", message="sendInitialEvents is forbidden")
    async with following(refusal, page(9, "a", token="t"), page(9, "b"), stream(then=silence)) as stage:
        await until(lambda: len(stage.watches()) == 2)
        assert stage.recorder.lists == [["a", "b"]]
        assert stage.lists()[1]["continue"] == "t"
        assert stage.watches()[1]["resourceVersion"] == "9"


async def test_a_server_that_ignores_watch_list_is_listed() -> None:
    """Silence before the end of the initial events means that the server never understood the question."""
    async with following(stream(event("ADDED", 3), then=silence), page(9, "a"), silent_after=0.05) as stage:
        await stage.reflector.wait_synced()
        assert stage.recorder.lists == [["a"]]


async def test_a_stream_that_breaks_before_the_end_of_the_list_is_no_list() -> None:
    """A half-told state is never handed over: what is missing from it is not gone."""
    async with following(stream(event("ADDED", 3, "a"), then=hang_up), stream(*INITIAL, then=silence)) as stage:
        await stage.reflector.wait_synced()
        assert stage.recorder.lists == [["a", "b"]]


async def test_the_end_of_a_watch_is_followed_by_the_next_from_there() -> None:
    """The server ends a watch; the next one starts at the last version seen, bookmarks included, without a new list."""
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "12"}}}
    async with following(stream(*INITIAL, event("ADDED", 9, "c"), bookmark), stream(event("DELETED", 14, "a"), then=silence)) as stage:
        await until(lambda: "DELETED a" in stage.recorder.told)
        assert stage.watches()[1]["resourceVersion"] == "12"
        assert len(stage.recorder.lists) == 1
        assert stage.recorder.names == {"b", "c"}


async def test_410_on_resume_lists_once() -> None:
    """A version that the server no longer keeps: the state is taken anew, once, and what vanished meanwhile is gone."""
    gone = status(410, reason="Expired", message="too old resource version")
    again = stream(event("ADDED", 20, "b"), initial_end(21), then=silence)
    async with following(stream(*INITIAL), gone, again) as stage:
        await until(lambda: len(stage.recorder.lists) == 2)
        assert stage.recorder.names == {"b"}
        assert stage.reflector.statistics().lists == 2


async def test_an_error_event_lists_once() -> None:
    """An ERROR event in the stream: the same."""
    broken = {"type": "ERROR", "object": status_object(410, reason="Expired")}
    again = stream(event("ADDED", 20, "c"), initial_end(21), then=silence)
    async with following(stream(*INITIAL, broken), again) as stage:
        await until(lambda: len(stage.recorder.lists) == 2)
        assert stage.recorder.names == {"c"}
        assert len(stage.watches()) == 2


async def test_a_version_that_runs_backwards_lists_anew() -> None:
    """A server restored from a backup speaks of older versions: what we know does not continue into that."""
    again = stream(event("ADDED", 2, "old"), initial_end(4), then=silence)
    async with following(stream(*INITIAL, event("MODIFIED", 3, "a"), then=silence), again) as stage:
        await until(lambda: len(stage.recorder.lists) == 2)
        assert stage.recorder.names == {"old"}
        assert stage.reflector.statistics().resource_version == "4"


async def test_empty_streams_are_not_asked_in_a_loop() -> None:
    """200 and an empty stream, again and again: resumed each time, slower each time, never taken for an empty cluster."""
    async with following(stream(*INITIAL), stream(), stream(), stream(), stream(), stream(then=silence)) as stage:
        await until(lambda: len(stage.watches()) == 6)
        assert stage.recorder.names == {"a", "b"}
        assert stage.clock.slept == [0.25, 0.5, 1.0, 2.0]


async def test_half_a_line_is_no_event() -> None:
    """A connection that breaks within a line: the line is dropped, and told again by the next watch."""
    line = json.dumps(event("ADDED", 9, "c")).encode()
    async with following(stream(*INITIAL, line[:30], then=hang_up), page(9), stream(event("ADDED", 9, "c"), then=silence)) as stage:
        await until(lambda: "ADDED c" in stage.recorder.told)
        assert stage.watches()[1]["resourceVersion"] == "7"
        assert stage.recorder.told.count("ADDED c") == 1


async def test_a_line_in_many_pieces_is_one_event() -> None:
    """Chunks fall anywhere, lines have any length."""
    line = json.dumps(event("ADDED", 9, "c", annotations={"long": "x" * 300_000})).encode() + b"\n"
    pieces = [line[start : start + 70_000] for start in range(0, len(line), 70_000)]
    async with following(stream(*INITIAL, *pieces, then=silence)) as stage:
        await until(lambda: "ADDED c" in stage.recorder.told)


async def test_a_silent_watch_is_opened_again() -> None:
    """No byte and no bookmark for too long: reconnect from the last version; nothing is lost and nothing listed."""
    answers = (stream(*INITIAL, then=silence), page(9), stream(event("ADDED", 9, "c"), then=silence), page(9))
    async with following(*answers, silent_after=0.05) as stage:
        await until(lambda: "ADDED c" in stage.recorder.told)
        assert stage.watches()[1]["resourceVersion"] == "7"
        assert len(stage.recorder.lists) == 1
        assert stage.reflector.statistics().silences >= 1


@pytest.mark.parametrize("then", [hang_up, silence], ids=["broken", "silent"])
async def test_a_server_restored_from_a_backup_is_noticed(then: Answer) -> None:
    """After a break or silence the server is asked for its version; one that is behind ours has another history: list anew."""
    again = stream(event("ADDED", 3, "old"), initial_end(4), then=silence)
    async with following(stream(*INITIAL, then=then), page(4), again, silent_after=0.2) as stage:
        await until(lambda: len(stage.recorder.lists) == 2)
        assert stage.recorder.names == {"old"}
        assert stage.lists()[0]["limit"] == "1"


async def test_a_forbidden_kind_is_unreadable_not_empty() -> None:
    """403 (or 404) on resume: the handler is told and keeps what it has; when it can be read again it is told so."""
    async with following(stream(*INITIAL), status(403, reason="Forbidden"), status(404, reason="NotFound"), stream(then=silence)) as stage:
        await until(lambda: stage.recorder.told.count("synced") == 2)
        assert stage.recorder.told == ["replaced at 7", "synced", "unreadable", "unreadable", "synced"]
        assert stage.recorder.names == {"a", "b"}
        assert min(stage.clock.slept) >= 4


async def test_an_unreadable_kind_at_the_start_is_told() -> None:
    """Before the first picture every failure is told: somebody waits and wants to know why."""
    async with following(status(403, reason="Forbidden"), stream(*INITIAL, then=silence)) as stage:
        await stage.reflector.wait_synced()
        assert stage.recorder.told[0] == "unreadable"
        assert stage.recorder.error is None


async def test_retry_after_is_kept() -> None:
    """429 on a watch: not before the server's word."""
    async with following(status(429, reason="TooManyRequests", headers={"Retry-After": "7"}), stream(*INITIAL, then=silence)) as stage:
        await stage.reflector.wait_synced()
        assert stage.clock.slept == [7.0]


async def test_pages_that_expired_are_taken_anew() -> None:
    """410 between two pages: what was read so far is no list; the next is taken whole, for it cannot expire."""
    refusal, gone = status(422, reason="Invalid"), status(410, reason="Expired")
    async with following(refusal, page(9, "a", token="t"), gone, page(11, "b", "c")) as stage:
        await stage.reflector.wait_synced()
        assert stage.recorder.lists == [["b", "c"]]
        assert ["limit" in query for query in stage.lists()] == [True, True, False]


async def test_an_answer_that_is_no_watch_is_not_believed() -> None:
    """A proxy's page with 200 is neither a state nor a change."""
    async with following(body(b"<html>welcome</html>\n"), stream(*INITIAL, then=silence)) as stage:
        await stage.reflector.wait_synced()
        assert stage.recorder.lists == [["a", "b"]]


async def test_a_server_that_is_away_is_told_after_a_while() -> None:
    """One lost connection is nothing to tell; three in a row are."""
    async with following(stream(*INITIAL), *[hang_up] * 5, page(8), stream(then=silence)) as stage:
        await until(lambda: stage.recorder.told.count("synced") == 2)
        assert stage.recorder.told == ["replaced at 7", "synced", "unreadable", "synced"]
        assert isinstance(stage.recorder.error, errors.UnreachableError | None)


async def test_a_long_list_gives_the_loop_away() -> None:
    """Twenty thousand objects come as fast as a socket can: no slice of the loop takes longer than 20 ms of processor time."""
    lines = [event("ADDED", n + 1, f"n{n}", annotations={"x": "y" * 500}) for n in range(20_000)] + [initial_end(30_000)]
    content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    recorder = Recorder()
    with sender(content) as url:
        async with Client(Connection(url, "sender")) as client:
            task = asyncio.create_task(Reflector(client, CONFIG_MAPS, handler=recorder).run())
            worst, last = 0.0, time.thread_time()
            while not recorder.lists:
                await asyncio.sleep(0)
                now = time.thread_time()
                worst, last = max(worst, now - last), now
            task.cancel()
    assert len(recorder.names) == 20_000
    assert worst < 0.020


@contextmanager
def sender(content: bytes) -> Generator[str]:
    """A server in a thread of its own, which costs this thread nothing: one answer of that content, then silence."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + content)
            connection.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join(10)
        listener.close()
