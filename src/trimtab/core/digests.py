"""Content addresses: canonical JSON and its SHA-256, and the keyed form for secrets."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="deterministic")


def canonical(value: Any) -> bytes:
    """Compact JSON with sorted keys: equal values have equal bytes."""
    return _encoder.encode(value)


def digest(content: bytes) -> str:
    """SHA-256 as 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256 over the canonical JSON of `value`."""
    return digest(canonical(value))


def keyed_digest(key: bytes, content: bytes) -> str:
    """HMAC-SHA-256 as 64 hex digits: tells whether a secret changed, to nobody who lacks the key."""
    return hmac.new(key, content, hashlib.sha256).hexdigest()
