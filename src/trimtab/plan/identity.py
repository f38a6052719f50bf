"""The identity of a plan (design: section 2): what it would do and what it rests on, not which commit or resourceVersion it saw.

SHA-256 over the render key, and for each object that it touches its verb, the digest of its body, the uid and our projection as they
were seen. So an approval survives an unrelated push and every status write, and is void as soon as one of those objects moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from trimtab.core.digests import digest_of
from trimtab.plan.model import Action, Desired, Key, Plan


def identify(plan: Plan, desired: Mapping[Key, Desired]) -> Plan:
    """The plan with its digest."""
    return msgspec.structs.replace(plan, digest=digest_of([plan.render_key, plan.application, _rows(plan.actions, desired)]))


def _rows(actions: Sequence[Action], desired: Mapping[Key, Desired]) -> list[list[str]]:
    return sorted([a.verb, str(a.key), a.api_version, _body(desired.get(a.key)), a.uid, a.seen] for a in actions if a.verb != "keep")


def _body(desired: Desired | None) -> str:
    return desired.digest if desired else ""


def moved(before: Plan, after: Plan) -> list[str]:
    """What differs between the plan that was approved and the plan as it is now, for people."""
    old = {a.key: a for a in before.actions}
    new = {a.key: a for a in after.actions}
    gone = [f"{key}: nothing is to be done any more" for key in old.keys() - new.keys()]
    come = [f"{key}: {new[key].verb} ({new[key].reason})" for key in new.keys() - old.keys()]
    both = [
        key
        for key in old.keys() & new.keys()
        if (old[key].verb, old[key].uid, old[key].seen) != (new[key].verb, new[key].uid, new[key].seen)
    ]
    other = [f"{key}: changed in the cluster" for key in both]
    rendered = ["the rendered objects are others"] if before.render_key != after.render_key else []
    return sorted(gone + come + other) + rendered
