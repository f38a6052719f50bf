"""What goes wrong in a render, and the sentence for it.

RenderError (core)
├── RenderFailedError    the worker answered that the input cannot be rendered
└── RenderStoppedError   the worker was stopped at a limit, or died of the input
UnavailableError (core)
└── WorkerLostError      a worker ended in the middle of a request: says how; the pool makes one of the above of it, or tries again

Both render errors carry what had been read until then, so that a change of any of it wakes the application.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from trimtab.core.errors import Place, RenderError, UnavailableError

Read = tuple[str, str, str]
"""Kind (`f`, `l`, `d`, `t`, `a`), path and id: design 002, "Reads"."""

Cause = Literal["deadline", "late", "memory", "output", "input", "crash", "killed", "start"]
"""`late` is a deadline that passed while this program itself stood still; `killed` came from outside; `start` never said hello."""


class Failure(Struct, frozen=True, rename={"class_": "class"}):
    """The `error` of a failed result: design 002, "What the worker sends"."""

    message: str
    class_: str = "Render"
    """`Source`, `Render`, `Limit` or `Unsupported`."""
    path: str = ""
    line: int = 0
    column: int = 0
    detail: str = ""


class RenderFailedError(RenderError):
    """The worker read its input and refused it."""

    def __init__(self, failure: Failure, *, reads: tuple[Read, ...] = (), capability_reads: tuple[Read, ...] = ()) -> None:
        place = Place(failure.path, failure.line, failure.column) if failure.path else None
        super().__init__(failure.message, place=place, detail=failure.detail)
        self.failure_class = failure.class_
        self.reads = reads
        self.capability_reads = capability_reads


class RenderStoppedError(RenderError):
    """A render overran a limit, or took its worker down with it. `cause` says which.

    What it would have read nobody knows, so `reads` holds the whole tree: the next commit of whatever kind wakes the application.
    """

    def __init__(self, sentence: str, *, cause: Cause, remedy: str = "", detail: str = "", reads: tuple[Read, ...] = ()) -> None:
        super().__init__(sentence, remedy=remedy, detail=detail)
        self.cause: Cause = cause
        self.reads = reads
        self.capability_reads: tuple[Read, ...] = ()


class WorkerLostError(UnavailableError):
    """A worker ended before it answered, by itself or because we killed it."""

    def __init__(self, cause: Cause, sentence: str, *, detail: str = "") -> None:
        super().__init__(sentence, detail=detail)
        self.cause: Cause = cause
