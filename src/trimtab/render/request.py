"""What is asked of the render worker, as plain data: the `render` frame of design 002."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from trimtab.api.application import Directory, Helm, Jsonnet, Kustomize, Source, ValuesFrom
from trimtab.core.digests import digest
from trimtab.core.errors import InputError

Kind = Literal["Auto", "Plain", "Kustomize", "Helm", "Jsonnet"]
Parameters = dict[str, Any]

_encode = msgspec.json.Encoder().encode


class Limits(Struct, frozen=True, rename="camel"):
    """Bounds of one result. The worker keeps them; the pool keeps `output_bytes` once more from outside."""

    output_bytes: int = 64 << 20
    objects: int = 20_000
    depth: int = 200


class Release(Struct, frozen=True, rename="camel"):
    """What Helm templates see as `.Release`; it also names the render for its seed."""

    name: str
    namespace: str
    revision: int = 1
    is_install: bool = True


class Capabilities(Struct, frozen=True):
    """What a template may ask of the cluster: its version, its API versions (`apps/v1`, `apps/v1/Deployment`) sorted, and their digest."""

    kube_version: str
    api_versions: tuple[str, ...] = ()
    digest: str = ""

    @staticmethod
    def of(kube_version: str, api_versions: Iterable[str]) -> Capabilities:
        """Capabilities with the list sorted and its digest worked out once, as the worker does: design 002, "Capability reads"."""
        names = tuple(sorted(set(api_versions)))
        return Capabilities(kube_version, names, digest("".join(f"{name}\n" for name in names).encode()))

    def wire(self) -> dict[str, Any]:
        """As a render frame has it: the list itself only where it has no digest to be told by."""
        named = {"digest": self.digest} if self.digest else {"apiVersions": self.api_versions}
        return {"kubeVersion": self.kube_version, **named}


class RenderRequest(Struct, frozen=True):
    """One render: of which tree, which folder of it, how, and for whom."""

    tree: str
    """Git object id of the root tree."""
    path: str
    """The folder (or chart archive) in it; "" is the root."""
    release: Release
    capabilities: Capabilities
    seed: bytes
    """The installation's secret, from which seeded random functions draw."""
    now: str
    """RFC 3339: what a template sees as the present."""
    kind: Kind = "Auto"
    parameters: Parameters = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)
    """Path → tree id, where known already: saves walking from the root."""
    limits: Limits = Limits()
    policy: str = ""
    """Digest of the policy in force, part of the render key."""

    def __repr__(self) -> str:
        """Without parameters and seed, which may be secret."""
        return f"RenderRequest(tree={self.tree!r}, path={self.path!r}, kind={self.kind!r}, release={self.release!r})"

    def header(self, number: int) -> bytes:
        """The frame's header. The API versions travel apart, by digest."""
        return _encode(
            {
                "type": "render",
                "id": number,
                "tree": self.tree,
                "hints": self.hints,
                "path": self.path,
                "kind": self.kind,
                "parameters": self.parameters,
                "capabilities": self.capabilities.wire(),
                "seed": self.seed.hex(),
                "now": self.now,
                "release": self.release,
                "limits": self.limits,
            }
        )


def parameters_for(source: Source, *, application: str, values: Sequence[tuple[str, str]] = ()) -> Parameters:
    """The protocol's parameters of a source.

    `application` names the Helm release where the source does not. `values` are the documents of those `valuesFrom` entries that are not
    files of the same repository (see `from_elsewhere`), in their order, as name and content; the name is for messages.
    Raises InputError when parameters of another renderer than the source's kind are given.
    """
    given = _given(source)
    if given is None:
        return {"releaseName": application} if source.kind == "Helm" else {}
    name, chosen = given
    if source.kind not in {"Auto", name}:
        field_name = "directory" if name == "Plain" else name.lower()
        raise InputError(
            f"sources[].kind is {source.kind}, but parameters for {name} are given; take `{field_name}` out or change the kind."
        )
    if isinstance(chosen, Helm):
        return _helm(source, chosen, application, iter(values))
    return _plain_data(chosen)


def from_elsewhere(source: Source) -> tuple[ValuesFrom, ...]:
    """The `valuesFrom` entries whose content the caller must fetch: all but files of the source's own repository."""
    helm = source.helm
    return tuple(entry for entry in helm.values_from if not _is_own_file(source, entry)) if helm is not None else ()


def _given(source: Source) -> tuple[Kind, Helm | Kustomize | Jsonnet | Directory] | None:
    blocks: tuple[tuple[Kind, Helm | Kustomize | Jsonnet | Directory | None], ...] = (
        ("Helm", source.helm),
        ("Kustomize", source.kustomize),
        ("Jsonnet", source.jsonnet),
        ("Plain", source.directory),
    )
    present = [(name, block) for name, block in blocks if block is not None]
    if len(present) > 1:
        raise InputError(f"a source has parameters for {' and '.join(name for name, _ in present)}; one renderer renders a source.")
    return present[0] if present else None


def _helm(source: Source, helm: Helm, application: str, values: Iterator[tuple[str, str]]) -> Parameters:
    documents: list[dict[str, Any]] = [{"path": path} for path in helm.value_files]
    for entry in helm.values_from:
        if entry.file_ref is not None and _is_own_file(source, entry):
            documents.append({"path": f"/{entry.file_ref.path.lstrip('/')}", "optional": entry.file_ref.optional})
        else:
            name, content = _next_document(values)
            documents.append({"name": name, "content": content})
    return {
        "releaseName": helm.release_name or application,
        "values": helm.values,
        "valuesFrom": documents,
        "crds": helm.crds,
        "skipSchemaValidation": helm.skip_schema_validation,
    }


def _next_document(values: Iterator[tuple[str, str]]) -> tuple[str, str]:
    document = next(values, None)
    if document is None:
        raise ValueError("fewer documents than valuesFrom entries from elsewhere; see from_elsewhere")
    return document


def _is_own_file(source: Source, entry: ValuesFrom) -> bool:
    if entry.file_ref is None:
        return False
    elsewhere = entry.file_ref.repository_ref
    return elsewhere is None or elsewhere == source.repository_ref


def _plain_data(block: Kustomize | Jsonnet | Directory) -> Parameters:
    """A block as the protocol has it: same names, defaults left out."""
    data: Parameters = msgspec.to_builtins(block)
    return data
