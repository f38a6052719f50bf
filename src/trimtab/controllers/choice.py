"""Which set is to be live: the newest, unless it failed before or a person went back (design: rule 9). Pure over the memory."""

from __future__ import annotations

import msgspec

from trimtab.api.meta import ObjectMeta
from trimtab.controllers.memory import Memory
from trimtab.controllers.requests import Request, request_of
from trimtab.sync.state import KeptSet

MOST = 10
"""Quarantined keys that are remembered; the oldest is forgotten first."""


def choose_set(memory: Memory, newest: KeptSet) -> KeptSet:
    """The newest set; what is in force instead while the newest one's render key is quarantined.

    Under `Hold` the failed set itself is in force: it stays live and is defended, and is not begun anew. Under `Rollback` it is the
    last good one. The next different key goes through by itself.
    """
    if newest.key in memory.status.quarantined and memory.current.key:
        memory.held = newest.key
        return memory.current
    memory.held = memory.failure = ""
    if memory.status.pinned:
        memory.status = msgspec.structs.replace(memory.status, pinned="")
    return newest


def quarantine(memory: Memory, key: str) -> None:
    """Do not try this render key again."""
    keys = [*(k for k in memory.status.quarantined if k != key), key][-MOST:]
    memory.status = msgspec.structs.replace(memory.status, quarantined=keys)


def take_request(metadata: ObjectMeta, memory: Memory) -> Request | None:
    """The request that has not been carried out yet, if there is one; what it lifts is lifted here."""
    request = request_of(metadata)
    if request is None or request.text == memory.status.handled:
        return None
    memory.status = msgspec.structs.replace(memory.status, handled=request.text)
    memory.refused = None
    if request.verb in {"retry", "resume"}:
        memory.status = msgspec.structs.replace(memory.status, quarantined=[], pinned="")
        memory.since = 0.0
    return request
