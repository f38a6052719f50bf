"""What a plain cluster of the current Kubernetes serves: the answers to a render's questions where no cluster is at hand.

`kubernetes.json` beside this module is written by `tools/record_kubernetes.py` from a real API server's discovery.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

from trimtab.render.request import Capabilities


class PlainCluster(Struct, frozen=True):
    """A cluster without anything installed."""

    version: str
    kinds: dict[str, bool]
    """`apps/v1/Deployment` → whether it is namespaced."""

    def scope(self, api_version: str, kind: str) -> bool:
        """Whether a kind is namespaced. One that is not Kubernetes' own is taken to be: most are."""
        return self.kinds.get(f"{api_version}/{kind}", True)

    def capabilities(self, version: str = "", more: Iterable[str] = ()) -> Capabilities:
        """As a template may ask of it; `version` in place of its own, `more` API versions besides."""
        groups = {kind.rpartition("/")[0] for kind in self.kinds}
        return Capabilities.of(version or self.version, {*groups, *self.kinds, *more})


@cache
def plain_cluster() -> PlainCluster:
    """The recorded cluster."""
    return msgspec.json.decode(Path(__file__).with_suffix(".json").read_bytes(), type=PlainCluster)
