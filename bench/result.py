"""A row of the results, and the statistics that rows are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct


class Row(Struct, frozen=True):
    """One measured value. `bound` and `floor` are in the unit that `metric` names; a row without a bound informs and always holds."""

    scenario: str
    metric: str
    value: float
    bound: float | None = None
    floor: float | None = None
    holds: bool = True
    note: str = ""


def at_most(scenario: str, metric: str, value: float, bound: float, *, floor: float | None = None, note: str = "") -> Row:
    """A row that holds while the value does not exceed the bound."""
    return Row(scenario, metric, value, bound, floor, value <= bound, note)


def exactly(scenario: str, metric: str, value: float, bound: float, *, note: str = "") -> Row:
    """A row that holds only at the bound itself: counts of requests, renders, writes."""
    return Row(scenario, metric, value, bound, None, value == bound, note)


def inform(scenario: str, metric: str, value: float, *, floor: float | None = None, note: str = "") -> Row:
    """A row that no bound is set for."""
    return Row(scenario, metric, value, None, floor, note=note)


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: always one of the values. Raises ValueError when there are none."""
    if not values:
        raise ValueError("No values were measured.")
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
