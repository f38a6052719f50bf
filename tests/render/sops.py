"""Encrypts a manifest as sops does (values AES-256-GCM under a data key, the data key for an age recipient), for tests.

Written after the description of the format in the sops README, "Encryption Protocol"; flat enough for a Secret's `stringData`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import textwrap

import pyrage  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_MODIFIED = "2026-01-02T03:04:05Z"


def identity() -> tuple[str, str]:
    """A fresh age key: identity and recipient."""
    key = pyrage.x25519.Identity.generate()
    return str(key), str(key.to_public())


def secret(name: str, data: dict[str, str], recipient: str) -> str:
    """A Secret whose `stringData` is encrypted for `recipient`, as YAML."""
    key = os.urandom(32)
    leaves = ["v1", "Secret", name, *data.values()]
    fingerprint = hashlib.sha512("".join(leaves).encode()).hexdigest().upper()
    values = "".join(f"  {field}: {_sealed(key, value, f'stringData:{field}:')}\n" for field, value in data.items())
    return (
        f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\nstringData:\n{values}"
        f"sops:\n  age:\n  - recipient: {recipient}\n    enc: |\n{textwrap.indent(_for(recipient, key), ' ' * 6)}"
        f'  lastmodified: "{_MODIFIED}"\n  mac: {_sealed(key, fingerprint, _MODIFIED)}\n'
        "  encrypted_regex: ^(data|stringData)$\n  version: 3.9.0\n"
    )


def _sealed(key: bytes, value: str, additional: str) -> str:
    nonce = os.urandom(32)
    sealed = AESGCM(key).encrypt(nonce, value.encode(), additional.encode())
    parts = (base64.b64encode(part).decode() for part in (sealed[:-16], nonce, sealed[-16:]))
    return "ENC[AES256_GCM,data:{},iv:{},tag:{},type:str]".format(*parts)


def _for(recipient: str, key: bytes) -> str:
    """The data key for an age recipient, armoured."""
    sealed = pyrage.encrypt(key, [pyrage.x25519.Recipient.from_str(recipient)])
    lines = textwrap.wrap(base64.b64encode(sealed).decode(), 64)
    return "\n".join(["-----BEGIN AGE ENCRYPTED FILE-----", *lines, "-----END AGE ENCRYPTED FILE-----", ""])
