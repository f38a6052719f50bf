"""`trimtab crds`: the custom resource definitions, printed or applied."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from trimtab.api.crds import definitions
from trimtab.core.clock import SystemClock


def crds(
    *,
    apply: Annotated[bool, Parameter(help="Apply them to the cluster instead of printing them.", negative="")] = False,
    kubeconfig: Annotated[Path | None, Parameter(help="The cluster to apply them to.")] = None,
    context: Annotated[str, Parameter(help="A context of the kubeconfig.")] = "",
) -> None:
    """Print the custom resource definitions, or apply them."""
    if not apply:
        for definition in definitions():
            print("---")
            print(msgspec.yaml.encode(definition).decode(), end="")
        return
    asyncio.run(_apply(kubeconfig, context))


async def _apply(kubeconfig: Path | None, context: str) -> None:
    from trimtab.cluster.client import Client
    from trimtab.cluster.connection import load_kubeconfig

    async with Client(load_kubeconfig(kubeconfig, context or None), clock=SystemClock()) as client:
        for name in await apply_definitions(client):
            print(f"customresourcedefinition {name} applied")


async def apply_definitions(client: object) -> list[str]:
    """Apply every definition and wait until it is served; their names."""
    from trimtab.cluster import objects
    from trimtab.cluster.client import Client
    from trimtab.controllers.kinds import DEFINITIONS
    from trimtab.sync.health import assess

    assert isinstance(client, Client)
    names = [d["metadata"]["name"] for d in definitions()]
    for definition in definitions():
        body = msgspec.json.encode(definition)
        await objects.apply(client, DEFINITIONS, "", definition["metadata"]["name"], body, manager="trimtab", force=True)
    for name in names:
        while assess(await objects.get_json(client, DEFINITIONS, "", name)).status != "Healthy":
            await asyncio.sleep(0.02)
    return names
