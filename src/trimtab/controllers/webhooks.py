"""The secrets that webhooks are signed with: Secret `trimtab-webhooks` of the control namespace, watched by its name.

One key a provider (`github`, `gitlab`, `gitea`, `generic`); several values, one a line, while a secret is being rotated.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Struct

from trimtab.cluster.client import Client
from trimtab.cluster.live import LiveStore
from trimtab.cluster.watch import Reflector
from trimtab.core.clock import Clock
from trimtab.sync.keeper import SECRETS

NAME = "trimtab-webhooks"


class _Secret(Struct):
    data: dict[str, str] = {}


_decoder = msgspec.json.Decoder(_Secret)


class WebhookSecrets:
    """What webhooks are verified with, as the cluster has it now."""

    def __init__(self, client: Client, namespace: str, *, clock: Clock, chance: Callable[[], float]) -> None:
        self._store: LiveStore[str, Mapping[str, Sequence[bytes]]] = LiveStore(_read)
        self._reflector = Reflector(
            client,
            SECRETS,
            namespace=namespace,
            field_selector=f"metadata.name={NAME}",
            handler=self._store,
            clock=clock,
            chance=chance,
        )

    async def run(self) -> None:
        """Watch the Secret, for ever."""
        await self._reflector.run()

    def current(self) -> Mapping[str, Sequence[bytes]]:
        """Provider → the secrets that are accepted; empty where there is no Secret."""
        return self._store.get(NAME) or {}


def _read(raw: bytes) -> tuple[str, Mapping[str, Sequence[bytes]]]:
    data = _decoder.decode(raw).data
    return NAME, {provider: tuple(base64.b64decode(text).split()) for provider, text in data.items()}
