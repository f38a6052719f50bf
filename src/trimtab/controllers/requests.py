"""What people ask for beside the spec: one annotation a request, carried out once and acknowledged in `status.handled`.

`trimtab.dev/requested: <verb>[:<argument>]@<id>`: sync (look now, try failures again), retry (lift the quarantine), rollback:<commit>,
resume (end a rollback). `trimtab.dev/approve: <plan digest>` approves exactly that plan.
"""

from __future__ import annotations

from typing import Literal, cast, get_args

from msgspec import Struct

from trimtab.api.meta import PREFIX, ObjectMeta

REQUESTED = f"{PREFIX}requested"
APPROVED = f"{PREFIX}approve"

Verb = Literal["sync", "retry", "rollback", "resume"]


class Request(Struct, frozen=True):
    """One request, as it stands in the annotation."""

    verb: Verb
    argument: str
    text: str


def request_of(metadata: ObjectMeta) -> Request | None:
    """The request on a resource; None where there is none, or none that we know."""
    text = metadata.annotations.get(REQUESTED, "")
    verb, _, argument = text.partition("@")[0].partition(":")
    return Request(cast(Verb, verb), argument, text[:256]) if verb in get_args(Verb) else None


def approved(metadata: ObjectMeta) -> str:
    """The digest of the plan that was approved; too short a prefix approves nothing."""
    digest = metadata.annotations.get(APPROVED, "")
    return digest if len(digest) >= 7 else ""  # ruff: ignore[magic-value-comparison]  what people copy from a plan's first line
