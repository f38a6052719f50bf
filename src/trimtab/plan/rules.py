"""Drift rules: which differences are corrected, reported or ignored. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from trimtab.api.application import DriftRule, PatchTarget
from trimtab.plan.model import Key


def left_out(rules: Sequence[DriftRule], key: Key, labels: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """The fields that rules with action Ignore leave out of an object's apply, as unescaped RFC 6901 steps."""
    for rule in rules:
        if rule.action == "Ignore" and _concerns(rule.target, key, labels):
            yield from (_steps(pointer) for pointer in rule.json_pointers if pointer.startswith("/"))


def action_for(rules: Sequence[DriftRule], key: Key, labels: Mapping[str, str]) -> Literal["Correct", "Report", "Ignore"]:
    """What is done about an object that differs: the first rule without pointers that concerns it, else Correct."""
    return next((r.action for r in rules if not r.json_pointers and _concerns(r.target, key, labels)), "Correct")


def _concerns(target: PatchTarget, key: Key, labels: Mapping[str, str]) -> bool:
    wanted = ((target.group, key.group), (target.kind, key.kind), (target.name, key.name), (target.namespace, key.namespace))
    return all(not want or want == have for want, have in wanted) and _selected(target.label_selector, labels)


def _selected(selector: str, labels: Mapping[str, str]) -> bool:
    pairs = (p.partition("=") for p in selector.split(",") if p)
    return all(labels.get(name.strip()) == value.strip().removeprefix("=") for name, _, value in pairs)


def _steps(pointer: str) -> tuple[str, ...]:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))
