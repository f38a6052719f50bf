"""POST /hooks/{github,gitlab,gitea,generic}: a signed hint becomes a wake-up, everything else a refusal.

Its order is its security: rate, secret, form of the proof, body within its limits, proof over the raw body, and only then the parser.
A valid delivery, repeated or not, causes nothing but a check of the repository: there is nothing to replay.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from trimtab.core import logs
from trimtab.core.errors import InputError
from trimtab.core.metrics import WEBHOOKS
from trimtab.server import payloads, signatures
from trimtab.server.bodies import DEADLINE, MOST, read_body
from trimtab.server.errors import DeliveryError
from trimtab.server.limits import ByteBudget, RateLimiter, RateStatistics
from trimtab.server.push import HookSink

Secrets = Callable[[], Mapping[str, Sequence[bytes]]]
"""The secrets of each provider at this moment: those of every Repository that has one."""

LOG_EVERY = 60.0
"""Seconds between two log lines of one kind: a flood of forgeries must not become a flood of lines."""


class HookLimits(msgspec.Struct, frozen=True):
    """What webhooks may cost."""

    body: int = MOST
    """Bytes of one body."""
    bodies: int = 16 << 20
    """Bytes of all bodies that are being read."""
    seconds: float = DEADLINE
    """For one body to arrive."""
    rate: float = 50.0
    """Deliveries a second from one remote, in the long run."""
    burst: float = 200.0
    """Deliveries at once from one remote: a monorepo's tags are pushed together."""
    remotes: int = 1024
    """Remotes remembered."""


class HookStatistics(msgspec.Struct, frozen=True):
    """A moment of the receiver: what its limiter remembers, and the bytes of the budget that are not taken."""

    rate: RateStatistics
    free_bytes: int


class Webhooks:
    """The receiver of all providers' deliveries."""

    def __init__(self, sink: HookSink, secrets: Secrets, *, limits: HookLimits, now: Callable[[], float] = time.monotonic) -> None:
        self._sink = sink
        self._secrets = secrets
        self._limits = limits
        self._now = now
        self._rate = RateLimiter(rate=limits.rate, burst=limits.burst, most=limits.remotes, now=now)
        self._budget = ByteBudget(limits.bodies)
        self._said: dict[tuple[str, str], float] = {}

    async def receive(self, request: Request) -> Response:
        """Answer one delivery: 202 with the number of repositories woken, or a refusal with its sentence."""
        provider = request.path_params["provider"]
        try:
            outcome, woken = await self._accept(provider, request)
        except DeliveryError as refusal:
            self._note(provider, refusal)
            return _answer(refusal.status, {"error": refusal.sentence}, close=True)
        WEBHOOKS.labels(provider, outcome).inc()
        return _answer(202, {"woken": woken})

    def statistics(self) -> HookStatistics:
        """The receiver at this moment."""
        return HookStatistics(self._rate.statistics(), self._budget.free)

    async def _accept(self, provider: str, request: Request) -> tuple[str, int]:
        if not self._rate.admit(request.client.host if request.client else ""):
            raise DeliveryError(429, "limited", "Too many webhooks from this address; send it again later.")
        body = await self._authentic_body(provider, request)
        if not payloads.moves_a_ref(provider, request.headers):
            return "ignored", 0
        try:
            push = payloads.read(provider, body, request.headers.get("content-type", ""))
        except InputError as error:
            raise DeliveryError(400, "malformed", error.sentence) from None
        if not push.urls:
            raise DeliveryError(400, "malformed", f"The {provider} webhook names no repository.")
        woken = self._sink.pushed(push)
        return ("accepted" if woken else "unknown"), woken

    async def _authentic_body(self, provider: str, request: Request) -> bytes:
        """The raw body, its sender proven."""
        scheme = signatures.SCHEMES[provider]
        secrets = [secret for secret in self._secrets().get(provider, ()) if secret]
        if not secrets:
            raise DeliveryError(401, "unconfigured", f"No Repository has a webhook secret for {provider}, so nobody can prove to be it.")
        proof = signatures.presented(scheme, request.headers)
        if not signatures.worth_reading(scheme, proof, secrets):
            raise _unproven(scheme)
        body = await read_body(request, budget=self._budget, most=self._limits.body, seconds=self._limits.seconds)
        if not signatures.genuine(scheme, proof, body, secrets):
            raise _unproven(scheme)
        return body

    def _note(self, provider: str, refusal: DeliveryError) -> None:
        """Count every refusal, and log the first of its kind in a while."""
        WEBHOOKS.labels(provider, refusal.outcome).inc()
        kind = (provider, refusal.outcome)
        if self._now() - self._said.get(kind, float("-inf")) >= LOG_EVERY:
            self._said[kind] = self._now()
            logs.get(__name__).warning("webhook refused", provider=provider, outcome=refusal.outcome, why=refusal.sentence)


def _unproven(scheme: signatures.Hmac | signatures.Token) -> DeliveryError:
    return DeliveryError(401, "unproven", f"The header {scheme.headers[0]} is missing or was not made with a secret that is known here.")


def _answer(status: int, content: Mapping[str, object], *, close: bool = False) -> Response:
    """A JSON answer; a refusal closes the connection, or the rest of its body would have to be read."""
    headers = {"connection": "close"} if close else {}
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")
