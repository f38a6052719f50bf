"""The deletion budget: what a plan may delete by itself, and what a person must approve first (design: rule 2). Pure.

An empty render is refused; so is one that would delete more than a share of the objects *and* more than a number of them. Namespaces,
PersistentVolumes and their claims, and CustomResourceDefinitions with instances always want an approval. What a deletion takes along
(a definition's instances, a namespace's contents) counts as deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from trimtab.plan.model import Entry, Key, Refusal

Cascade = Callable[[Key], int | None]
"""How many other objects the deletion of this one takes along; None where that could not be read, which is never "none"."""

DATA = frozenset({("", "Namespace"), ("", "PersistentVolumeClaim"), ("", "PersistentVolume")})
DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")


def judge(
    *,
    total: int,
    deletions: Sequence[Entry],
    max_percent: int = 50,
    min_objects: int = 10,
    empty: bool,
    crd_instances: Cascade,
) -> tuple[Refusal, ...]:
    """The refusals that stand against deleting these objects of an inventory of `total`; `empty` says that the render has no object.

    `crd_instances` tells what each deletion takes along: the instances of a definition, and the contents of a namespace if known.
    """
    keys = tuple(entry.key for entry in deletions)
    taken = {key: crd_instances(key) for key in keys if _cascades(key)}
    return (
        *_empty(total, keys, empty=empty),
        *_budget(total, keys, sum(n or 0 for n in taken.values()), max_percent, min_objects),
        *_protected(keys, taken),
    )


def _cascades(key: Key) -> bool:
    return (key.group, key.kind) in {DEFINITION, ("", "Namespace")}


def _empty(total: int, keys: tuple[Key, ...], *, empty: bool) -> Iterator[Refusal]:
    if empty and total:
        yield Refusal("Empty", f"nothing was rendered, where there were {_objects(total)}. Nothing was deleted.", keys)


def _budget(total: int, keys: tuple[Key, ...], along: int, percent: int, least: int) -> Iterator[Refusal]:
    count = len(keys) + along
    if count > least and count * 100 > total * percent:
        share = total * percent // 100
        budget = f"{share} ({percent} %)" if share >= least else f"{least} (the least that it can be)"
        text = f"this would delete {len(keys)} of {_objects(total)}{_along(along)}; the budget is {budget}. Nothing was deleted."
        yield Refusal("Budget", text, keys)


def _along(count: int) -> str:
    return f" and take {count} more along" if count else ""


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"


def _protected(keys: tuple[Key, ...], taken: dict[Key, int | None]) -> Iterator[Refusal]:
    for key in keys:
        why = _worth(key, taken.get(key, 0))
        if why:
            yield Refusal("Protected", f"{key} {why}; it is deleted only when that is approved.", (key,))


def _worth(key: Key, along: int | None) -> str:
    """Why an object is never deleted without an approval; "" where it may be."""
    counted = "an unknown number of objects" if along is None else _objects(along)
    match key.group, key.kind:
        case "", "Namespace":
            return f"goes with everything in it ({counted})" if along != 0 else "goes with everything in it"
        case "", "PersistentVolumeClaim" | "PersistentVolume":
            return "holds data"
        case "apiextensions.k8s.io", "CustomResourceDefinition" if along != 0:
            return f"goes with its instances ({counted})"
        case _:
            return ""
