"""Kubernetes Events about objects (`events.k8s.io/v1`), for whoever reads `kubectl events`.

Its story: `record` writes into memory and returns at once; it neither waits nor raises. One task, `run`, sends what is there: a new
Event at its first occurrence, and, where the same is said again within the window, its `series` (count and last time) at most once
each `quiet` seconds. What cannot be delivered is tried a few times and dropped: an Event is news, not state. No message may hold a
secret's value; that is the caller's care.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec import Struct

from trimtab.cluster import errors, objects
from trimtab.cluster.client import Client
from trimtab.cluster.resources import EVENTS
from trimtab.core import digests, logs
from trimtab.core.clock import Clock, rfc3339_micro
from trimtab.core.errors import ApiError
from trimtab.core.queue import Backoff, WorkQueue

_NOTE_BYTES = 1024  # the API's limit on `note`
_TRIES = 4
_NAME_LENGTH = 200
EventType = Literal["Normal", "Warning"]


class Reference(Struct, frozen=True, gc=False):
    """Which object an Event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""


class EventStatistics(Struct, frozen=True):
    """Series in memory now; Events created, series updated, and occurrences dropped so far."""

    series: int
    created: int
    updated: int
    dropped: int


class _Series(Struct):
    about: Reference
    body: dict[str, Any]
    last: datetime
    count: int = 1
    written: int = 0
    tries: int = 0


class EventRecorder:
    """Records Events of one controller. `window` and `quiet` in seconds; at most `most` different ones are remembered."""

    def __init__(
        self,
        client: Client,
        *,
        controller: str,
        instance: str,
        clock: Clock | None = None,
        window: float = 600.0,
        quiet: float = 10.0,
        most: int = 1000,
        chance: Callable[[], float] = random.random,  # ruff: ignore[suspicious-non-cryptographic-random-usage] (it spreads waits and guards nothing)
    ) -> None:
        self._client = client
        self._controller = controller
        self._instance = instance
        self._clock = clock or client.clock
        self._window = timedelta(seconds=window)
        self._quiet = quiet
        self._most = most
        self._known: dict[str, _Series] = {}
        """By what is said about which object; the least recently said first."""
        self._queue: WorkQueue[str] = WorkQueue(chance=chance, backoff=Backoff(first=1.0, most=30.0))
        self._created = self._updated = self._dropped = 0

    def statistics(self) -> EventStatistics:
        """The recorder at this moment."""
        return EventStatistics(len(self._known), self._created, self._updated, self._dropped)

    def record(
        self,
        about: Reference,
        *,
        type: EventType,  # ruff: ignore[builtin-argument-shadowing] (Kubernetes' own word for it)
        reason: str,
        message: str,
        action: str = "",
    ) -> None:
        """Say it, or say it again. `reason` and `action` in PascalCase; `message` is cut at 1 KiB. Never waits, never raises."""
        now = self._clock.now()
        key = digests.digest_of([about.api_version, about.kind, about.namespace, about.name, about.uid, type, reason, action, message])
        self._forget_old(now)
        series = self._known.pop(key, None)
        if series is not None:
            self._known[key] = series  # to the end: said most recently
            series.count += 1
            series.last = now
            self._queue.add_after(key, self._quiet)
        elif len(self._known) >= self._most:
            self._dropped += 1
        else:
            body = self._body(about, now, type=type, reason=reason, action=action or reason, note=_cut(message))
            self._known[key] = _Series(about, body, now)
            self._queue.add(key)

    async def run(self) -> None:
        """Send, for ever."""
        while True:
            key = await self._queue.get()
            try:
                await self._send(key)
            finally:
                self._queue.done(key)

    async def _send(self, key: str) -> None:
        series = self._known.get(key)
        if series is None or series.count == series.written:
            return
        try:
            await (self._update(series) if series.written else self._create(series))
        except ApiError as error:
            self._failed(key, series, error)
            return
        series.tries = 0
        self._queue.forget(key)
        if series.count > series.written:  # said again meanwhile
            self._queue.add_after(key, self._quiet)

    async def _create(self, series: _Series) -> None:
        with suppress(errors.AlreadyExistsError):  # created by an attempt whose answer was lost
            await objects.create(self._client, EVENTS, _namespace(series.about), msgspec.json.encode(series.body))
        self._created += 1
        series.written = 1

    async def _update(self, series: _Series) -> None:
        count = series.count
        patch = {"series": {"count": count, "lastObservedTime": rfc3339_micro(series.last)}}
        name = series.body["metadata"]["name"]
        await objects.merge_patch(self._client, EVENTS, _namespace(series.about), name, msgspec.json.encode(patch))
        self._updated += 1
        series.written = count

    def _failed(self, key: str, series: _Series, error: ApiError) -> None:
        """Try again later, or let it go."""
        series.tries += 1
        hopeless = isinstance(error, errors.NotFoundError | errors.ForbiddenError | errors.InvalidError | errors.BadRequestError)
        if not hopeless and series.tries < _TRIES:
            self._queue.fail(key, at_least=error.retry_after or 0.0)
            return
        logs.get(__name__).warning("an Event could not be recorded", about=f"{series.about.kind} {series.about.name}", reason=str(error))
        self._dropped += series.count - series.written
        self._known.pop(key, None)
        self._queue.drop(key)

    def _forget_old(self, now: datetime) -> None:
        """Series that were not heard of for the window's length are over."""
        while self._known:
            key, oldest = next(iter(self._known.items()))
            if now - oldest.last < self._window:
                return
            del self._known[key]
            self._queue.drop(key)

    def _body(self, about: Reference, now: datetime, **said: str) -> dict[str, Any]:
        name = f"{about.name[:_NAME_LENGTH]}.{digests.digest_of([about.uid, said, now.timestamp(), self._instance])[:16]}"
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": _namespace(about)},
            "eventTime": rfc3339_micro(now),
            "reportingController": self._controller,
            "reportingInstance": self._instance,
            "regarding": {
                "apiVersion": about.api_version,
                "kind": about.kind,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
                "resourceVersion": about.resource_version,
            },
            **said,
        }


def _namespace(about: Reference) -> str:
    """Events about what has no namespace live in `default`, by the API's rule."""
    return about.namespace or "default"


def _cut(message: str) -> str:
    """At most 1 KiB of UTF-8, never half a character."""
    raw = message.encode()
    return message if len(raw) <= _NOTE_BYTES else raw[: _NOTE_BYTES - 3].decode("utf-8", "ignore") + "…"
