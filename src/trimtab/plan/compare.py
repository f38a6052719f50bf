"""Compare: what is to be, what we applied, what lives → the actions. Pure; the local grade of a plan, without one request.

The order of questions for an object that Git names: do we know it, does it live, is it the same one, has its body changed, have our
fields moved, has somebody added fields. The first yes gives the verb and the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from trimtab.plan.model import Action, Change, Desired, Entry, Extra, Key, Live, Notice, Verb
from trimtab.plan.owner import application_of


class Seen(Struct, frozen=True):
    """The live side: what lives, and the kinds about which nothing is known at present."""

    live: Mapping[Key, Live]
    unreadable: frozenset[tuple[str, str]] = frozenset()
    """(group, kind) whose list or watch failed: nothing is concluded about them."""


class Comparison(Struct, frozen=True):
    """Actions in no particular order, how many objects are as they are to be, and what a reader should know."""

    actions: tuple[Action, ...]
    unchanged: int
    notices: tuple[Notice, ...] = ()
    forgotten: frozenset[Key] = frozenset()
    """Entries whose object is gone, or is somebody else's by now: they leave the inventory without a request."""


Differ = Callable[[Desired], tuple[Change, ...]]
"""The fields in which a body differs from the one that was applied last."""


def compare(
    desired: Sequence[Desired],
    inventory: Mapping[Key, Entry],
    seen: Seen,
    *,
    owner: str,
    differ: Differ,
    prune: bool = True,
    correct: Callable[[Key], bool] = lambda _: True,
) -> Comparison:
    """What would make the live objects equal to `desired`, given what `inventory` says that we applied.

    `owner` is our owner annotation's value; `correct` says whether drift of an object is corrected or only reported.
    """
    wanted = [_wanted(d, inventory.get(d.key), seen, owner, differ) for d in desired]
    names = {d.key for d in desired}
    dropped = [e for key, e in inventory.items() if key not in names]
    fates = [(e, _dropped(e, seen, owner, prune)) for e in dropped]
    drift = [a for a in wanted if a is not None and a.reason.startswith(DRIFT) and not correct(a.key)]
    actions = [a for a in wanted if a is not None and a not in drift] + [f for _, f in fates if isinstance(f, Action)]
    reported = tuple(Notice(f"differs: {a.reason} (reported, not corrected)", a.key, a.place) for a in drift)
    strangers = tuple(_strangers(desired, seen))
    forgotten = frozenset(e.key for e, fate in fates if fate is None)
    return Comparison(tuple(actions), sum(a is None for a in wanted), reported + strangers, forgotten)


DRIFT = ("changed by", "added by", "deleted in the cluster", "re-created")
"""How the reasons of drift begin, as against a change that comes from Git."""


def _wanted(desired: Desired, entry: Entry | None, seen: Seen, owner: str, differ: Differ) -> Action | None:
    if entry is None:
        return _action("create", desired, "new")
    known = (desired.key.group, desired.key.kind) not in seen.unreadable
    live = seen.live.get(desired.key)
    if known and live is None:
        return _action("create", desired, "new" if not entry.uid else "deleted in the cluster")
    if live is not None and entry.uid and live.uid != entry.uid:
        return _action("adopt", desired, f"re-created{_by(live)}", live)
    if desired.digest != entry.body or desired.api_version != entry.api_version:
        return _action("patch", desired, "changed in Git", live, entry, differ(desired))
    return _drifted(desired, entry, live, owner) if live is not None and not live.deleting else None


def _drifted(desired: Desired, entry: Entry, live: Live, owner: str) -> Action | None:
    if live.owner and live.owner != owner:
        return _action("patch", desired, f"changed by {application_of(live.owner)}, which claims it too", live, entry)
    if not entry.projection:
        return _action("patch", desired, "not known to be as applied", live, entry)
    if live.projection != entry.projection:
        return _action("patch", desired, f"changed{_by(live)}", live, entry)
    added = [extra for extra in live.taken if extra.person]
    if added:
        return _action("patch", desired, f"added by {added[0].manager}: {_paths(added)}", live, entry)
    return None


def _by(live: Live) -> str:
    return f" by {live.changed_by}" if live.changed_by else " by somebody"


def _paths(extras: Sequence[Extra]) -> str:
    shown = ", ".join(e.path for e in extras[:3])
    return shown if len(extras) <= 3 else f"{shown} and {len(extras) - 3} more"  # ruff: ignore[magic-value-comparison]  three fit in a line


def _action(
    verb: Verb, desired: Desired, reason: str, live: Live | None = None, entry: Entry | None = None, changes: tuple[Change, ...] = ()
) -> Action:
    return Action(
        verb=verb,
        key=desired.key,
        api_version=desired.api_version,
        reason=reason,
        changes=changes,
        uid=live.uid if live is not None else entry.uid if entry is not None else "",
        seen=live.projection if live is not None else "",
        place=desired.place,
    )


def _dropped(entry: Entry, seen: Seen, owner: str, prune: bool) -> Action | None:
    """The fate of an object that Git no longer names: an action, or None where there is nothing of ours left."""
    live = seen.live.get(entry.key)
    if (entry.key.group, entry.key.kind) in seen.unreadable:
        return _fate("keep", entry, "no longer in Git; kept while its kind cannot be read")
    if live is None or (entry.uid and live.uid != entry.uid) or (not entry.uid and live.owner != owner):
        return None
    if not prune or not entry.prune:
        return _fate("keep", entry, "no longer in Git; kept")
    return _fate("delete", msgspec.structs.replace(entry, uid=live.uid), "no longer in Git", live.projection)


def _fate(verb: Verb, entry: Entry, reason: str, seen: str = "") -> Action:
    return Action(verb, entry.key, entry.api_version, reason, uid=entry.uid, seen=seen, place=entry.place)


def _strangers(desired: Iterable[Desired], seen: Seen) -> Iterable[Notice]:
    """Fields of managers that nobody knows: reported, never taken."""
    for d in desired:
        live = seen.live.get(d.key)
        unknown = [e for e in live.taken if not e.person] if live is not None else []
        if unknown:
            yield Notice(f"has fields of {unknown[0].manager}: {_paths(unknown)}", d.key, d.place)
