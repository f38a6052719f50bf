"""Kubernetes quantities: `1`, `1000m` and `1e0` are the same amount (apimachinery's `resource.Quantity`)."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from trimtab.plan.fields import Path

_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,2})|([KMGTPE]i|[numkMGTPE]))?", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {f"{letter}i": 2 ** (10 * power) for power, letter in enumerate("KMGTPE", start=1)}

_PARENTS = frozenset(
    {"requests", "limits", "capacity", "hard", "max", "min", "default", "defaultRequest", "maxLimitRequestRatio", "overhead"}
)
_NAMES = frozenset({"sizeLimit", "divisor", "averageValue", "storage"})


def quantity(content: Any) -> Decimal | None:
    """The amount, or None for what is no quantity."""
    return _parsed(str(content)) if isinstance(content, str | int | float) and not isinstance(content, bool) else None


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Decimal | None:
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    number, exponent, suffix = found.groups()
    if exponent:
        return Decimal(number + exponent)
    suffix = suffix or ""
    return Decimal(number) * (_BINARY[suffix] if suffix in _BINARY else Decimal(10) ** _DECIMAL[suffix])


def is_quantity(at: Path) -> bool:
    """Whether the field at a path is a quantity by the built-in kinds' schemas (custom ones use the same names)."""
    last = at[-1][2:] if at else ""
    parent = at[-2][2:] if len(at) > 1 else ""
    return parent in _PARENTS or (last in _NAMES and at[-1].startswith("f:"))


def same_amount(before: Any, after: Any) -> bool:
    """Whether two texts or numbers are the same quantity."""
    left = quantity(before)
    return left is not None and left == quantity(after)


def show_cpu(cores: Decimal) -> str:
    """`100m`, `2`."""
    milli = int(cores * 1000)
    return f"{milli // 1000}" if milli % 1000 == 0 else f"{milli}m"


def show_bytes(amount: Decimal) -> str:
    """`64Mi`, `1.5Gi`: the largest binary unit that leaves a short number."""
    for unit, size in reversed(_BINARY.items()):
        if abs(amount) >= size and (amount * 10 / size) % 1 == 0:
            return f"{(amount / size).normalize():f}{unit}"
    return f"{amount.normalize():f}"
