"""From what a renderer printed to what an apply sends: namespace, scope, label, owner, waves, rules. Pure.

What cannot be used becomes a `Problem` on that one object; the others go on.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from trimtab.api.application import DriftRule
from trimtab.api.meta import LABEL, OWNER, PREFIX
from trimtab.core.digests import canonical, digest, keyed_digest
from trimtab.core.errors import Place
from trimtab.plan.model import Desired, Key, Notice
from trimtab.plan.owner import Owner
from trimtab.plan.rules import left_out

Object = dict[str, Any]
Scope = Callable[[str, str], bool | None]
"""(apiVersion, kind) → whether the kind is namespaced; None where the API server does not serve it."""

WAVES = (f"{PREFIX}wave", "argocd.argoproj.io/sync-wave")
HOOKS = (f"{PREFIX}hook", "argocd.argoproj.io/hook")
KEPT = {
    f"{PREFIX}prune": ("disabled", "false"),
    "helm.sh/resource-policy": ("keep",),
    "kustomize.toolkit.fluxcd.io/prune": ("disabled",),
}
ARGO_OPTIONS = "argocd.argoproj.io/sync-options"


class Printed(Struct, frozen=True):
    """One object as a renderer printed it."""

    api_version: str
    kind: str
    namespace: str
    name: str
    body: bytes
    place: Place | None = None
    hook: str = ""
    problem: str = ""
    source: str = ""


class Problem(Struct, frozen=True):
    """Why one object cannot be used."""

    text: str
    key: Key
    place: Place | None = None
    missing: str = ""
    """`group/version/Kind` that the cluster does not serve, where that is the reason."""


class Completed(Struct, frozen=True):
    """The set of one application: what is to be, what could not be used, what a reader should know."""

    desired: tuple[Desired, ...]
    problems: tuple[Problem, ...] = ()
    notices: tuple[Notice, ...] = ()


class Completion(Struct, frozen=True):
    """What completing needs to know."""

    owner: Owner
    namespace: str
    scope: Scope
    seed: bytes
    rules: tuple[DriftRule, ...] = ()
    create_namespace: bool = False


def complete(printed: Sequence[Printed], how: Completion) -> Completed:
    """Every printed object, completed; a later one of the same key replaces an earlier one and is named."""
    objects = [(p, msgspec.json.decode(p.body)) for p in printed if not p.problem]
    scope = _scope_with_own_definitions(how.scope, (o for _, o in objects))
    problems = [Problem(p.problem, _key_of(p, p.namespace), p.place) for p in printed if p.problem]
    notices: list[Notice] = []
    found: dict[Key, Desired] = {}
    for p, body in _with_namespace(objects, how):
        hook = p.hook or _annotation(body, HOOKS)
        namespaced = scope(p.api_version, p.kind)
        key = _key_of(p, (p.namespace or how.namespace) if namespaced else "")
        if hook:
            notices.append(Notice(f"{hook} hook, not applied yet", key, p.place))
        elif namespaced is None:
            text = f"the cluster serves no kind {p.kind} in {p.api_version}; install its CustomResourceDefinition first"
            problems.append(Problem(text, key, p.place, f"{p.api_version}/{p.kind}"))
        else:
            if key in found:
                notices.append(Notice(f"named twice; {_where(p.place)} wins over {_where(found[key].place)}", key, p.place))
            found[key] = _desired(p, body, key, how)
    return Completed(tuple(found.values()), tuple(problems), tuple(notices))


def _where(place: Place | None) -> str:
    return str(place) if place else "the later one"


def _key_of(printed: Printed, namespace: str) -> Key:
    return Key(group_of(printed.api_version), printed.kind, namespace, printed.name)


def group_of(api_version: str) -> str:
    """The group of an apiVersion; empty for the core group."""
    return api_version.rpartition("/")[0]


def _scope_with_own_definitions(scope: Scope, objects: Iterable[Object]) -> Scope:
    """Kinds whose CustomResourceDefinition is in the same set count as served."""
    own: dict[tuple[str, str], bool] = {}
    for o in objects:
        if o.get("kind") == "CustomResourceDefinition":
            spec = o.get("spec") or {}
            for version in spec.get("versions") or ():
                served = f"{spec.get('group')}/{version.get('name')}"
                own[served, (spec.get("names") or {}).get("kind", "")] = spec.get("scope") == "Namespaced"

    def combined(api_version: str, kind: str) -> bool | None:
        known = own.get((api_version, kind))
        return known if known is not None else scope(api_version, kind)

    return combined


def _with_namespace(objects: list[tuple[Printed, Object]], how: Completion) -> list[tuple[Printed, Object]]:
    """The objects, led by the destination's Namespace where it is asked for and not printed by the sources."""
    named = any(p.kind == "Namespace" and p.name == how.namespace for p, _ in objects)
    if not how.create_namespace or named or not how.namespace:
        return objects
    body: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": how.namespace}}
    return [(Printed("v1", "Namespace", "", how.namespace, b""), body), *objects]


def _desired(printed: Printed, body: Object, key: Key, how: Completion) -> Desired:
    metadata = body.setdefault("metadata", {})
    metadata.pop("creationTimestamp", None)
    if key.namespace:
        metadata["namespace"] = key.namespace
    else:
        metadata.pop("namespace", None)
    if key.kind == "Secret" and not key.group:
        _encode_string_data(body)
    prune = not _kept(metadata.get("annotations") or {})
    wave = _wave(body)
    metadata["labels"] = {**(metadata.get("labels") or {}), LABEL: how.owner.id}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), OWNER: how.owner.full}
    for path in left_out(how.rules, key, metadata["labels"]):
        _remove(body, path)
    content = canonical(body)
    address = keyed_digest(how.seed, content) if key.kind == "Secret" and not key.group else digest(content)
    return Desired(key, printed.api_version, content, address, printed.place, wave, prune, printed.source)


def _encode_string_data(body: Object) -> None:
    """`stringData` becomes `data` before planning: the API server does not keep it, so it could never be compared."""
    plain = body.pop("stringData", None) or {}
    if plain:
        encoded = {k: base64.b64encode(str(v).encode()).decode() for k, v in plain.items()}
        body["data"] = {**(body.get("data") or {}), **encoded}


def _annotation(body: Object, names: Iterable[str]) -> str:
    annotations = (body.get("metadata") or {}).get("annotations") or {}
    return next((str(annotations[n]) for n in names if n in annotations), "")


def _kept(annotations: dict[str, str]) -> bool:
    if any(str(annotations.get(name, "")).lower() in values for name, values in KEPT.items()):
        return True
    options = str(annotations.get(ARGO_OPTIONS, "")).replace(" ", "").split(",")
    return "Prune=false" in options


def _wave(body: Object) -> int:
    text = _annotation(body, WAVES)
    try:
        return int(text) if text else 0
    except ValueError:
        return 0


def _remove(body: Object, pointer: Sequence[str]) -> None:
    """Take a field out; what is not there stays so."""
    node: Any = body
    for part in pointer[:-1]:
        node = _step(node, part)
    last = pointer[-1]
    if isinstance(node, dict):
        node.pop(last, None)
    elif isinstance(node, list) and last.isdigit() and int(last) < len(node):
        del node[int(last)]


def _step(node: Any, part: str) -> Any:
    if isinstance(node, dict):
        return node.get(part)
    if isinstance(node, list) and part.isdigit() and int(part) < len(node):
        return node[int(part)]
    return None
