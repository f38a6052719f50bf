"""How much the world may ask of us: a rate for each remote and a budget of bytes held, both in memory that does not grow."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from msgspec import Struct


class RateStatistics(Struct, frozen=True):
    """A moment of a limiter: remotes it remembers, and requests it has turned away."""

    remotes: int
    refused: int


class _Bucket(Struct):
    """Tokens left at a moment."""

    tokens: float
    at: float


class RateLimiter:
    """A token bucket for each remote, for at most `most` remotes.

    When all places are taken by remotes still paying off, newcomers share one bucket: a flood from many addresses cannot wash out the
    memory of the others and so escape (as in CVE-2024-21652).
    """

    def __init__(self, *, rate: float, burst: float, most: int, now: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._now = now
        self._buckets: dict[str, _Bucket] = {}
        self._newcomers = _Bucket(burst, now())
        self._refused = 0

    def admit(self, address: str) -> bool:
        """Whether one more request from this address may pass."""
        bucket = self._bucket(neighbourhood(address))
        self._refill(bucket)
        admitted = bucket.tokens >= 1
        bucket.tokens -= admitted
        self._refused += not admitted
        return admitted

    def statistics(self) -> RateStatistics:
        """The limiter at this moment."""
        return RateStatistics(len(self._buckets), self._refused)

    def _bucket(self, remote: str) -> _Bucket:
        """The remote's bucket, moved to the end: the first is always the longest unused."""
        bucket = self._buckets.pop(remote, None)
        if bucket is None:
            if len(self._buckets) >= self._most and not self._forget_oldest():
                return self._newcomers
            bucket = _Bucket(self._burst, self._now())
        self._buckets[remote] = bucket
        return bucket

    def _forget_oldest(self) -> bool:
        """Make a place, if the longest unused bucket is full again and so says nothing."""
        remote, oldest = next(iter(self._buckets.items()))
        self._refill(oldest)
        if oldest.tokens < self._burst:
            return False
        del self._buckets[remote]
        return True

    def _refill(self, bucket: _Bucket) -> None:
        now = self._now()
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now


def neighbourhood(address: str) -> str:
    """What counts as one remote: an IPv4 address, or an IPv6 /64, since one customer has all of it."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)


class ByteBudget:
    """Bytes that all requests together may hold."""

    def __init__(self, total: int) -> None:
        self._free = total

    @property
    def free(self) -> int:
        """Bytes not taken."""
        return self._free

    def take(self, count: int) -> bool:
        """Take so many bytes, if they are there."""
        if count > self._free:
            return False
        self._free -= count
        return True

    def give_back(self, count: int) -> None:
        """Return what was taken."""
        self._free += count
