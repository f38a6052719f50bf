"""The sentences for a render that was stopped: what, why, and what to try."""

from __future__ import annotations

from trimtab.render.errors import RenderStoppedError, WorkerLostError
from trimtab.render.process import ProcessLimits
from trimtab.render.request import RenderRequest

_FOLDERS = {"Helm": "chart ", "Kustomize": "kustomization ", "Jsonnet": "Jsonnet ", "Plain": "folder ", "Auto": ""}


def subject(request: RenderRequest, who: str) -> str:
    """`Render of trimtab/huge (chart charts/huge)`."""
    return f"Render of {who} ({_FOLDERS[request.kind]}{request.path or '.'})"


def stopped(lost: WorkerLostError, request: RenderRequest, who: str, limits: ProcessLimits) -> RenderStoppedError:
    """The error for people, of a worker that was lost in the middle of a render."""
    what, remedy = _told(lost, request, limits)
    return RenderStoppedError(
        f"{subject(request, who)} {what}.", cause=lost.cause, remedy=remedy, detail=lost.detail, reads=(("t", "", request.tree),)
    )


def _told(lost: WorkerLostError, request: RenderRequest, limits: ProcessLimits) -> tuple[str, str]:
    path = request.path or "."
    match lost.cause:
        case "deadline":
            return f"stopped after {limits.seconds:.1f} s, its limit", f"Try it here:  trimtab render {path} --timeout 60s"
        case "memory":
            return f"ran out of memory (limit {limits.memory >> 20} MiB)", f"Try it here:  trimtab render {path}"
        case "output":
            return f"made more than {request.limits.output_bytes >> 20} MiB, its limit", "Split it into several applications."
        case "input":
            return lost.sentence, "Split it into several applications."
        case "crash" | "killed" | "start":
            return f"took the renderer down twice, which {lost.sentence}", f"Try it here:  trimtab render {path}"
