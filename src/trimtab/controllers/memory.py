"""What a reconciler remembers of one application between its reconciles. All of it can be made again from the kept state."""

from __future__ import annotations

from msgspec import Struct, field

from trimtab.api.application import Application, ApplicationStatus
from trimtab.core.errors import TrimtabError
from trimtab.plan.inventory import Inventory
from trimtab.plan.model import Desired, Key, Plan
from trimtab.plan.owner import Owner
from trimtab.sync.state import KeptSet, State

Looked = tuple[str, int, tuple[str, ...], str]
"""The Application's uid and generation, the trees of its Repositories, the digest of the cluster's kinds."""


class Memory(Struct):
    """One application's working memory."""

    owner: Owner
    status: ApplicationStatus
    """As it is to be."""
    written: ApplicationStatus
    """As it was written last."""
    inventory: Inventory = field(default_factory=dict)
    current: KeptSet = KeptSet()
    """The set that is in force: applied, or being applied."""
    before: dict[Key, Desired] = field(default_factory=dict)
    """The bodies that were applied last, while others are being applied."""
    good: KeptSet | None = None
    newest: KeptSet | None = None
    """What the newest revision renders to; other than `current` while that one is quarantined."""
    looked: Looked | None = None
    """What `newest` was made from: while it is the same, nothing is worked out again."""
    refused: tuple[Looked | None, TrimtabError] | None = None
    """From what no set could be made, and why: it is not tried again until one of that changes, or a person asks."""
    kept: str = ""
    """The render key of the set that the state in the cluster has; empty while there is none."""
    settled: bool = False
    """Whether pending entries have been resolved from what lives."""
    since: float = 0.0
    """Monotonic time at which the current set was applied: health is awaited from there."""
    awaited: bool = False
    """Whether the outcome of the current set is still open."""
    started: float = 0.0
    """Monotonic time at which work began that no status tells of yet."""
    held: str = ""
    """The render key of the newest set while it is quarantined; empty while the newest is in force."""
    failure: str = ""
    """Why the quarantined set failed, for people."""
    plan: Plan | None = None
    carried: str = ""
    """The digest of the plan that put the current set in force."""
    told: bool = False
    """Whether this application is counted in the metrics."""
    trouble: TrimtabError | None = None
    """Why the newest revision cannot be read or rendered, while what is in force is defended."""

    def state(self) -> State:
        """What must survive."""
        return State(self.owner.full, tuple(self.inventory.values()), self.current, self.good)

    @classmethod
    def of(cls, application: Application, owner: Owner, state: State | None) -> Memory:
        """The memory of an application that was just met, from what was kept of it."""
        if state is None:
            return cls(owner, application.status, application.status, settled=True)
        inventory = {e.key: e for e in state.inventory}
        status = application.status
        judged = bool(status.history) and status.history[0].render_key == state.current.key and status.history[0].outcome != "Progressing"
        return cls(owner, status, status, inventory, current=state.current, good=state.good, kept=state.current.key, awaited=not judged)
