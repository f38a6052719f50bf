"""How large and how long: three sets of sizes, chosen by QUICK and FULL."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Sizes(Struct, frozen=True):
    """Applications, samples and seconds of the scenarios."""

    many: int
    """Applications of S1, S2, S3, S6 and S10 in their large form."""
    ten: int
    """Applications of S2's second form, ten objects each."""
    wide: int
    """Applications of S8."""
    pushes: int
    """Commits measured in S1."""
    edits: int
    """Edits measured in S6, of each kind."""
    window: float
    """Seconds of the steady state."""
    repositories: int
    """Repositories that are polled in the steady state's second form."""


NORMAL = Sizes(many=1000, ten=100, wide=10_000, pushes=100, edits=100, window=180.0, repositories=100)
QUICK = Sizes(many=200, ten=50, wide=1000, pushes=30, edits=30, window=30.0, repositories=20)
FULL = Sizes(many=1000, ten=100, wide=10_000, pushes=300, edits=300, window=600.0, repositories=100)


def chosen(environment: Mapping[str, str]) -> Sizes:
    """The sizes that the environment asks for."""
    if environment.get("FULL", "0") not in {"", "0"}:
        return FULL
    return QUICK if environment.get("QUICK", "0") not in {"", "0"} else NORMAL
