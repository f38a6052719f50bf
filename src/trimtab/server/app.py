"""The routes of the controller's HTTP face."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trimtab.core.metrics import REGISTRY
from trimtab.server import signatures
from trimtab.server.probes import Probes, healthz, readyz
from trimtab.server.push import HookSink
from trimtab.server.webhooks import HookLimits, Secrets, Webhooks


def create_app(
    *,
    probes: Probes,
    hooks: HookSink,
    secrets: Secrets,
    registry: CollectorRegistry = REGISTRY,
    limits: HookLimits | None = None,
    now: Callable[[], float] = time.monotonic,
) -> Starlette:
    """The application: probes, metrics and webhooks.

    `secrets` is asked at each delivery, so a rotation needs no restart; `now` is the monotonic clock of the rate limiter, in seconds.
    """
    receiver = Webhooks(hooks, secrets, limits=limits or HookLimits(), now=now)

    async def hook(request: Request) -> Response:
        known = request.path_params["provider"] in signatures.SCHEMES
        return await receiver.receive(request) if known else _no_such_provider()

    app = Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/hooks/{provider}", hook, methods=["POST"]),
        ]
    )
    app.state.probes = probes
    app.state.registry = registry
    return app


async def metrics(request: Request) -> Response:
    """The metrics in the text form that the scraper prefers, rendered off the loop."""
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(await asyncio.to_thread(encode, request.app.state.registry), headers={"content-type": content_type})


def _no_such_provider() -> Response:
    return JSONResponse({"error": f"Webhooks are received at /hooks/ for {', '.join(signatures.SCHEMES)}."}, 404, {"connection": "close"})
