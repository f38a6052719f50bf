"""What a webhook may say to the controller: "somebody pushed, have a look". Nothing else travels from it."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Push(Struct, frozen=True):
    """A hint that a repository moved. It is never content: what is applied comes from a fetch, whoever sent the hint."""

    urls: tuple[str, ...]
    """Clone URLs under which the forge knows the repository; the receiver compares them in its own normal form."""
    ref: str = ""
    """`refs/heads/main` as a rule; empty where the forge did not say."""
    before: str = ""
    """Commit before the push, hex; empty for a new ref or where unknown."""
    after: str = ""
    """Commit after the push, hex; empty for a deleted ref or where unknown."""


class HookSink(Protocol):
    """Who is told of pushes. Coalescing a storm of them is its business, since it alone knows what is being fetched."""

    def pushed(self, event: Push) -> int:
        """Wake the repositories that the push may concern; how many that were. Must return at once."""
        ...
