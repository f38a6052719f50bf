"""`trimtab version`: of this program, of the renderers that it carries, and of what runs in the cluster."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

import trimtab
from trimtab.cli import ask
from trimtab.cli.ask import Where
from trimtab.cli.get import printed
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.errors import NotFoundError
from trimtab.cluster.resources import LEASES
from trimtab.controllers.manager import LEASE
from trimtab.core.clock import Clock, SystemClock, parse_rfc3339
from trimtab.core.errors import TrimtabError
from trimtab.render.find import find_worker
from trimtab.render.pool import Pool


class _Version(msgspec.Struct, rename="camel"):
    git_version: str = ""


def version(
    where: Annotated[Where, Parameter(name="*")] = Where(),  # ruff: ignore[function-call-in-default-argument]  frozen
    *,
    client: Annotated[bool, Parameter(help="This program alone; no cluster is asked.", negative="")] = False,
    output: Annotated[Literal["text", "json", "yaml"], Parameter(name=["--output", "-o"], help="How it is printed.")] = "text",
) -> None:
    """Show the versions of this program, its renderers and the cluster, and which controller leads."""
    found = asyncio.run(_versions(where, SystemClock(), only_client=client))
    if output == "text":
        print("\n".join(f"{name:<12} {text}" for name, text in _lines(found)))
    else:
        print(printed(found, output), end="")


async def _versions(where: Where, clock: Clock, *, only_client: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"trimtab": trimtab.__version__} | await _renderer(clock)
    if not only_client:
        try:
            async with ask.reach(where) as cluster:
                found |= await _cluster(cluster, where, clock)
        except TrimtabError as error:
            found["cluster"] = f"✗ {error}"
    return found


async def _renderer(clock: Clock) -> dict[str, Any]:
    """The render worker's version and those of its libraries: the number of the first, then `library/version` …."""
    try:
        async with Pool(find_worker(), clock=clock, size=1) as pool:
            own, *libraries = (await pool.ready()).split()
    except TrimtabError as error:
        return {"renderer": f"✗ {error}"}
    return {"renderer": own, "libraries": libraries}


async def _cluster(client: Client, where: Where, clock: Clock) -> dict[str, Any]:
    answer = await client.request("GET", "/version")
    kubernetes = msgspec.json.decode(answer.body, type=_Version).git_version
    return {"cluster": f"Kubernetes {kubernetes} at {client.connection.server}", "controller": await _leader(client, where, clock)}


async def _leader(client: Client, where: Where, clock: Clock) -> str:
    """Who holds the lease of the control namespace, if they renewed it in time."""
    try:
        spec = (await objects.get_json(client, LEASES, where.namespace, LEASE)).get("spec") or {}
    except NotFoundError:
        return f"none has ever run in namespace {where.namespace}"
    renewed, holder = spec.get("renewTime"), spec.get("holderIdentity")
    if not renewed or not holder:
        return f"none runs in namespace {where.namespace}: the lease is free"
    ago = (clock.now() - parse_rfc3339(renewed)).total_seconds()
    late = ago > spec.get("leaseDurationSeconds", 0)
    return f"none runs: {holder} renewed its lease {ago:.0f} s ago" if late else f"{holder} leads in namespace {where.namespace}"


def _lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """One line each; the libraries under one another."""
    lines: list[tuple[str, str]] = []
    for name, text in found.items():
        several = text if isinstance(text, list) else [text]
        lines += [(name if number == 0 else "", part) for number, part in enumerate(several)]
    return lines
