"""Who sent a webhook: a keyed digest over the raw body, or a shared token, checked before a byte is parsed.

Sources: GitHub "Validating webhook deliveries" (X-Hub-Signature-256), Gitea and Forgejo "Webhooks" (X-Gitea-Signature, X-Forgejo-Signature,
X-Gogs-Signature), GitLab "Webhooks" (X-Gitlab-Token). `generic` is ours, in the form of GitHub's: `X-Trimtab-Signature: sha256=<hex>`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Hmac(Struct, frozen=True):
    """HMAC-SHA-256 over the raw body, in hex, in one of these headers, after a prefix."""

    headers: tuple[str, ...]
    prefix: str = ""


class Token(Struct, frozen=True):
    """The secret itself, in one of these headers: all that GitLab offers."""

    headers: tuple[str, ...]


SCHEMES: Mapping[str, Hmac | Token] = {
    "github": Hmac(("x-hub-signature-256",), "sha256="),
    "gitlab": Token(("x-gitlab-token",)),
    "gitea": Hmac(("x-gitea-signature", "x-forgejo-signature", "x-gogs-signature")),
    "generic": Hmac(("x-trimtab-signature",), "sha256="),
}
"""How each provider proves itself."""


def presented(scheme: Hmac | Token, headers: Mapping[str, str]) -> str:
    """The proof that came along, empty where there is none; `headers` has lower-case names."""
    return next((headers[name] for name in scheme.headers if headers.get(name)), "")


def worth_reading(scheme: Hmac | Token, proof: str, secrets: Iterable[bytes]) -> bool:
    """Whether the body is worth reading: a token is right already, a digest has at least the form of one."""
    match scheme:
        case Token():
            return genuine(scheme, proof, b"", secrets)
        case Hmac(prefix=prefix):
            return proof.startswith(prefix) and _DIGEST.fullmatch(proof.removeprefix(prefix)) is not None


def genuine(scheme: Hmac | Token, proof: str, body: bytes, secrets: Iterable[bytes]) -> bool:
    """Whether any of the secrets made this proof for this body. Several secrets make a rotation possible; an empty one proves nothing."""
    given = proof.encode("latin-1", "replace")  # as HTTP headers travel, so that a token of any bytes compares
    return any(hmac.compare_digest(given, _expected(scheme, secret, body)) for secret in secrets if secret)


def _expected(scheme: Hmac | Token, secret: bytes, body: bytes) -> bytes:
    match scheme:
        case Token():
            return secret
        case Hmac(prefix=prefix):
            return f"{prefix}{hmac.digest(secret, body, 'sha256').hex()}".encode()
