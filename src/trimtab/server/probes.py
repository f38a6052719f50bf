"""GET /healthz and /readyz: whether to restart this process, whether to send it traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import PlainTextResponse


class Probes(Protocol):
    """Who knows how the controller is. Both answer from memory, at once."""

    def healthy(self) -> Sequence[str]:
        """Problems that a restart would mend, a sentence each; none when well. An unreachable cluster or Git server is none of them."""
        ...

    def ready(self) -> Sequence[str]:
        """What is still missing before this process serves; none when ready."""
        ...


async def healthz(request: Request) -> PlainTextResponse:
    """Liveness: 200 `ok`, or 503 and a problem a line."""
    return _answer(request.app.state.probes.healthy)


async def readyz(request: Request) -> PlainTextResponse:
    """Readiness: 200 `ok`, or 503 and a problem a line."""
    return _answer(request.app.state.probes.ready)


def _answer(ask: Callable[[], Sequence[str]]) -> PlainTextResponse:
    problems = ask()
    return PlainTextResponse("".join(f"{problem}\n" for problem in problems) or "ok\n", 503 if problems else 200)
