"""`trimtab tree`: an Application, its objects, and what they made: where it hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from trimtab.api.application import Application
from trimtab.cli import ask, words
from trimtab.cli.ask import Where
from trimtab.cli.family import Node, read_family
from trimtab.cli.get import printed
from trimtab.cli.inventory import inventory_of
from trimtab.cluster.discovery import Discovery
from trimtab.core.clock import SystemClock


def tree(
    name: Annotated[str, Parameter(help="The Application.")],
    where: Annotated[Where, Parameter(name="*")] = Where(),  # ruff: ignore[function-call-in-default-argument]  frozen
    *,
    output: Annotated[Literal["text", "json", "yaml"], Parameter(name=["--output", "-o"], help="How it is printed.")] = "text",
) -> None:
    """Show an Application's objects and their children, each with its health as it is now."""
    asyncio.run(_tree(name, where, output))


async def _tree(name: str, where: Where, output: Literal["text", "json", "yaml"]) -> None:
    async with ask.reach(where) as client:
        app = await ask.application(client, where, name)
        discovery = Discovery(client)
        inventory, _ = await asyncio.gather(inventory_of(client, app), discovery.refresh())
        nodes = await read_family(client, discovery, inventory, SystemClock().now())
    if output != "text":
        print(printed(_data(app, nodes), output), end="")
        return
    Console(highlight=False, soft_wrap=True).print(_drawn(app, nodes))


def _drawn(app: Application, nodes: Sequence[Node]) -> Tree:
    synced, health = words.synced(app), words.health_of(app)
    head = Text.assemble(f"Application {app.key}  ", (str(synced), synced.colour), "  ", (str(health), health.colour))
    drawn = Tree(head, guide_style="dim")
    for node in nodes:
        _hang(drawn, node)
    if not nodes:
        drawn.add(Text("nothing has been applied yet", style="dim"))
    return drawn


def _hang(parent: Tree, node: Node) -> None:
    said = words.health(node.health.status)
    message = "" if said.word == "healthy" or not node.health.message else f": {node.health.message}"
    branch = parent.add(Text.assemble(f"{node.key}  ", (f"{said}{message}", said.colour)))
    for child in node.children:
        _hang(branch, child)


def _data(app: Application, nodes: Sequence[Node]) -> dict[str, Any]:
    status = app.status
    head = {"application": app.key, "synced": status.synced, "health": status.health, "message": status.message}
    return head | {"objects": msgspec.to_builtins(nodes)}
