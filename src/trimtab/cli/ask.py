"""What the commands against a cluster with the controller share: which cluster, which Application, and how one asks.

People ask through the API alone: by the spec, and by one annotation a request (see `trimtab.controllers.requests`), so whoever may change
an Application may ask, and the API server's audit log says who did.
"""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from trimtab.api.application import Application
from trimtab.api.meta import decode
from trimtab.api.repository import Repository
from trimtab.cli.unreadable import shown
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.connection import load_kubeconfig
from trimtab.cluster.errors import NotFoundError
from trimtab.cluster.resources import Resource
from trimtab.controllers.own import APPLICATIONS, REPOSITORIES, reader
from trimtab.controllers.requests import REQUESTED, Verb
from trimtab.core.errors import InputError

MANAGER = "trimtab-cli"


@dataclass(frozen=True, kw_only=True)
class Where:
    """Which cluster, and which control namespace."""

    kubeconfig: Annotated[Path | None, Parameter(help="Default: $KUBECONFIG, else ~/.kube/config.")] = None
    context: Annotated[str, Parameter(help="A context of the kubeconfig.")] = ""
    namespace: Annotated[str, Parameter(name=["--namespace", "-n"], help="Where the Applications are.")] = "trimtab"

    def typed(self) -> str:
        """The flags as one has to type them again, with a space before each; empty for the defaults."""
        flags = {"--kubeconfig": self.kubeconfig, "--context": self.context}
        if self.namespace != "trimtab":
            flags["-n"] = self.namespace
        return "".join(f" {flag} {shlex.quote(str(value))}" for flag, value in flags.items() if value)


@asynccontextmanager
async def reach(where: Where) -> AsyncGenerator[Client]:
    """A client on the cluster. Raises InputError where the kubeconfig cannot be used."""
    connection = load_kubeconfig(where.kubeconfig, where.context or None, allow_exec=True)
    async with Client(connection, user_agent="trimtab/cli", field_manager=MANAGER) as client:
        yield client


async def applications(client: Client, namespace: str) -> list[Application]:
    """All Applications of a namespace ("" for all), by name. Raises InputError where the cluster does not know the kind."""
    read = reader(Application)
    return [shown(read(raw)[1]) for raw in await _listed(client, APPLICATIONS, namespace)]


async def repositories(client: Client, namespace: str) -> list[Repository]:
    """All Repositories of a namespace ("" for all), by name."""
    return [decode(Repository, raw) for raw in await _listed(client, REPOSITORIES, namespace)]


async def application(client: Client, where: Where, name: str) -> Application:
    """The Application of that name. Raises InputError, with the nearest names, where there is none."""
    try:
        return decode(Application, await objects.get(client, APPLICATIONS, where.namespace, name))
    except NotFoundError:
        known = [a.metadata.name for a in await applications(client, where.namespace)]
        raise unknown(where.namespace, name, known) from None


def unknown(namespace: str, name: str, known: Sequence[str]) -> InputError:
    """There is no such Application: the nearest names, else what there is."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or [k for k in known if name in k][:3]
    if near:
        remedy = f"Did you mean {' or '.join(near)}?"
    elif known:
        remedy = f"There are: {', '.join(sorted(known)[:5])}{' …' if len(known) > 5 else ''}."  # ruff: ignore[magic-value-comparison]  a line's worth
    else:
        remedy = "There are no Applications in it; -n names another namespace."
    return InputError(f"There is no Application {namespace}/{name}.", remedy=remedy)


async def ask(client: Client, app: Application, verb: Verb, argument: str = "") -> str:
    """Ask the controller for something; the request's text, which `status.handled` will be."""
    text = f"{verb}{f':{argument}' if argument else ''}@{os.urandom(6).hex()}"
    await annotate(client, APPLICATIONS, app.metadata.namespace, app.metadata.name, {REQUESTED: text})
    return text


async def look_now(client: Client, app: Application) -> None:
    """Let the Repositories that the Application names be asked for news at once."""
    for name in sorted({source.repository_ref.name for source in app.spec.sources}):
        try:
            await annotate(client, REPOSITORIES, app.metadata.namespace, name, {REQUESTED: f"sync@{os.urandom(6).hex()}"})
        except NotFoundError:
            continue  # the Application's own status says that it is missing


async def annotate(client: Client, resource: Resource, namespace: str, name: str, annotations: dict[str, str]) -> None:
    """Set annotations."""
    await change(client, resource, namespace, name, {"metadata": {"annotations": annotations}})


async def change(client: Client, resource: Resource, namespace: str, name: str, patch: dict[str, Any]) -> None:
    """Merge a patch into one of our own resources."""
    await objects.merge_patch(client, resource, namespace, name, msgspec.json.encode(patch), manager=MANAGER)


async def _listed(client: Client, resource: Resource, namespace: str) -> list[bytes]:
    try:
        return [raw async for page, _ in objects.list_pages(client, resource, namespace=namespace) for raw in page]
    except NotFoundError as error:
        sentence = f"The cluster {client.connection.name} does not know the kind {resource.kind}."
        raise InputError(sentence, remedy="Install Trimtab's kinds:  trimtab crds --apply") from error
