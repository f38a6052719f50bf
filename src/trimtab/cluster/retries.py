"""When a refused request is asked again, and how often at most: pure, so that a storm can be played through in a test.

Retries are paid from a budget that fills with the requests themselves, so that a server in trouble sees less than twice what it
would have seen without them (SRE practice; the same thought as gRPC's retry throttling, gRFC A6).
"""

from __future__ import annotations

from msgspec import Struct


class RetryPolicy(Struct, frozen=True):
    """How many times, and how long to wait between."""

    attempts: int = 4
    """Requests in all, the first included."""
    first: float = 0.1
    """Seconds before the second attempt where the server names none; doubled each time."""
    most: float = 10.0
    """The longest wait that we sit out; a server that asks for more gets its error passed on, with `retry_after`."""

    def wait(self, attempt: int, asked: float | None, chance: float) -> float | None:
        """Seconds until the next attempt after `attempt` of them; None when there shall be none.

        `asked` is the Retry-After; `chance` in [0, 1) spreads the waits, always to later, so that Retry-After is never undercut.
        """
        if attempt >= self.attempts or (asked is not None and asked > self.most):
            return None
        base = asked if asked is not None else self.first * 2.0 ** (attempt - 1)
        return min(self.most, base) + (0.05 + 0.5 * min(base, 1.0)) * chance


class RetryBudget:
    """Tokens for retries: each request earns a share of one, each retry costs one."""

    def __init__(self, *, share: float = 0.5, most: float = 20.0) -> None:
        self._share = share
        self._most = most
        self._tokens = most / 2

    def earn(self) -> None:
        """A request was made."""
        self._tokens = min(self._most, self._tokens + self._share)

    def spend(self) -> bool:
        """Whether a retry may be made now."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
