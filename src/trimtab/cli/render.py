"""`trimtab render`: what a folder renders to, without a cluster."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from trimtab.api.meta import seconds
from trimtab.cli import manifests
from trimtab.cli.errors import EQUAL, FAILED, complain
from trimtab.cli.output import remark, remark_all
from trimtab.cli.source import SourceFlags, folder_of, given_parameters
from trimtab.core.clock import SystemClock
from trimtab.core.errors import InputError, Place
from trimtab.plan.values import printable
from trimtab.render.find import find_worker
from trimtab.render.result import RenderedObject
from trimtab.sync.folder import Bare, GivenPool, render_bare
from trimtab.sync.kubernetes import plain_cluster

Format = Literal["yaml", "json", "name"]


def render(
    path: Annotated[Path, Parameter(help="A folder: a Helm chart, a kustomization, Jsonnet, or plain manifests.")],
    source: Annotated[SourceFlags, Parameter(name="*")] = SourceFlags(),  # ruff: ignore[function-call-in-default-argument]  frozen
    *,
    output: Annotated[Format, Parameter(name=["--output", "-o"], help="`json` is an array in apply order.")] = "yaml",
    include_hooks: Annotated[bool, Parameter(help="Print hooks, too, last.", negative="")] = False,
    timeout: Annotated[str, Parameter(help="How long rendering may take.")] = "10s",
) -> int:
    """Print what a folder renders to."""
    bare = asyncio.run(_render(path, source, timeout))
    _remark(bare, include_hooks=include_hooks)
    objects = [*bare.objects, *(bare.hooks if include_hooks else ())]
    sys.stdout.write(printed(objects, output))
    return FAILED if bare.completed.problems else EQUAL


async def _render(path: Path, flags: SourceFlags, timeout: str) -> Bare:
    clock, plain = SystemClock(), plain_cluster()
    folder = folder_of(path, flags)
    async with GivenPool(find_worker(), clock=clock, given=given_parameters(flags), seconds=seconds(timeout)) as pool:
        capabilities = plain.capabilities(flags.kube_version, flags.api_versions)
        return await render_bare(folder, flags.namespace or "default", pool, capabilities, clock=clock)


def _remark(bare: Bare, *, include_hooks: bool) -> None:
    for warned in bare.warnings:
        remark(warned.message, Place(warned.path, warned.line) if warned.path else None)
    remark_all(n for n in bare.completed.notices if not include_hooks or "hook" not in n.text)
    for problem in bare.completed.problems:
        complain(str(InputError(f"{problem.key}: {problem.text}", place=problem.place)))


def printed(objects: list[RenderedObject], form: Format) -> str:
    """Bare objects in one of the formats."""
    match form:
        case "json":
            return f"[{','.join(o.body.decode() for o in objects)}]\n" if not sys.stdout.isatty() else _indented(objects)
        case "name":
            return "".join(f"{printable(_name(o))}\n" for o in objects)
        case _:
            return manifests.yaml(msgspec.json.decode(o.body) for o in objects)


def _indented(objects: list[RenderedObject]) -> str:
    text = b"[" + b",".join(o.body for o in objects) + b"]"
    return msgspec.json.format(text, indent=2).decode() + "\n"


def _name(o: RenderedObject) -> str:
    """`deployment.apps/podinfo`, as kubectl's `-o name`, after the namespace where it has one."""
    group = o.api_version.rpartition("/")[0]
    kind = f"{o.kind.lower()}.{group}" if group else o.kind.lower()
    return f"{f'{o.namespace}/' if o.namespace else ''}{kind}/{o.name or o.generate_name}"
