"""The rate limiter and the byte budget: exact, and of bounded memory."""

from __future__ import annotations

import pytest

from trimtab.server.limits import ByteBudget, RateLimiter, neighbourhood

pytestmark = pytest.mark.fast


class Hands:
    """A clock set by hand, in seconds."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        """The time that was set."""
        return self.time


def limiter(hands: Hands, *, most: int = 4) -> RateLimiter:
    """Two a second, three at once."""
    return RateLimiter(rate=2, burst=3, most=most, now=hands.now)


def test_a_burst_passes_and_then_the_rate() -> None:
    """Three at once, then one each half second."""
    hands = Hands()
    limits = limiter(hands)
    assert [limits.admit("192.0.2.1") for _ in range(5)] == [True] * 3 + [False] * 2
    hands.time = 0.5
    assert [limits.admit("192.0.2.1") for _ in range(2)] == [True, False]


def test_remotes_do_not_pay_for_each_other() -> None:
    """One that floods leaves the next its burst."""
    limits = limiter(Hands())
    for _ in range(10):
        limits.admit("192.0.2.1")
    assert limits.admit("192.0.2.2")


def test_memory_is_bounded_whatever_the_number_of_addresses() -> None:
    """A hundred thousand addresses are remembered as four."""
    limits = limiter(Hands())
    for number in range(100_000):
        limits.admit(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert limits.statistics().remotes == 4


def test_a_flood_of_addresses_does_not_wash_out_who_is_paying() -> None:
    """Places taken by remotes still in debt are kept; newcomers share one bucket (CVE-2024-21652)."""
    limits = limiter(Hands(), most=1)
    while limits.admit("192.0.2.1"):
        pass
    newcomers = [limits.admit(f"198.51.100.{number}") for number in range(200)]
    assert newcomers.count(True) == 3
    assert not limits.admit("192.0.2.1")


def test_a_place_is_free_again_when_its_debt_is_paid() -> None:
    """A full bucket says nothing, so it may be forgotten."""
    hands = Hands()
    limits = limiter(hands, most=1)
    limits.admit("192.0.2.1")
    hands.time = 10
    assert [limits.admit("192.0.2.2") for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize(
    ("address", "remote"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("a socket", "unknown"),
    ],
)
def test_one_remote_is_an_ipv4_address_or_an_ipv6_network(address: str, remote: str) -> None:
    """Whoever has a /64 has two to the 64 addresses, and is one remote all the same."""
    assert neighbourhood(address) == remote


def test_the_budget_is_never_overdrawn() -> None:
    """What is taken is missing until it is given back."""
    budget = ByteBudget(10)
    assert budget.take(6)
    assert not budget.take(5)
    budget.give_back(6)
    assert budget.take(10)
