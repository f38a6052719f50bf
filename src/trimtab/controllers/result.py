"""What a reconcile may end with; the worker loop matches on it (controller-runtime's `reconcileHandler`, as one `match`)."""

from __future__ import annotations

from msgspec import Struct

from trimtab.core.errors import TrimtabError


class Done(Struct, frozen=True):
    """All is as it should be, for now; look again after so many seconds, if given."""

    again_after: float | None = None


class Retry(Struct, frozen=True):
    """It did not work and may work later: back off, at least so many seconds."""

    error: TrimtabError
    at_least: float = 0.0


class Stalled(Struct, frozen=True):
    """It cannot work until an input changes; a change wakes it."""

    error: TrimtabError


Result = Done | Retry | Stalled
