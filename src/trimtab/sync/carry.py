"""Carry a plan out: stage by stage, in parallel within a stage, and backwards for deletions.

Within a stage every write is on its own: the outcomes are collected, and a failure cancels no sibling. Between two stages what the
next one needs is awaited. Between any two requests the work may be pre-empted (`superseded`): what is done is done and recorded, the
rest is planned anew. Deletions come last, and only if every apply was accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import groupby

from msgspec import Struct

from trimtab.plan.inventory import Inventory
from trimtab.plan.model import Action, Desired, Entry, Key
from trimtab.sync.writer import Outcome, Writer

PARALLEL = 8
"""Writes of one application that are under way at once; the client's connections are the limit for all together."""

Awaiting = Callable[[Sequence[Key]], Awaitable[bool]]
"""Waits until these objects are ready for what comes after them; False when that was given up."""


class Carried(Struct, frozen=True):
    """What became of a plan."""

    outcomes: tuple[Outcome, ...]
    inventory: Inventory
    complete: bool
    """False when it was superseded, or a barrier was not passed: the rest was not tried."""

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The writes that failed."""
        return tuple(o for o in self.outcomes if o.error is not None)


async def carry_out(
    actions: Sequence[Action],
    desired: Mapping[Key, Desired],
    inventory: Inventory,
    writer: Writer,
    *,
    superseded: Callable[[], bool],
    barriers: Mapping[int, Sequence[Key]],
    ready: Awaiting,
    evidence: Callable[[Key], bytes | None] = lambda _: None,
    told: Callable[[Outcome], None] = lambda _: None,
) -> Carried:
    """Every action of a plan, in its order.

    `evidence` gives the live object as a watch brought it, where it is at hand; `told` is called with each outcome as it comes.
    """
    work = _Work(desired, dict(inventory), writer, superseded, evidence, told)
    applies = [a for a in actions if a.verb not in {"delete", "keep"}]
    deletions = [a for a in actions if a.verb == "delete"]
    complete = await work.forwards(applies, barriers, ready)
    if complete and not work.failed:
        complete = await work.backwards(deletions)
    return Carried(tuple(work.outcomes), work.inventory, complete)


class _Work:
    """The state of one plan being carried out."""

    def __init__(
        self,
        desired: Mapping[Key, Desired],
        inventory: Inventory,
        writer: Writer,
        superseded: Callable[[], bool],
        evidence: Callable[[Key], bytes | None],
        told: Callable[[Outcome], None],
    ) -> None:
        self.inventory = inventory
        self.outcomes: list[Outcome] = []
        self._desired = desired
        self._writer = writer
        self._superseded = superseded
        self._evidence = evidence
        self._told = told

    @property
    def failed(self) -> bool:
        return any(o.error is not None for o in self.outcomes)

    async def forwards(self, actions: Sequence[Action], barriers: Mapping[int, Sequence[Key]], ready: Awaiting) -> bool:
        for stage in _stages(actions):
            if not await self._stage(stage):
                return False
            needed = barriers.get(stage[0].stage, ())
            if any(o.error is not None and o.key in needed for o in self.outcomes):
                return True  # what was refused cannot be awaited; the failure is told, and the later stages wait for its cure
            if needed and not await ready(needed):
                return False
        return True

    async def backwards(self, actions: Sequence[Action]) -> bool:
        for stage in reversed(list(_stages(actions))):
            if not await self._stage(stage):
                return False
        return True

    async def _stage(self, actions: Sequence[Action]) -> bool:
        """The writes of one stage, all at once; whether all were tried."""
        gate = asyncio.Semaphore(PARALLEL)
        tried = await asyncio.gather(*(self._one(action, gate) for action in actions))
        return all(tried)

    async def _one(self, action: Action, gate: asyncio.Semaphore) -> bool:
        async with gate:
            if self._superseded():
                return False
            entry = self.inventory.get(action.key)
            evidence = self._evidence(action.key) if action.verb == "patch" else None
            outcome = await self._writer.write(action, self._desired.get(action.key), entry, evidence)
        self.outcomes.append(outcome)
        self._told(outcome)
        if outcome.error is None:
            self._record(action, outcome.entry)
        return True

    def _record(self, action: Action, entry: Entry | None) -> None:
        if entry is not None:
            self.inventory[action.key] = entry
        else:
            self.inventory.pop(action.key, None)


def _stages(actions: Iterable[Action]) -> Iterable[list[Action]]:
    for _, stage in groupby(sorted(actions, key=lambda a: a.stage), key=lambda a: a.stage):
        yield list(stage)
