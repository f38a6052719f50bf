"""The plan as plain data: what the command line, the controller, an approval and the page all make or read.

A plan says what stands in Git (the rendered objects), what would be done (ordered actions, each with its field changes and its
reason), who would own what, and what it saw of the live objects. It carries no secret's value: bodies stay in `Desired`, and the
changes of a Secret are masked before they get here.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from trimtab.core.errors import Place


class Key(Struct, frozen=True, order=True, gc=False):
    """What an object is, whatever version it is written in. `group` is "" for the core group, `namespace` "" for cluster scope."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`Deployment podinfo/podinfo`; the group is shown where a reader could mistake the kind (any but Kubernetes' own)."""
        kind = self.kind if not self.group or "." not in self.group or self.group.endswith(".k8s.io") else f"{self.kind}.{self.group}"
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"


class Desired(Struct, frozen=True):
    """One object as it is to be: rendered, completed (namespace, labels, owner) and ready to be sent."""

    key: Key
    api_version: str
    body: bytes
    """Canonical JSON, exactly what an apply sends."""
    digest: str
    """SHA-256 of `body`; of a Secret the HMAC with the installation's seed."""
    place: Place | None = None
    wave: int = 0
    prune: bool = True
    """False where the object says that it is kept when Git drops it."""
    source: str = ""
    """The name of the Application's source that it came from."""


class Entry(Struct, frozen=True, gc=False):
    """One object of the inventory: what we applied, so what we may delete."""

    key: Key
    api_version: str
    uid: str = ""
    """Empty while pending: written before a create, not yet seen alive."""
    body: str = ""
    """`Desired.digest` of the last apply."""
    projection: str = ""
    """Digest of the live values of the fields that we own, taken from the answer to the last apply."""
    place: Place | None = None
    wave: int = 0
    prune: bool = True
    made: bool = False
    """Whether we created it; an object that was there before is kept when it holds others' data (a Namespace)."""


class Extra(Struct, frozen=True, gc=False):
    """A field in an object of ours that somebody else added. `person` tells a person's tool from an unknown manager."""

    manager: str
    path: str
    person: bool = True
    time: str = ""


class Live(Struct, frozen=True, gc=False):
    """What we keep of a live object: enough to plan, nothing to fill memory with."""

    uid: str
    resource_version: str
    generation: int = 0
    owner: str = ""
    """The owner annotation's value."""
    projection: str = ""
    """Digest of our fields' live values; "" where no entry of ours at the watched version exists."""
    taken: tuple[Extra, ...] = ()
    """Fields of others in this object: added by people, or by managers that nobody knows."""
    changed_by: str = ""
    """The manager that changed the object last and is not ours: who to name when our fields moved."""
    alone: bool = False
    """Whether nobody but us has ever written its main resource: then it was us who made it."""
    deleting: bool = False
    health: str = "Unknown"
    message: str = ""


Verb = Literal["create", "patch", "replace", "delete", "adopt", "keep"]
"""`adopt` is the first apply to an object that exists already; `keep` names what Git dropped and a rule leaves alive."""


class Change(Struct, frozen=True):
    """One field. A side that does not exist is UNSET in the data and shown as nothing; `masked` where the object is a Secret."""

    path: str
    before: Any = None
    after: Any = None
    added: bool = False
    removed: bool = False
    masked: bool = False
    place: Place | None = None


class Ownership(Struct, frozen=True):
    """One change of owner: of these fields, from this manager to that one, and why."""

    paths: tuple[str, ...]
    before: str
    after: str
    reason: str


class Action(Struct, frozen=True):
    """One thing to be done to one object."""

    verb: Verb
    key: Key
    api_version: str
    reason: str
    """Why, in a few words: `new`, `changed in Git`, `changed by kubectl-edit`, `deleted in the cluster`, `no longer in Git` …"""
    stage: int = 0
    changes: tuple[Change, ...] = ()
    ownership: tuple[Ownership, ...] = ()
    consequence: str = ""
    uid: str = ""
    seen: str = ""
    """Digest of the projection that was seen when the plan was made."""
    place: Place | None = None
    problem: str = ""
    """Why this one cannot be carried out (a checked plan's refusal by the API server); "" otherwise."""


class Notice(Struct, frozen=True):
    """Something a reader should know: a warning of a renderer, a foreign field, a hook that is not applied."""

    text: str
    key: Key | None = None
    place: Place | None = None


class Refusal(Struct, frozen=True):
    """A rule that stops (part of) the plan until a person approves its digest."""

    rule: Literal["Budget", "Empty", "Protected", "Capability"]
    text: str
    keys: tuple[Key, ...] = ()


class Plan(Struct, frozen=True):
    """Everything that would be done to make the cluster equal to Git, and everything it rests on."""

    application: str
    """`namespace/name`, or the folder's name where there is no Application."""
    render_key: str
    revision: str = ""
    """`main@6f1c2e9`, for people; no part of the identity."""
    grade: Literal["Local", "Checked"] = "Local"
    actions: tuple[Action, ...] = ()
    unchanged: int = 0
    notices: tuple[Notice, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    digest: str = ""
    """See `trimtab.plan.identity`."""

    @property
    def equal(self) -> bool:
        """Whether there is nothing to do."""
        return not any(a.verb != "keep" for a in self.actions)
