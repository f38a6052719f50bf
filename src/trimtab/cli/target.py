"""From a folder and a cluster to a plan: what `trimtab plan` and `trimtab apply` have in common.

With `--application`, or in a clone of its Repository, the folder is the new content of an Application that a controller serves.
Otherwise it is an application of its own, of the installation in the destination namespace; where there is none yet, of one that would
be made.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter
from msgspec import Struct, structs

from trimtab.api.application import Application, ApplicationSpec, Destination
from trimtab.api.meta import decode
from trimtab.cli.cloned import application_of
from trimtab.cli.source import SourceFlags, folder_of, given_parameters
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.connection import load_kubeconfig
from trimtab.cluster.discovery import Discovery
from trimtab.cluster.errors import NotFoundError
from trimtab.controllers.outcome import lost_capabilities
from trimtab.controllers.own import APPLICATIONS
from trimtab.controllers.repositories import repositories_of
from trimtab.core.clock import Clock, SystemClock
from trimtab.core.errors import InputError
from trimtab.plan.owner import Owner
from trimtab.render.find import find_worker
from trimtab.render.request import Capabilities
from trimtab.sync.folder import Folder, GivenPool
from trimtab.sync.installation import Installation, find
from trimtab.sync.local import Situation, key_reader, plan_for, setting_for, situate
from trimtab.sync.planning import Planned
from trimtab.sync.produce import produce
from trimtab.sync.state import KeptSet

CLUSTER = Group("Cluster", sort_key=4)
CONTROL = "trimtab"
"""The control namespace, where `--application` names none."""


@dataclass(frozen=True, kw_only=True)
class ClusterFlags:
    """Which cluster, and as what in it."""

    kubeconfig: Annotated[Path | None, Parameter(group=CLUSTER, help="Default: $KUBECONFIG, or ~/.kube/config.")] = None
    context: Annotated[str, Parameter(group=CLUSTER, help="A context of the kubeconfig.")] = ""
    create_namespace: Annotated[bool, Parameter(group=CLUSTER, negative="", help="The namespace belongs to what is applied.")] = False


class Target(Struct, frozen=True):
    """Everything that a plan came from, and what carrying it out needs."""

    client: Client
    discovery: Discovery
    clock: Clock
    installation: Installation
    is_installed: bool
    """Whether the installation is in the cluster already."""
    served: Application | None
    """The Application that is the owner already, if there is one."""
    is_pushed: bool
    """Whether the folder is the source of that Application, which a controller serves."""
    situation: Situation
    wanted: KeptSet
    planned: Planned


class Wish(Struct, frozen=True):
    """What is to be, and whose it is."""

    namespace: str
    name: str
    spec: ApplicationSpec
    noted: str = ""
    """The inventory's digest in the Application's status."""
    served: Application | None = None
    """The Application that is the owner already, if there is one."""


@asynccontextmanager
async def target(
    path: Path, flags: SourceFlags, cluster: ClusterFlags, *, application: str | None = None, seconds: float, approved: str = ""
) -> AsyncGenerator[Target]:
    """Render the folder and make the plan, local grade. The client is open as long as the context is.

    `application` is the Application that the folder is the source of; "" looks for it where no flag says otherwise, None does not.
    """
    folder, clock = folder_of(path, flags), SystemClock()
    connection = load_kubeconfig(cluster.kubeconfig, cluster.context or None, allow_exec=True)
    async with (
        GivenPool(find_worker(), clock=clock, given=given_parameters(flags), seconds=seconds) as pool,
        Client(connection, clock=clock, user_agent="trimtab/cli") as client,
    ):
        discovery = Discovery(client, at_most_every=1.0)
        await discovery.refresh()
        if application == "" and flags == SourceFlags() and not cluster.create_namespace:  # ruff: ignore[compare-to-empty-string]  None is another word
            application = await application_of(client, discovery, folder)
        if application:
            wish = await _application(client, application, flags.namespace or CONTROL, folder)
        else:
            wish = await _folder(client, flags.namespace or connection.namespace, folder, create_namespace=cluster.create_namespace)
        found = await find(client, wish.namespace)
        installation = found or Installation(os.urandom(4).hex(), os.urandom(32))
        setting = setting_for(discovery, pool, await pool.ready(), installation.seed, clock)
        setting = structs.replace(setting, capabilities=_overridden(setting.capabilities, flags))
        owner = Owner(installation.id, wish.namespace, wish.name)
        trees = folder.trees(repositories_of(wish.spec.sources))
        wanted = await produce(owner, wish.spec, trees, setting, key_reader(client, wish.namespace))
        situation = await situate(client, discovery, owner, noted=wish.noted)
        if wanted.key == situation.state.current.key:
            wanted = situation.state.current  # what no seed repeats (a generated CA) stays as it was made
        lost = lost_capabilities(situation.state.current, wanted)
        planned = plan_for(situation, wish.spec, wanted, lost=lost, approved=approved)
        yield Target(client, discovery, clock, installation, found is not None, wish.served, bool(application), situation, wanted, planned)


async def _folder(client: Client, namespace: str, folder: Folder, *, create_namespace: bool) -> Wish:
    """The folder as an application of its own. Where an Application is called alike, the two are one owner."""
    try:
        served = decode(Application, await objects.get(client, APPLICATIONS, namespace, folder.name))
    except NotFoundError:
        served = None
    destination = Destination(namespace=namespace, create_namespace=create_namespace)
    spec = ApplicationSpec(sources=[folder.source], destination=destination)
    return Wish(namespace, folder.name, spec, served.status.inventory_digest if served is not None else "", served)


async def _application(client: Client, named: str, default: str, folder: Folder) -> Wish:
    """The Application `name` or `namespace/name`, with the folder's work tree in the place of its Repository."""
    namespace, _, name = named.rpartition("/")
    namespace = namespace or default
    try:
        found = decode(Application, await objects.get(client, APPLICATIONS, namespace, name))
    except NotFoundError as error:
        raise InputError(f"There is no Application {namespace}/{name}.", remedy="Name it as NAMESPACE/NAME.") from error
    return Wish(namespace, name, _with_folder(found, folder), found.status.inventory_digest, found)


def _with_folder(application: Application, folder: Folder) -> ApplicationSpec:
    """An only source moves to the folder; of several, one must be there already, and the others are taken from beside it."""
    sources = application.spec.sources
    others = sorted(repositories_of(sources) - {sources[0].repository_ref.name})
    if others:
        sentence = f"Application {application.key} also takes from Repository {others[0]}, which this folder cannot stand for."
        raise InputError(sentence, remedy="Render its folders one by one:  trimtab render")
    if len(sources) == 1:
        return structs.replace(application.spec, sources=[structs.replace(sources[0], path=folder.tree.path)])
    if folder.tree.path not in {source.path.strip("/") for source in sources}:
        raise InputError(f"Application {application.key} has no source {folder.tree.path}; it has {', '.join(s.path for s in sources)}.")
    return application.spec


def _overridden(capabilities: Capabilities, flags: SourceFlags) -> Capabilities:
    """The cluster's answers, and what the flags say instead or besides."""
    if not flags.kube_version and not flags.api_versions:
        return capabilities
    return Capabilities.of(flags.kube_version or capabilities.kube_version, {*capabilities.api_versions, *flags.api_versions})
