"""A folder on disk in the place of a repository: `trimtab render`, `plan` and `apply` take the same road as a commit.

The one thing that is different is what only a command line says (`--set`, values files from anywhere): `GivenPool` adds it to each
render, so that everything above and below stays as it is in the controller.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import starmap
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from trimtab.api.application import Source
from trimtab.api.repository import RepositoryRef
from trimtab.core.clock import Clock, rfc3339
from trimtab.core.errors import Place
from trimtab.git.local import LocalTree
from trimtab.plan.complete import HOOKS, Completed, Completion, Printed, complete
from trimtab.plan.order import stages
from trimtab.plan.owner import Owner
from trimtab.render.errors import RenderFailedError
from trimtab.render.objects import ObjectSource
from trimtab.render.pool import Pool
from trimtab.render.process import ProcessLimits
from trimtab.render.request import Capabilities, Parameters, Release, RenderRequest, parameters_for
from trimtab.render.result import Rendered, RenderedObject, Warned
from trimtab.sync.kubernetes import plain_cluster
from trimtab.sync.produce import Tree

REPOSITORY = "(folder)"
"""Stands where a Repository's name would; no Repository can be called so, so a controller never takes one for the other."""

FLAGS = (("naming it in spec.sources[].kind", "--kind"), ("set helm.releaseName", "give --name"))
"""What the renderer calls by a field's name, and how it is said on a command line."""
_NAME = 53
"""Characters of a Helm release's name, at most."""


class GivenPool(Pool):
    """A pool that adds what the command line gave to the parameters of every render."""

    def __init__(self, binary: Path, *, clock: Clock, given: Parameters, seconds: float) -> None:
        super().__init__(binary, clock=clock, size=1, limits=ProcessLimits(seconds=seconds))
        self._given = given

    async def render(self, request: RenderRequest, objects: ObjectSource, *, who: str) -> Rendered:
        """As any pool."""
        parameters = {**request.parameters, **self._given}
        try:
            return await super().render(msgspec.structs.replace(request, parameters=parameters), objects, who=who)
        except RenderFailedError as error:
            for field, flag in FLAGS:
                error.sentence = error.sentence.replace(field, flag)
            raise


class Folder(Struct, frozen=True):
    """What is rendered: a folder's tree, and the source that describes it."""

    tree: LocalTree
    source: Source
    name: str
    """The application's: `--name`, or the folder's own."""

    def trees(self, names: Iterable[str] = (REPOSITORY,)) -> dict[str, Tree]:
        """The folder's work tree in the place of each Repository of these names."""
        return {name: Tree(name, "folder", "", self.tree.tree, self.tree) for name in names}


def open_folder(path: Path, name: str, **source: Any) -> Folder:
    """The folder at `path`. Raises InputError when there is none; `source` are the other fields of the api's Source."""
    tree = LocalTree(path)
    return Folder(tree, Source(RepositoryRef(name=REPOSITORY), path=tree.path, **source), name or _named(path.resolve().name))


def _named(folder: str) -> str:
    """A folder's name as an application's: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", folder.lower())[:_NAME].strip("-") or "application"


class Bare(Struct, frozen=True):
    """A render as it is printed: bare objects in apply order, hooks apart, and what is to be said beside them."""

    objects: tuple[RenderedObject, ...]
    hooks: tuple[RenderedObject, ...]
    completed: Completed
    warnings: tuple[Warned, ...]


async def render_bare(folder: Folder, namespace: str, pool: Pool, capabilities: Capabilities, *, clock: Clock) -> Bare:
    """Render without a cluster and without an owner: what the renderer printed, in the order in which it would be applied."""
    request = RenderRequest(
        tree=folder.tree.tree,
        path=folder.tree.path,
        release=Release(name=folder.name, namespace=namespace),
        capabilities=capabilities,
        seed=bytes(32),
        now=rfc3339(clock.now()),
        kind=folder.source.kind,
        parameters=parameters_for(folder.source, application=folder.name),
    )
    result = await pool.render(request, folder.tree, who=folder.name)
    return _bare(result, Completion(Owner("", "", folder.name), namespace, plain_cluster().scope, seed=b""))


def _bare(result: Rendered, how: Completion) -> Bare:
    """Completing tells what is applied, and so the order; each object's number travels as the name of its source."""
    completed = complete(list(starmap(_printed, enumerate(result.objects))), how)
    bodies = [msgspec.json.decode(d.body) for d in completed.desired]
    order = [int(completed.desired[i].source) for stage in stages(completed.desired, bodies) for i in stage]
    applied = set(order)
    hooks = [o for n, o in enumerate(result.objects) if n not in applied and not o.problem and _is_hook(o)]
    return Bare(tuple(result.objects[n] for n in order), tuple(hooks), completed, result.warnings)


def _printed(number: int, o: RenderedObject) -> Printed:
    place = Place(o.path, o.line) if o.path else None
    return Printed(o.api_version, o.kind, o.namespace, o.name, o.body, place, o.hook, o.problem, source=str(number))


def _is_hook(o: RenderedObject) -> bool:
    annotations = (msgspec.json.decode(o.body).get("metadata") or {}).get("annotations") or {}
    return bool(o.hook) or any(name in annotations for name in HOOKS)
