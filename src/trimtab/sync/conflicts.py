"""Who stands in the way of an apply: as the API server says it in a 409, or read off a live object that a watch brought. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from trimtab.cluster.errors import ConflictError
from trimtab.plan.fields import paths, server_text
from trimtab.plan.ownership import Conflict
from trimtab.plan.projection import lookup

_HOLDER = re.compile(r'conflicts? with "((?:[^"\\]|\\.)*)"')


def conflicts_told(error: ConflictError) -> tuple[Conflict, ...]:
    """The causes of a refused apply: (field as the server prints it, manager). Empty when uid or version were the reason."""
    found = ((cause.field, _HOLDER.search(cause.message)) for cause in error.causes)
    return tuple((field, holder.group(1)) for field, holder in found if holder is not None)


def conflicts_seen(live: Mapping[str, Any], body: Mapping[str, Any], *, manager: str) -> tuple[Conflict, ...]:
    """The conflicts that an unforced apply of `body` would meet: fields of other managers whose live value is not ours."""
    return tuple(_seen(live, body, manager))


def _seen(live: Mapping[str, Any], body: Mapping[str, Any], manager: str) -> Iterator[Conflict]:
    for entry in live["metadata"].get("managedFields", ()):
        holder = entry.get("manager", "")
        if holder == manager:
            continue
        for at in paths(entry.get("fieldsV1", {})):
            wanted, ours = lookup(body, at)
            if wanted and not isinstance(ours, (dict, list)) and lookup(live, at) != (True, ours):
                yield server_text(at), holder
