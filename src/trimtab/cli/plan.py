"""`trimtab plan`: what would change in a cluster if a folder were applied. Exit status 0 equal, 1 error, 2 different."""

from __future__ import annotations

import asyncio
import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from trimtab.api.meta import seconds as to_seconds
from trimtab.cli import manifests
from trimtab.cli.errors import DIFFERENT, EQUAL, FAILED, complain
from trimtab.cli.output import paint_for, width
from trimtab.cli.source import SourceFlags, typed
from trimtab.cli.target import CLUSTER, ClusterFlags, Target, target
from trimtab.plan.markdown import markdown
from trimtab.plan.model import Plan
from trimtab.plan.text import Paint
from trimtab.plan.text import render as render_text
from trimtab.sync.checked import check

Format = Literal["text", "json", "yaml", "markdown"]
SHORTEST = 7
"""Digits of a plan's digest that approve it, at least."""


def plan(
    path: Annotated[Path, Parameter(help="A folder: a Helm chart, a kustomization, Jsonnet, or plain manifests.")],
    source: Annotated[SourceFlags, Parameter(name="*")] = SourceFlags(),  # ruff: ignore[function-call-in-default-argument]  frozen
    cluster: Annotated[ClusterFlags, Parameter(name="*")] = ClusterFlags(),  # ruff: ignore[function-call-in-default-argument]  frozen
    *,
    application: Annotated[
        str,
        Parameter(group=CLUSTER, help="NAME or NAMESPACE/NAME: as if the folder were pushed to it. Default: the one whose source it is."),
    ] = "",
    grade: Annotated[
        Literal["local", "checked"], Parameter(group=CLUSTER, help="`checked` asks the API server what each write would do.")
    ] = "checked",
    output: Annotated[Format, Parameter(name=["--output", "-o"], help="The form of the answer.")] = "text",
    timeout: Annotated[str, Parameter(help="How long rendering may take.")] = "10s",
) -> int:
    """Show what would change in a cluster. Exit status 0: equal; 1: an error; 2: different."""
    return asyncio.run(_plan(path, source, cluster, application, grade == "checked", output, to_seconds(timeout)))


async def _plan(
    path: Path, source: SourceFlags, cluster: ClusterFlags, application: str, checked: bool, output: Format, seconds: float
) -> int:
    async with target(path, source, cluster, application=application, seconds=seconds) as found:
        made = await checked_plan(found) if checked else found.planned.plan
    sys.stdout.write(shown(made, output, paint_for(sys.stdout), "" if found.is_pushed else applying(path, source, cluster)))
    return tell_problems(found) or (EQUAL if made.equal else DIFFERENT)


def applying(path: Path, source: SourceFlags, cluster: ClusterFlags) -> str:
    """The command that applies a folder."""
    return f"trimtab apply {shlex.quote(str(path))}{typed(source, cluster)}"


async def checked_plan(found: Target) -> Plan:
    """The plan after the API server was asked."""
    planned = found.planned
    return await check(planned.plan, planned.desired, found.client, found.discovery, found.situation.owner)


def shown(made: Plan, output: Format, paint: Paint, command: str) -> str:
    """The plan in one of its forms. `command` applies the folder; empty where a controller would."""
    match output:
        case "json":
            return msgspec.json.encode(made).decode() + "\n"
        case "yaml":
            return manifests.document(msgspec.to_builtins(made))
        case "markdown":
            return markdown(made)
        case _ if not command:
            return render_text(made, width=width(), paint=paint)
        case _:
            text = render_text(msgspec.structs.replace(made, refusals=()), width=width(), paint=paint)
            refused = "".join(paint("problem", f"! refused: {r.text}") + "\n" for r in made.refusals)
            return text + refused + (f"  {way_out(made, command)}\n" if refused else "")


def way_out(made: Plan, command: str) -> str:
    """What to type where a rule stands in the way of a folder."""
    return f"If it is meant:  {command} --approve {made.digest[:SHORTEST]}"


def tell_problems(found: Target) -> int:
    """Objects that cannot be used at all, each a sentence; FAILED where there are any."""
    for _, text in found.wanted.problems:
        complain(text)
    return FAILED if found.wanted.problems else EQUAL
