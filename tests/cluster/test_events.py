"""Events: news about objects, said once and counted after that, in nobody's way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

from tests.support.clock import SkippingClock, until
from tests.support.scripted import body, scripted, silence, status

from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.connection import Connection
from trimtab.cluster.events import EventRecorder, Reference
from trimtab.cluster.resources import EVENTS


@asynccontextmanager
async def recorder(client: Client, **options: Any) -> AsyncGenerator[EventRecorder]:
    """A recorder whose task runs."""
    made = EventRecorder(client, controller="trimtab.dev/controller", instance="one", chance=lambda: 0.5, **options)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def about(namespace: str = "shop", name: str = "podinfo") -> Reference:
    """A reference to a ConfigMap."""
    return Reference("v1", "ConfigMap", namespace, name, uid="u1")


async def found(client: Client, namespace: str) -> list[dict[str, Any]]:
    """The Events in a namespace."""
    pages = [items async for items, _ in objects.list_pages(client, EVENTS, namespace=namespace)]
    events = [json.loads(item) for items in pages for item in items]
    return [event for event in events if event.get("reportingController") == "trimtab.dev/controller"]


async def test_an_event_can_be_read(cluster: Client, namespace: str) -> None:
    """Regarding, type, reason, note and who reported it."""
    async with recorder(cluster) as events:
        events.record(about(namespace), type="Warning", reason="ApplyFailed", message="the quota is used up", action="Apply")
        await until(lambda: events.statistics().created == 1)
    [event] = await found(cluster, namespace)
    assert event["regarding"]["name"] == "podinfo"
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "ApplyFailed", "Apply")
    assert event["note"] == "the quota is used up"
    assert event["reportingInstance"] == "one"


async def test_the_same_again_is_a_series(cluster: Client, namespace: str) -> None:
    """Said twenty times: one Event with a count of twenty, by two writes."""
    async with recorder(cluster, quiet=0.1) as events:
        for _ in range(20):
            events.record(about(namespace), type="Warning", reason="ApplyFailed", message="no")
        await until(lambda: events.statistics().updated == 1)
    [event] = await found(cluster, namespace)
    assert event["series"]["count"] == 20
    assert events.statistics().created == 1


async def test_different_news_are_different_events(cluster: Client, namespace: str) -> None:
    """Another message is another Event."""
    async with recorder(cluster) as events:
        for message in ("one", "two"):
            events.record(about(namespace), type="Normal", reason="Synced", message=message)
        await until(lambda: events.statistics().created == 2)
    assert {event["note"] for event in await found(cluster, namespace)} == {"one", "two"}


async def test_a_long_message_is_cut(cluster: Client, namespace: str) -> None:
    """At most 1 KiB, and no half character at the end."""
    async with recorder(cluster) as events:
        events.record(about(namespace), type="Normal", reason="Synced", message="ä" * 3000)
        await until(lambda: events.statistics().created == 1)
    [event] = await found(cluster, namespace)
    assert len(event["note"].encode()) <= 1024
    assert event["note"].endswith("ä…")


async def test_an_object_without_namespace_has_its_events_in_default(cluster: Client) -> None:
    """The API's rule for cluster-scoped objects."""
    async with recorder(cluster) as events:
        events.record(Reference("v1", "Namespace", "", "kube-system"), type="Normal", reason="Seen", message="hello")
        await until(lambda: events.statistics().created == 1)
    assert any(event["regarding"]["name"] == "kube-system" for event in await found(cluster, "default"))


async def test_a_vanished_namespace_costs_nothing_but_the_event(cluster: Client) -> None:
    """What cannot be recorded is dropped, and the next one goes through."""
    async with recorder(cluster) as events:
        events.record(about("no-such-namespace"), type="Normal", reason="Seen", message="lost")
        events.record(about("default"), type="Normal", reason="Seen", message="kept")
        await until(lambda: events.statistics().created == 1 and events.statistics().dropped == 1)


async def test_recording_never_waits_and_never_grows_without_end() -> None:
    """A server that answers nothing: the caller goes on, at most `most` Events are kept, the rest is counted."""
    async with scripted(silence) as script, Client(Connection(script.url, "script")) as client, recorder(client, most=10) as events:
        for number in range(1000):
            events.record(about(), type="Normal", reason="Synced", message=str(number))
        assert events.statistics().series == 10
        assert events.statistics().dropped == 990


async def test_a_failing_server_is_tried_a_few_times() -> None:
    """Retried with growing pauses, then let go."""
    async with scripted(status(500), body({})) as script, Client(Connection(script.url, "script")) as client, recorder(client) as events:
        events._queue._backoff = type(events._queue._backoff)(first=0.01)
        events.record(about(), type="Normal", reason="Synced", message="again")
        await until(lambda: events.statistics().created == 1)
        assert len(script.requests) == 2


async def test_after_the_window_it_is_news_again() -> None:
    """The same, eleven minutes later, is a new Event."""
    clock = SkippingClock()
    async with (
        scripted(body({}), body({})) as script,
        Client(Connection(script.url, "script"), clock=clock) as client,
        recorder(client) as events,
    ):
        events.record(about(), type="Normal", reason="Synced", message="same")
        await until(lambda: events.statistics().created == 1)
        clock.skip(660)
        events.record(about(), type="Normal", reason="Synced", message="same")
        await until(lambda: events.statistics().created == 2)
        names = {json.loads(request.body)["metadata"]["name"] for request in script.requests}
        assert len(names) == 2
