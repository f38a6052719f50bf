"""Quantities are compared by amount, and shown short."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.plan.fields import path
from trimtab.plan.quantity import is_quantity, quantity, same_amount, show_bytes, show_cpu

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", "1"),
        ("1000m", "1"),
        ("1e3", "1000"),
        ("1.5Gi", "1610612736"),
        ("2k", "2000"),
        ("100n", "1E-7"),
        ("-1", "-1"),
        (2, "2"),
        (".5", "0.5"),
    ],
)
def test_a_quantity_is_an_amount(text: str | int, amount: str) -> None:
    """Decimal and binary suffixes, and exponents, as apimachinery reads them."""
    assert quantity(text) == Decimal(amount)


@pytest.mark.parametrize("content", ["", "abc", "1 Gi", "1GiB", "١", True, None, [1]])
def test_what_is_no_quantity_has_no_amount(content: object) -> None:
    """And equals nothing, not even itself."""
    assert quantity(content) is None
    assert not same_amount(content, content)


@given(st.integers(1, 10**6), st.sampled_from([("Mi", 2**20), ("k", 1000), ("m", None)]))
def test_the_same_amount_in_another_unit_is_the_same(number: int, unit: tuple[str, int | None]) -> None:
    """`2k` is `2000`; `2` is `2000m`."""
    suffix, size = unit
    assert same_amount(f"{number}{suffix}", number * size) if size else same_amount(f"{number * 1000}m", number)


def test_a_quantity_is_known_by_its_place() -> None:
    """Requests, limits and the like; an environment value is text."""
    assert is_quantity(path("resources", "requests", "cpu"))
    assert is_quantity(path("emptyDir", "sizeLimit"))
    assert not is_quantity(path("env", "value"))


@pytest.mark.parametrize(("amount", "shown"), [("0.1", "100m"), ("2", "2"), ("1.5", "1500m")])
def test_cpu_is_shown_in_cores_or_thousandths(amount: str, shown: str) -> None:
    """As people write it."""
    assert show_cpu(Decimal(amount)) == shown


@pytest.mark.parametrize(
    ("amount", "shown"), [(64 * 2**20, "64Mi"), (3 * 2**29, "1.5Gi"), (1000, "1000"), (2**20 + 1, "1048577"), (2**10, "1Ki")]
)
def test_bytes_are_shown_in_the_largest_unit_that_stays_exact(amount: int, shown: str) -> None:
    """Never rounded."""
    assert show_bytes(Decimal(amount)) == shown
