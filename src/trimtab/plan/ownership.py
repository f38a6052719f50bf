"""Honest ownership: who added what, what to do about a conflict, and how a field changes hands. Pure.

Server-side apply refuses to change a field that another manager set to another value. What then happens is decided here, from the
entries in `managedFields` and the tables in `managers`: another application's field stops us, a person's or an earlier tool's is taken
over, a controller's is dropped from our body where a table says that it is the controller's to drive, anything else is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from trimtab.api.meta import OWNER
from trimtab.plan.fields import SELF, Fields, Path, contains, difference, is_member, paths, server_text, show, tree, union
from trimtab.plan.managers import BEFORE_FIRST_APPLY, DRIVEN, Drives, classify, nobodys, yielded
from trimtab.plan.model import Extra, Ownership
from trimtab.plan.projection import entry_of, lookup, remove

ManagedEntry = Mapping[str, Any]
"""One entry of `metadata.managedFields`, decoded."""

Conflict = tuple[str, str]
"""One cause of a 409: the field as the API server prints it, and the manager that holds it."""


class Resolution(Struct, frozen=True):
    """What to do after a conflict: either `refused` says why nothing may be done, or `body` is to be applied with force."""

    take: tuple[Ownership, ...] = ()
    """Fields that become ours."""
    drop: tuple[Path, ...] = ()
    """Fields that are left out of `body`."""
    yielded: tuple[Ownership, ...] = ()
    """The same as changes of owner, each with its reason."""
    refused: str = ""
    """A sentence that names who holds the object; "" where we may go on."""
    body: dict[str, Any] = {}


def extras(live: Mapping[str, Any], *, manager: str, api_version: str) -> tuple[Extra, ...]:
    """The fields that others added to an object of ours: an env variable, a sidecar, a label; each added item whole.

    People's fields are drift (they survive every apply). An unknown manager's and an earlier tool's are told, not drift, and only
    where configuration stands: `spec`, `data` and the like. A known controller's are its own business.
    """
    others = [e for e in live["metadata"].get("managedFields", ()) if _adds(e, manager)]
    if not others:
        return ()
    ours = entry_of(live, manager=manager, api_version=api_version) or {}
    kind = live.get("kind", "")
    return tuple(extra for entry in others for extra in _extras_of(entry, ours, kind))


def _adds(entry: ManagedEntry, ours: str) -> bool:
    """Whether an entry can hold extras at all: of the main resource, and of nobody whose fields are their own business."""
    return not entry.get("subresource") and classify(entry.get("manager", ""), ours=ours) not in {"ours", "controller"}


def _extras_of(entry: ManagedEntry, ours: Fields, kind: str) -> Iterator[Extra]:
    name = entry.get("manager", "")
    person = classify(name) == "person" or name == BEFORE_FIRST_APPLY
    for at in added(entry.get("fieldsV1", {}), ours):
        if not nobodys(kind, at) and (person or at[0] != "f:metadata"):
            yield Extra(name, show(at), person, entry.get("time", ""))


def added(theirs: Fields, ours: Fields, above: Path = ()) -> Iterator[Path]:
    """The fields in `theirs` that are not in `ours`; of an item or value of a list that we know nothing of, the item alone."""
    for step, below in theirs.items():
        if step == SELF:
            continue
        at, known = (*above, step), ours.get(step)
        whole = not below or (step[0] != "f" and SELF in below)
        if known is None and whole:
            yield at
        elif not below:
            if known is not None and not is_member(known):
                yield at
        elif known is None or known:
            yield from added(below, known or {}, at)


def rename_entries(
    managed_fields: Sequence[ManagedEntry],
    *,
    to: str,
    api_version: str,
    take: Callable[[ManagedEntry], bool],
    kind: str = "",
) -> list[dict[str, Any]]:
    """`managedFields` with the entries that `take` chooses merged into the Apply entry of `to`: our next apply removes what it lacks.

    This is how kubectl migrates its own client-side entries (KEP-2155 and client-go's `csaupgrade`). Entries of subresources stay, and
    so do fields that are no configuration (see `NOBODYS`; `kind` helps to know them): nobody owns them afterwards, and they stay alive.
    Write the result under the resourceVersion that was read, then apply.
    """
    taken = [e for e in managed_fields if not e.get("subresource") and not _is_ours(e, to, api_version) and take(e)]
    mine = next((e for e in managed_fields if _is_ours(e, to, api_version)), None)
    fields: Fields = mine.get("fieldsV1", {}) if mine else {}
    for entry in taken:
        fields = union(fields, _configuration(entry.get("fieldsV1", {}), kind))
    kept = [dict(e) for e in managed_fields if e is not mine and e not in taken]
    return [*kept, _apply_entry(to, api_version, fields, mine, taken)] if taken else [dict(e) for e in managed_fields]


def _is_ours(entry: ManagedEntry, manager: str, api_version: str) -> bool:
    return (
        entry.get("manager") == manager
        and entry.get("operation") == "Apply"
        and entry.get("apiVersion") == api_version
        and not entry.get("subresource")
    )


def _configuration(fields: Fields, kind: str) -> Fields:
    """The set without the fields that are no configuration."""
    return difference(fields, tree([at for at in paths(fields) if nobodys(kind, at)]))


def _apply_entry(
    manager: str, api_version: str, fields: Fields, mine: ManagedEntry | None, taken: Sequence[ManagedEntry]
) -> dict[str, Any]:
    times = [e["time"] for e in (mine, *taken) if e is not None and e.get("time")]
    entry = {"manager": manager, "operation": "Apply", "apiVersion": api_version, "fieldsType": "FieldsV1", "fieldsV1": fields}
    return entry | ({"time": max(times)} if times else {})


def resolve(
    live: Mapping[str, Any],
    body: dict[str, Any],
    *,
    manager: str,
    conflicts: Iterable[Conflict],
    drives: Drives = lambda _: "a controller",
) -> Resolution:
    """What to do after the API server refused an unforced apply of `body` because of these conflicts.

    `drives` says whether a controller still drives a field that it drives on demand (the autoscaler may be gone, and its entry outlives
    it): only then is it yielded.
    Apply the result with force, under the live object's resourceVersion, or the decision would be about something else.
    """
    causes = [(*_holding(live, text, holder, body), text, holder) for text, holder in conflicts]
    stranger = next((holder for *_, holder in causes if classify(holder, ours=manager) == "other-application"), "")
    if stranger:
        return Resolution(refused=_refusal(live, body, stranger), body=body)
    kind = live.get("kind", "")
    reasons = {(at, holder): yielded(holder, sub, kind, at) for at, sub, _, holder in causes if at not in DRIVEN or drives(at)}
    given = [(at, holder, why) for (at, holder), why in reasons.items() if at and why]
    drop = tuple(dict.fromkeys(at for at, _, _ in given))
    taken = [(show(at) or text.removeprefix("."), holder, _taken_because(holder)) for at, _, text, holder in causes if at not in drop]
    for at in drop:
        body = remove(body, at)
    yielded_to = _grouped((show(at), holder, why) for at, holder, why in given)
    return Resolution(
        take=tuple(Ownership(fields, holder, manager, why) for holder, why, fields in _grouped(taken)),
        drop=drop,
        yielded=tuple(Ownership(fields, manager, holder, why) for holder, why, fields in yielded_to),
        body=body,
    )


def _grouped(changes: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, tuple[str, ...]]]:
    """(field, holder, reason) by holder and reason, in the order of their coming."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, holder, why in changes:
        groups.setdefault((holder, why), []).append(name)
    return [(holder, why, tuple(names)) for (holder, why), names in groups.items()]


def _holding(live: Mapping[str, Any], text: str, holder: str, body: Mapping[str, Any]) -> tuple[Path, str]:
    """The path that the server printed as `text`, and the subresource through which `holder` holds it; `((), "")` where not found.

    The printed form cannot be parsed (names may have dots), so it is looked for among the holder's own fields; where two have the same
    form, the one that our body has is meant.
    """
    entries = [e for e in live["metadata"].get("managedFields", ()) if e.get("manager") == holder]
    found = [(at, e.get("subresource", "")) for e in entries for at in paths(e.get("fieldsV1", {})) if server_text(at) == text]
    return next((f for f in found if lookup(body, f[0])[0]), found[0] if found else ((), ""))


def _refusal(live: Mapping[str, Any], body: Mapping[str, Any], holder: str) -> str:
    """Who holds the object, by its owner annotation; by the manager alone where that is missing or names ourselves."""
    metadata = live["metadata"]
    namespace = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    what = f"{live.get('kind', 'object')} {namespace}{metadata.get('name', '')}"
    owner = (metadata.get("annotations") or {}).get(OWNER, "")
    installation, _, application = owner.partition("/")
    known = application and owner != ((body.get("metadata") or {}).get("annotations") or {}).get(OWNER)
    who = f"Application {application} of installation {installation}" if known else f"another application ({holder})"
    return f"{what} belongs to {who}; take it out of one of the two."


def _taken_because(holder: str) -> str:
    match classify(holder):
        case "person":
            return "set by a person; Git is the source"
        case "tool":
            return "managed by an earlier tool; taken over"
        case "ours":
            return "handed over before; taken back"
        case "controller":
            return "not a field that this controller is known to drive"
        case _:
            return "an unknown manager never wins our fields"


def owners_of(live: Mapping[str, Any], at: Path) -> tuple[tuple[str, str], ...]:
    """(manager, subresource) of each entry that owns a field."""
    entries = live["metadata"].get("managedFields", ())
    return tuple((e.get("manager", ""), e.get("subresource", "")) for e in entries if contains(e.get("fieldsV1", {}), at))
