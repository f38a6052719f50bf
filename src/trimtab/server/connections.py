"""Connections that do not wait for ever: uvicorn bounds neither the time of a request's head nor the number of idle connections.

Its story: a connection owes us a request from the moment it is made, and again from each answer. `Waiting` remembers those that owe, the
oldest first; each has a timer on the loop that closes it when the head does not come. When too many owe, the oldest is closed, so
that a flood of silent connections cannot keep a probe or a real delivery out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Protocol

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEAD_SECONDS = 10.0
"""For a request's head to arrive, and for an idle connection to be used again."""
MOST_WAITING = 512
"""Connections that may owe a request at once."""


class _Closing(Protocol):
    def give_up(self) -> None: ...


class Waiting:
    """The connections that owe a request, oldest first, at most so many."""

    def __init__(self, *, most: int = MOST_WAITING, seconds: float = HEAD_SECONDS) -> None:
        self._most = most
        self.seconds = seconds
        self._connections: dict[_Closing, None] = {}

    def add(self, connection: _Closing) -> None:
        """A connection owes a request from now on; the oldest goes when there are too many."""
        self.discard(connection)
        self._connections[connection] = None
        if len(self._connections) > self._most:
            oldest = next(iter(self._connections))
            self.discard(oldest)
            oldest.give_up()

    def discard(self, connection: _Closing) -> None:
        """A connection owes nothing any more."""
        self._connections.pop(connection, None)


class PunctualProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, to peers who send their request in time."""

    def __init__(self, *arguments: Any, waiting: Waiting, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._waiting = waiting
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A peer came: it owes a request."""
        super().connection_made(transport)
        self._await_request()

    def handle_events(self) -> None:
        """Bytes came: with a whole head the debt is paid. Answers carry the date of now (RFC 9110, section 6.6.1)."""
        self.server_state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        super().handle_events()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """An answer went out: the peer owes the next request."""
        self._await_request()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer went."""
        self._stop_waiting()
        super().connection_lost(exc)

    def give_up(self) -> None:
        """Close a connection whose request did not come."""
        self._stop_waiting()
        self.transport.abort()

    def _await_request(self) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(self._waiting.seconds, self.give_up)
        self._waiting.add(self)

    def _stop_waiting(self) -> None:
        self._waiting.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def protocol(waiting: Waiting) -> Callable[..., PunctualProtocol]:
    """What uvicorn calls to make a connection."""

    def make(*arguments: Any, **keywords: Any) -> PunctualProtocol:
        return PunctualProtocol(*arguments, waiting=waiting, **keywords)

    return make
