"""Whether what a render was told of the cluster is still so.

A changed answer wakes the application; a new kind in the cluster that no template asked for wakes nobody (design rule 5).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from trimtab.render.errors import Read
from trimtab.render.request import Capabilities


def hold(reads: Iterable[Read], capabilities: Capabilities) -> bool:
    """Whether each question that was asked would get the same answer from `capabilities` (made by `Capabilities.of`)."""
    return all(answer(kind, name, capabilities) == given for kind, name, given in reads)


def answer(kind: str, name: str, capabilities: Capabilities) -> str:
    """The answer to one question, as the worker writes it down: design 002, "Capability reads". Raises ValueError for an unknown kind."""
    match kind:
        case "kubeVersion":
            return capabilities.kube_version
        case "apiVersions":
            return "true" if _has(capabilities.api_versions, name) else "false"
        case "apiVersionsList":
            return capabilities.digest
        case _:
            raise ValueError(f"{kind!r} is no question about a cluster")


def _has(ordered: tuple[str, ...], name: str) -> bool:
    place = bisect_left(ordered, name)
    return place < len(ordered) and ordered[place] == name
