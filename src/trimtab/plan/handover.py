"""A field changes hands between Git and a controller without its value falling to a default in between. Pure.

The example is `spec.replicas` under a HorizontalPodAutoscaler. When Git drops it, the next apply would leave it to nobody and so to the
default, one pod, until the autoscaler looks again. So a second manager, `trimtab-handover`, first applies the live value; the
autoscaler's next change takes it from there. When the autoscaler goes and Git has the field again, we take it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from trimtab.plan.fields import Path, path, show
from trimtab.plan.managers import DRIVEN, Drives, yielded
from trimtab.plan.model import Ownership
from trimtab.plan.owner import HANDOVER_MANAGER
from trimtab.plan.ownership import owners_of
from trimtab.plan.projection import lookup

REPLICAS = path("spec", "replicas")

AUTOSCALERS = {"HorizontalPodAutoscaler": REPLICAS, "ScaledObject": REPLICAS}
"""Kinds that drive a field of what their `spec.scaleTargetRef` names (Kubernetes; KEDA)."""


def driver(live: Mapping[str, Any], autoscalers: Iterable[Mapping[str, Any]]) -> Drives:
    """What drives this object's fields, given the autoscalers of its namespace that are there and not being deleted."""
    found = {
        AUTOSCALERS[scaler["kind"]]: f"{scaler['kind']} {scaler['metadata']['name']}"
        for scaler in autoscalers
        if scaler.get("kind") in AUTOSCALERS and not scaler["metadata"].get("deletionTimestamp") and _targets(scaler, live)
    }
    return lambda at: found.get(at, "")


def _targets(scaler: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Whether an autoscaler of the same namespace names this object. The version does not matter; KEDA may leave kind and group out."""
    target = (scaler.get("spec") or {}).get("scaleTargetRef") or {}
    same_place = scaler["metadata"].get("namespace", "") == live["metadata"].get("namespace", "")
    named = (_group(target.get("apiVersion") or "apps/v1"), target.get("kind") or "Deployment", target.get("name"))
    return same_place and named == (_group(live.get("apiVersion", "")), live.get("kind"), live["metadata"].get("name"))


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


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
    """What must be handed over before `after` is applied where `before` was; None where nothing must.

    A field must that Git dropped, that we alone own in the live object, and that a controller drives.
    """
    given = {at: drives(at) for at in DRIVEN if _dropped(at, before, after) and _falls(live, at, manager)}
    given = {at: controller for at, controller in given.items() if controller}
    if not given:
        return None
    body = {name: live[name] for name in ("apiVersion", "kind")}
    body["metadata"] = {name: live["metadata"][name] for name in ("name", "namespace", "uid") if live["metadata"].get(name)}
    for at in given:
        _put(body, at, lookup(live, at)[1])
    reasons = tuple(Ownership((show(at),), manager, controller, "dropped in Git while it drives this") for at, controller in given.items())
    return Handover(body, tuple(given), reasons)


def take_back(after: Mapping[str, Any], live: Mapping[str, Any], *, manager: str, drives: Drives) -> tuple[Ownership, ...]:
    """The reverse: the fields in `after` that a controller, or the handover, still owns though nothing drives them any more.

    `ownership.resolve` with the same predicate takes them in its forced apply.
    """
    back = [at for at in DRIVEN if lookup(after, at)[0] and not drives(at)]
    held = [(at, holder) for at in back for holder, sub in owners_of(live, at) if _gave(holder, sub, live.get("kind", ""), at)]
    return tuple(Ownership((show(at),), holder, manager, "no controller drives it any more; taken back") for at, holder in held)


def _dropped(at: Path, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return lookup(before, at)[0] and not lookup(after, at)[0]


def _falls(live: Mapping[str, Any], at: Path, manager: str) -> bool:
    """Whether a live field falls to its default when we stop applying it: it is ours, and nobody else's."""
    return {holder for holder, _ in owners_of(live, at)} == {manager}


def _gave(holder: str, subresource: str, kind: str, at: Path) -> bool:
    return holder == HANDOVER_MANAGER or bool(yielded(holder, subresource, kind, at))


def _put(body: dict[str, Any], at: Path, content: Any) -> None:
    """Set a value, making maps on the way; the path is of plain names."""
    for step in at[:-1]:
        body = body.setdefault(step[2:], {})
    body[at[-1][2:]] = content
