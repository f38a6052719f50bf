"""Reading a request's body: no more than a cap, no longer than a deadline, no more at once than a budget."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from trimtab.server.errors import DeliveryError
from trimtab.server.limits import ByteBudget

MOST = 1 << 20
"""Bytes of one body. GitHub caps its payloads at 25 MB, but a push of ordinary size has some ten kilobytes."""
DEADLINE = 10.0
"""Seconds for a whole body."""


async def read_body(request: Request, *, budget: ByteBudget, most: int = MOST, seconds: float = DEADLINE) -> bytes:
    """The whole body. Raises DeliveryError: 413 too large, 408 too slow, 429 too much at once, 400 the sender left."""
    if _announced(request) > most:
        raise _too_large(most)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            await _fill(body, request, budget, most)
    except TimeoutError:
        raise DeliveryError(408, "late", f"The body was not complete after {seconds:g} s.") from None
    except ClientDisconnect:
        raise DeliveryError(400, "late", "The sender left before the body was complete.") from None
    finally:
        budget.give_back(len(body))
    return bytes(body)


async def _fill(body: bytearray, request: Request, budget: ByteBudget, most: int) -> None:
    async for chunk in request.stream():
        if len(body) + len(chunk) > most:
            raise _too_large(most)
        if not budget.take(len(chunk)):
            raise DeliveryError(429, "limited", "Too many webhooks are being read at this moment; send it again later.")
        body += chunk


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0  # its digits were counted by the HTTP parser


def _too_large(most: int) -> DeliveryError:
    return DeliveryError(413, "oversized", f"The body is larger than {most} bytes; let the webhook send pushes only.")
