"""Whatever bytes a proven sender sends, the answer is one of ours and nothing is left behind (row W1)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from tests.server.face import PAYLOADS, PROVIDERS, SECRET, Sink, sign

from trimtab.core.errors import InputError
from trimtab.server import payloads, signatures
from trimtab.server.webhooks import HookLimits, Webhooks

pytestmark = pytest.mark.fast

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
json_values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@st.composite
def mutated_payloads(draw: st.DrawFn) -> tuple[str, bytes]:
    """A real-shaped payload with any value at any place, at most two deep."""
    provider = draw(st.sampled_from(PROVIDERS))
    payload: dict[str, Any] = json.loads(json.dumps(PAYLOADS[provider]))
    nested = [payload, *(value for value in payload.values() if isinstance(value, dict))]
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(nested))
        place[draw(st.sampled_from(sorted(place)))] = draw(json_values)
    return provider, json.dumps(payload).encode()


deliveries = (
    st.tuples(st.sampled_from(PROVIDERS), st.binary() | json_values.map(lambda value: json.dumps(value).encode())) | mutated_payloads()
)


@given(deliveries, st.sampled_from(["application/json", "application/x-www-form-urlencoded", "", "text/plain; charset=x"]))
def test_any_body_is_a_push_or_one_sentence(delivery: tuple[str, bytes], content_type: str) -> None:
    """Reading raises InputError alone, and what it gives can be logged, compared and encoded."""
    provider, body = delivery
    try:
        push = payloads.read(provider, body, content_type)
    except InputError as error:
        told: tuple[str, ...] = (error.sentence,)
    else:
        told = (*push.urls, push.ref, push.before, push.after)
    for text in told:
        assert text.isprintable()
        text.encode()  # raises where a lone surrogate slipped through


@settings(max_examples=60)
@given(deliveries, st.binary(max_size=80).map(lambda value: value.decode("latin-1")), st.booleans())
def test_any_delivery_gets_an_answer_of_ours(delivery: tuple[str, bytes], forged: str, honest: bool) -> None:
    """202, 400 or 401, never a 5xx; and the budget of bytes is whole again."""
    provider, body = delivery
    headers = sign(provider, body) if honest else dict.fromkeys(sign(provider, body), forged)
    receiver = Webhooks(Sink(), lambda: {provider: [SECRET]}, limits=HookLimits(), now=lambda: 0.0)
    status = asyncio.run(answer(receiver, provider, body, headers))
    assert status in ({202, 400} if honest else {400, 401})
    assert receiver.statistics().free_bytes == HookLimits().bodies


keys = st.binary(min_size=1, max_size=64)


@given(st.binary(), keys, keys, st.sampled_from(["github", "gitea", "generic"]))
def test_only_the_secret_makes_the_proof(body: bytes, secret: bytes, other: bytes, provider: str) -> None:
    """A proof holds for its secret and body, whatever other secrets stand beside, and for no other."""
    scheme = signatures.SCHEMES[provider]
    lower = {name.lower(): value for name, value in sign(provider, body, secret).items()}
    proof = signatures.presented(scheme, lower)
    assert signatures.genuine(scheme, proof, body, [other, secret])
    assert signatures.genuine(scheme, proof, body, [other]) == (other.rstrip(b"\0") == secret.rstrip(b"\0"))
    assert not signatures.genuine(scheme, proof, body + b"x", [secret])


async def answer(receiver: Webhooks, provider: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of the receiver's answer to a request in two pieces, without a socket."""
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path_params": {"provider": provider}, "headers": raw, "client": ("192.0.2.1", 1)}
    pieces = [body[:7], body[7:]]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    return (await receiver.receive(Request(scope, receive))).status_code
