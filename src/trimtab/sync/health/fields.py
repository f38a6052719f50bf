"""Reading JSON that may have any shape: what is absent or of another type than expected reads as empty, and nothing raises.

Health is asked for on every watch event, of objects that any controller may have written. A status of a strange shape must cost
an honest "Progressing", never the watch.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeGuard

Object = dict[str, Any]
"""A Kubernetes object, or a part of one, as decoded JSON."""

LONGEST = 300
"""Characters of foreign text that a message quotes."""


def mapping(parent: Object, *path: str) -> Object:
    """The mapping at `path`; empty where there is none."""
    for name in path:
        child = parent.get(name)
        if not isinstance(child, dict):
            return {}
        parent = child
    return parent


def objects(parent: Object, name: str) -> list[Object]:
    """The mappings in the list `name`; empty where there is no list."""
    items = parent.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def texts(parent: Object, name: str) -> list[str]:
    """The strings in the list `name`; empty where there is no list."""
    items = parent.get(name)
    return [item for item in items if isinstance(item, str)] if isinstance(items, list) else []


def text(parent: Object, name: str) -> str:
    """The string `name`; "" where there is none."""
    value = parent.get(name)
    return value if isinstance(value, str) else ""


def number(parent: Object, name: str, default: int = 0) -> int:
    """The integer `name`; `default` where there is none."""
    value = parent.get(name, default)
    return value if type(value) is int else default


def moment(parent: Object, name: str) -> datetime | None:
    """The RFC 3339 time `name`, in UTC where it names no zone; None where there is none."""
    try:
        value = datetime.fromisoformat(text(parent, name))
    except ValueError:
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def conditions(live: Object) -> dict[str, Object]:
    """The object's `status.conditions` by type."""
    return {text(item, "type"): item for item in objects(mapping(live, "status"), "conditions")}


def holds(condition: Object | None) -> TypeGuard[Object]:
    """Whether a condition is there and True."""
    return condition is not None and condition.get("status") == "True"


def quote(foreign: str) -> str:
    """Foreign text as one line of bounded length, without its final full stop, to stand inside a message."""
    line = " ".join(foreign.split())
    return line.rstrip(".") if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def last_line(foreign: str) -> str:
    """The last line of foreign text that is not blank: where programs say why they end."""
    return next((quote(line) for line in reversed(foreign.splitlines()) if line.strip()), "")


def plural(count: int, singular: str) -> str:
    """`1 replica`, `3 replicas`."""
    return f"{count} {singular}" if count == 1 else f"{count} {singular}s"
