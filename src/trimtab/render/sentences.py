"""The sentences for a request that was stopped: what, why, and what to try."""

from __future__ import annotations

from msgspec import Struct

from trimtab.render.errors import Read, RenderStoppedError, WorkerLostError
from trimtab.render.process import ProcessLimits
from trimtab.render.request import RenderRequest

_FOLDERS = {"Helm": "chart ", "Kustomize": "kustomization ", "Jsonnet": "Jsonnet ", "Plain": "folder ", "Auto": ""}


class Subject(Struct, frozen=True):
    """What a request is about, for people and for the pool: `Render of trimtab/huge (chart charts/huge)`."""

    text: str
    who: str
    """The application, `namespace/name`."""
    output_bytes: int
    command: str = ""
    """What repeats it on the command line."""
    reads: tuple[Read, ...] = ()
    """What it may have read, at most."""


def of_render(request: RenderRequest, who: str) -> Subject:
    """The subject of a render."""
    path = request.path or "."
    return Subject(
        text=f"Render of {who} ({_FOLDERS[request.kind]}{path})",
        who=who,
        output_bytes=request.limits.output_bytes,
        command=f"trimtab render {path}",
        reads=(("t", "", request.tree),),
    )


def stopped(lost: WorkerLostError, subject: Subject, limits: ProcessLimits) -> RenderStoppedError:
    """The error for people, of a worker that was lost in the middle of a request."""
    what, remedy = _told(lost, subject, limits)
    return RenderStoppedError(f"{subject.text} {what}.", cause=lost.cause, remedy=remedy, detail=lost.detail, reads=subject.reads)


def _told(lost: WorkerLostError, subject: Subject, limits: ProcessLimits) -> tuple[str, str]:
    split = "Split it into several applications."
    here = f"Try it here:  {subject.command}" if subject.command else ""
    match lost.cause:
        case "deadline" | "late":
            return f"stopped after {limits.seconds:.1f} s, its limit", f"{here} --timeout 60s" if here else ""
        case "memory":
            return f"ran out of memory (limit {limits.memory >> 20} MiB)", here
        case "output":
            return f"made more than {subject.output_bytes / (1 << 20):g} MiB, its limit", split
        case "input":
            return lost.sentence, split
        case "crash" | "killed" | "start":
            return f"took the renderer down twice; it {lost.sentence}", here
