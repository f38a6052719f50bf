"""A field changes hands between Git and a controller without its value falling to a default in between. Pure.

The example is `spec.replicas` under a HorizontalPodAutoscaler. When Git drops it, the next apply would leave it to nobody and so to the
default, one pod, until the autoscaler looks again. So a second manager, `trimtab-handover`, first applies the live value; the
autoscaler's next change takes it from there. When the autoscaler goes and Git has the field again, we take it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from trimtab.plan.fields import Path, item, key_of, path, show
from trimtab.plan.managers import classify, yielded
from trimtab.plan.model import Ownership
from trimtab.plan.owner import HANDOVER_MANAGER
from trimtab.plan.ownership import owners_of
from trimtab.plan.projection import lookup

Drives = Callable[[Path], str]
"""The controller that drives a field of this object now (`HorizontalPodAutoscaler web`), "" where none does."""

DRIVEN: tuple[Path, ...] = (path("spec", "replicas"),)
"""Fields that a controller may drive and whose default would do harm."""

RESOURCES = (path("spec", "template", "spec", "containers"), path("spec", "template", "spec", "initContainers"))
"""Lists whose items' `resources` a VerticalPodAutoscaler may drive."""


class Handover(Struct, frozen=True):
    """What to apply first, as `trimtab-handover`, unforced: equal values are no conflict."""

    body: dict[str, Any]
    """The object's identity and the live values alone."""
    paths: tuple[Path, ...]
    ownership: tuple[Ownership, ...]
    """The same as changes of owner, for the plan."""


def handover(
    before: Mapping[str, Any], after: Mapping[str, Any], live: Mapping[str, Any], *, manager: str, drives: Drives
) -> Handover | None:
    """The fields that Git dropped (in `before`, not in `after`), that we alone own and that a controller drives; None where there are none."""
    found = [(at, drives(at)) for at in _candidates(before) if not lookup(after, at)[0] and _ours_alone(live, at, manager)]
    given = [(at, controller) for at, controller in found if controller]
    if not given:
        return None
    body = {name: live[name] for name in ("apiVersion", "kind")}
    body["metadata"] = {name: live["metadata"][name] for name in ("name", "namespace", "uid") if live["metadata"].get(name)}
    for at, _ in given:
        _put(body, at, lookup(live, at)[1])
    ownership = tuple(Ownership((show(at),), manager, controller, f"dropped in Git; driven by {controller}") for at, controller in given)
    return Handover(body, tuple(at for at, _ in given), ownership)


def take_back(after: Mapping[str, Any], live: Mapping[str, Any], *, manager: str, drives: Drives) -> tuple[Ownership, ...]:
    """The fields in `after` that a controller, or the handover, owns still though nothing drives them any more: the next apply is forced for them."""
    result = []
    for at in _candidates(after):
        holders = [] if drives(at) else [m for m, sub in owners_of(live, at) if _gave(m, sub, live.get("kind", ""), at)]
        result += [Ownership((show(at),), holder, manager, "no controller drives it any more; taken back") for holder in holders]
    return tuple(result)


def _gave(holder: str, subresource: str, kind: str, at: Path) -> bool:
    return holder == HANDOVER_MANAGER or bool(yielded(holder, subresource, kind, at))


def _candidates(body: Mapping[str, Any]) -> list[Path]:
    """The fields of a body that a controller may drive."""
    found = [at for at in DRIVEN if lookup(body, at)[0]]
    for containers in RESOURCES:
        names = [held.get("name") for held in lookup(body, containers)[1] or ()]
        places = [(*containers, item({"name": name}), "f:resources") for name in names]
        found += [at for at in places if lookup(body, at)[0]]
    return found


def _ours_alone(live: Mapping[str, Any], at: Path, manager: str) -> bool:
    """Whether a live field falls to its default when we stop applying it: ours, and nobody else's."""
    if not lookup(live, at)[0]:
        return False
    holders = {m for m, _ in owners_of(live, at)} or {m for m, _ in owners_of(live, (*at, "f:requests", "f:cpu"))}
    return bool(holders) and all(classify(m, ours=manager) == "ours" and m != HANDOVER_MANAGER for m in holders)


def _put(body: dict[str, Any], at: Path, content: Any) -> None:
    """Set a value, making maps and keyed items on the way."""
    node: Any = body
    for step, then in zip(at, (*at[1:], ""), strict=True):
        last = not then
        fresh: Any = content if last else [] if then[0] == "k" else {}
        if step[0] == "f":
            node = node.setdefault(step[2:], fresh)
        else:
            node = _item_of(node, dict(zip(*key_of(step), strict=True)))
        if last and step[0] != "f":
            node.update(content)


def _item_of(items: list[dict[str, Any]], keys: dict[str, Any]) -> dict[str, Any]:
    found = next((held for held in items if keys.items() <= held.items()), None)
    if found is None:
        items.append(keys)
    return found if found is not None else keys
