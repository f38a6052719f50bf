"""The installation: an id that makes our names unique in the world, and a seed that makes random functions repeat themselves.

Both are made once and kept in a Secret; who loses it loses the ownership of every object (they would belong to "another installation"),
so it carries a finalizer and belongs into the operator's safe.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

import msgspec
from msgspec import Struct

from trimtab.api.meta import FINALIZER
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.errors import AlreadyExistsError, NotFoundError
from trimtab.core.errors import UnavailableError
from trimtab.sync.keeper import MANAGER, SECRETS

NAME = "trimtab-installation"


class Installation(Struct, frozen=True):
    """Who we are in this cluster."""

    id: str
    seed: bytes

    def __repr__(self) -> str:
        """Without the seed."""
        return f"Installation({self.id})"


async def find_or_make(client: Client, namespace: str, *, random: Callable[[int], bytes]) -> Installation:
    """The installation of this namespace; made where there is none yet. `random(n)` gives n random bytes."""
    found = await find(client, namespace)
    if found is not None:
        return found
    made = Installation(random(4).hex(), random(32))
    try:
        await objects.create(client, SECRETS, namespace, _manifest(namespace, made), manager=MANAGER)
    except AlreadyExistsError:
        found = await find(client, namespace)
        if found is None:
            raise
        return found
    return made


async def find(client: Client, namespace: str) -> Installation | None:
    """The installation of this namespace; None where there is none."""
    try:
        secret = await objects.get_json(client, SECRETS, namespace, NAME)
    except NotFoundError:
        return None
    data = {k: base64.b64decode(v) for k, v in (secret.get("data") or {}).items()}
    if not data.get("id") or not data.get("seed"):
        sentence = f"Secret {namespace}/{NAME} lacks `id` or `seed`."
        raise UnavailableError(sentence, remedy="Restore it from your copy; with another id every object would belong to somebody else.")
    return Installation(data["id"].decode(), data["seed"])


def _manifest(namespace: str, installation: Installation) -> bytes:
    data = {"id": installation.id.encode(), "seed": installation.seed}
    return msgspec.json.encode(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": NAME, "namespace": namespace, "finalizers": [FINALIZER]},
            "data": {k: base64.b64encode(v).decode() for k, v in data.items()},
        }
    )
