"""`trimtab crds`: the custom resource definitions, printed or applied."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from trimtab.api.crds import definitions
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.connection import load_kubeconfig
from trimtab.controllers.kinds import DEFINITIONS
from trimtab.core.clock import SystemClock
from trimtab.sync.health import assess


def crds(
    *,
    apply: Annotated[bool, Parameter(help="Apply them to the cluster instead of printing them.", negative="")] = False,
    kubeconfig: Annotated[Path | None, Parameter(help="The cluster to apply them to.")] = None,
    context: Annotated[str, Parameter(help="A context of the kubeconfig.")] = "",
) -> None:
    """Print the custom resource definitions, or apply them."""
    if apply:
        asyncio.run(_apply(kubeconfig, context))
        return
    for definition in definitions():
        print("---")
        print(msgspec.yaml.encode(definition).decode(), end="")


async def _apply(kubeconfig: Path | None, context: str) -> None:
    async with Client(load_kubeconfig(kubeconfig, context or None, allow_exec=True)) as client:
        for name in await apply_definitions(client):
            print(f"customresourcedefinition {name} applied")


async def apply_definitions(client: Client) -> list[str]:
    """Apply every definition and wait until it is served; their names."""
    names = [d["metadata"]["name"] for d in definitions()]
    for definition in definitions():
        body = msgspec.json.encode(definition)
        await objects.apply(client, DEFINITIONS, "", definition["metadata"]["name"], body, manager="trimtab", force=True)
    for name in names:
        await _served(client, name)
    return names


async def _served(client: Client, name: str) -> None:
    clock = SystemClock()
    while assess(await objects.get_json(client, DEFINITIONS, "", name)).status != "Healthy":
        await clock.sleep(0.02)
