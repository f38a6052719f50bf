"""An object that is being deleted is Progressing, whatever else it says; one that hangs names what it waits for."""

from __future__ import annotations

from datetime import datetime, timedelta

from trimtab.sync.health.clocks import spoken
from trimtab.sync.health.fields import Object, conditions, holds, mapping, moment, quote, text, texts
from trimtab.sync.health.model import Health

PATIENCE = timedelta(seconds=30)
"""How long after its grace period a deletion is called slow. `deletionTimestamp` already lies a grace period after the request."""

_NAMESPACE_WAITS = (
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionContentFailure",
    "NamespaceFinalizersRemaining",
    "NamespaceContentRemaining",
)
"""A dying Namespace's conditions, the most telling first (kubernetes: pkg/controller/namespace/deletion)."""


def deleted(live: Object) -> bool:
    """Whether somebody has asked for the object's deletion."""
    return bool(mapping(live, "metadata").get("deletionTimestamp"))


def leaving(live: Object, now: datetime | None) -> Health:
    """The health of an object that `deleted`. Without a clock, what it waits for is always named."""
    asked = moment(mapping(live, "metadata"), "deletionTimestamp")
    late = now - asked if now is not None and asked is not None else None
    if late is not None and late <= PATIENCE:
        return Health("Progressing", "Terminating", "is being deleted")
    since = f" for {spoken(late)}" if late is not None else ""
    return Health("Progressing", "Terminating", f"is being deleted{since}{_waits_for(live)}")


def _waits_for(live: Object) -> str:
    known = conditions(live)
    said = [quote(text(known[kind], "message")) for kind in _NAMESPACE_WAITS if holds(known.get(kind))]
    if said:
        return f": {'; '.join(said)}"
    finalizers = texts(mapping(live, "metadata"), "finalizers")
    return f", waits for its finalizers: {quote(', '.join(finalizers))}" if finalizers else ""
