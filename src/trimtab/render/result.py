"""What a render gave: the objects, and all that it was a function of. The `result` frame of design 002."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from trimtab.render.errors import Failure, Read, RenderFailedError


class RenderedObject(Struct, frozen=True, gc=False):
    """One object: what it is, where it came from, and its canonical JSON."""

    api_version: str
    kind: str
    namespace: str
    name: str
    path: str
    """The best known file; "" unknown."""
    line: int
    """1-based; 0 unknown."""
    hook: str
    """Its `helm.sh/hook` annotation; "" for none."""
    crd: bool
    """Whether it comes from a chart's crds/ folder."""
    problem: str
    """One sentence why the object cannot be used; "" for none. The others still count."""
    digest: str
    """SHA-256 of `body`."""
    body: bytes
    generate_name: str = ""

    def __repr__(self) -> str:
        """Without the body, which may be a Secret's."""
        return f"RenderedObject({self.api_version!r}, {self.kind!r}, {self.namespace!r}, {self.name!r}, {self.path!r}:{self.line})"


class Warned(Struct, frozen=True, gc=False):
    """Something that deserves a person's eye and fails nothing."""

    path: str
    message: str
    line: int = 0


class Chance(Struct, frozen=True):
    """How often each function drew on chance or on the clock."""

    seeded: dict[str, int] = {}
    unseeded: dict[str, int] = {}
    """Cannot be repeated: who keeps the result must keep these objects until their inputs change."""
    time: dict[str, int] = {}


class Rendered(Struct, frozen=True):
    """A successful render."""

    kind: str
    objects: tuple[RenderedObject, ...]
    reads: tuple[Read, ...]
    capability_reads: tuple[Read, ...]
    random: Chance
    warnings: tuple[Warned, ...]
    milliseconds: float
    """As the worker measured it."""
    key: str = ""
    """The render key (`trimtab.render.key`)."""

    @property
    def size(self) -> int:
        """About the memory it holds, in bytes: bodies, and a hundred bytes for each small part."""
        return sum(len(o.body) + 400 for o in self.objects) + 200 * len(self.reads) + 500


class CelValue(Struct, frozen=True):
    """The outcome of one CEL expression: a value, or an error with its kind (`compile`, `eval`, `limit`, `noSuchField`)."""

    value: Any = None
    error: str = ""
    kind: str = ""


class _WireObject(Struct, rename="camel", gc=False):
    api_version: str
    kind: str
    offset: int
    length: int
    digest: str
    namespace: str = ""
    name: str = ""
    path: str = ""
    line: int = 0
    hook: str = ""
    crd: bool = False
    problem: str = ""
    generate_name: str = ""


class _Statistics(Struct):
    milliseconds: float = 0.0


class ResultHeader(Struct, rename="camel"):
    """The header of a `result` frame, of whatever request."""

    id: int
    ok: bool
    kind: str = ""
    reads: tuple[Read, ...] = ()
    capability_reads: tuple[Read, ...] = ()
    random: Chance | None = None
    warnings: tuple[Warned, ...] = ()
    objects: tuple[_WireObject, ...] = ()
    values: tuple[CelValue, ...] = ()
    error: Failure | None = None
    stats: _Statistics = msgspec.field(default_factory=_Statistics)

    def failure(self) -> RenderFailedError:
        """The error of a result that is not ok."""
        failure = self.error or Failure("the worker refused without saying why")
        return RenderFailedError(failure, reads=self.reads, capability_reads=self.capability_reads)


def rendered(header: ResultHeader, body: bytes) -> Rendered:
    """The objects cut out of a result's body (copied, so that no small object holds a large frame). Raises RenderFailedError."""
    if not header.ok:
        raise header.failure()
    return Rendered(
        kind=header.kind,
        objects=tuple(_object(wire, body) for wire in header.objects),
        reads=header.reads,
        capability_reads=header.capability_reads,
        random=header.random or Chance(),
        warnings=header.warnings,
        milliseconds=header.stats.milliseconds,
    )


def _object(wire: _WireObject, body: bytes) -> RenderedObject:
    return RenderedObject(
        api_version=wire.api_version,
        kind=wire.kind,
        namespace=wire.namespace,
        name=wire.name,
        path=wire.path,
        line=wire.line,
        hook=wire.hook,
        crd=wire.crd,
        problem=wire.problem,
        digest=wire.digest,
        body=body[wire.offset : wire.offset + wire.length],
        generate_name=wire.generate_name,
    )
