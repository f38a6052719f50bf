"""From an Application's sources to the set of objects that is to be: render each source, join them, complete the objects.

What a render rested on (reads, capability answers, inputs) is kept with the set. While all of it holds, nothing is rendered again,
whatever was pushed meanwhile, and whether or not this process has been restarted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import starmap

from msgspec import Struct

from trimtab.api.application import ApplicationSpec, Source, ValuesFrom
from trimtab.core.clock import Clock, rfc3339
from trimtab.core.digests import digest_of
from trimtab.core.errors import InputError, Place, TrimtabError
from trimtab.core.slices import off_loop
from trimtab.git.objects import Reader
from trimtab.git.reads import Read, holds
from trimtab.git.trees import entry
from trimtab.plan.complete import Completed, Completion, Printed, Scope, complete
from trimtab.plan.model import Notice
from trimtab.plan.owner import Owner
from trimtab.render.capabilities import hold
from trimtab.render.errors import RenderFailedError, RenderStoppedError
from trimtab.render.key import concealed, seed_id
from trimtab.render.pool import Pool
from trimtab.render.request import Capabilities, Parameters, Release, RenderRequest, from_elsewhere, parameters_for
from trimtab.render.result import Rendered
from trimtab.sync.state import KeptSet, Rested

KeyOf = Callable[[ValuesFrom], Awaitable[str]]
"""Reads the content of a ConfigMap's or Secret's key, in the Application's namespace."""


class Tree(Struct, frozen=True):
    """A repository at one commit."""

    repository: str
    name: str
    """The revision for people: `main`."""
    commit: str
    tree: str
    reader: Reader


class Setting(Struct, frozen=True):
    """What all renders of one program have in common."""

    pool: Pool
    worker_version: str
    capabilities: Capabilities
    scope: Scope
    seed: bytes
    clock: Clock


class ProduceError(InputError):
    """A source could not be rendered; `rested` says what was read until then, so that a repaired file wakes the application."""

    def __init__(self, error: TrimtabError, rested: tuple[Rested, ...]) -> None:
        super().__init__(error.sentence, place=error.place, remedy=error.remedy, detail=error.detail)
        self.rested = rested


async def produce(owner: Owner, spec: ApplicationSpec, trees: Mapping[str, Tree], setting: Setting, key_of: KeyOf) -> KeptSet:
    """The set of objects. Raises ProduceError when a source is at fault, UnavailableError when something could not be reached."""
    parts: list[_Part] = []
    for source in spec.sources:
        done = tuple(r for part in parts for r in part.rested)
        parts.append(await _render(owner, spec, source, trees, setting, key_of, done))
    printed = [o for part in parts for o in part.printed]
    completed = await off_loop(len(printed), complete, printed, _completion(owner, spec, setting))
    return KeptSet(
        key=digest_of([[part.key for part in parts], _policy(spec), sorted(p.missing for p in completed.problems)]),
        desired=completed.desired,
        rested=(*(r for part in parts for r in part.rested), *_missing(completed, trees[spec.sources[0].repository_ref.name])),
        notices=(*(n for part in parts for n in part.notices), *completed.notices),
        problems=tuple((str(p.key), str(InputError(p.text, place=p.place))) for p in completed.problems),
    )


def _missing(completed: Completed, tree: Tree) -> tuple[Rested, ...]:
    """Kinds that the cluster does not serve are answers that the set rests on: when one is served, the set is made anew."""
    answers = tuple(("apiVersions", p.missing, "false") for p in completed.problems if p.missing)
    return (Rested(tree.repository, tree.tree, tree.commit, "", (), answers),) if answers else ()


class _Part(Struct, frozen=True):
    """What one source gave."""

    key: str
    printed: list[Printed]
    notices: list[Notice]
    rested: tuple[Rested, ...]


async def _render(
    owner: Owner,
    spec: ApplicationSpec,
    source: Source,
    trees: Mapping[str, Tree],
    setting: Setting,
    key_of: KeyOf,
    done: tuple[Rested, ...],
) -> _Part:
    tree = trees[source.repository_ref.name]
    values, files = await _values(source, trees, key_of)
    parameters = parameters_for(source, application=owner.name, values=values)
    inputs = _inputs(owner, spec, source, parameters, setting)
    request = _request(owner, spec, source, tree, parameters, setting)
    try:
        result = await setting.pool.render(request, tree.reader, who=owner.key)
    except (RenderFailedError, RenderStoppedError) as error:
        failed = _rested(tree, inputs, error.reads, error.capability_reads)
        raise ProduceError(error, (*done, *files, failed)) from error
    except InputError as error:  # the repository itself: an object over its cap, a hostile tree; any commit may mend it
        error.place = error.place or Place(source.path)
        raise ProduceError(error, (*done, *files, _rested(tree, inputs, (("t", "", tree.tree),), ()))) from error
    rested = (*files, _rested(tree, inputs, result.reads, result.capability_reads))
    return _Part(result.key, _printed(result, source), _notices(result), rested)


async def still_holds(
    kept: KeptSet, owner: Owner, spec: ApplicationSpec, trees: Mapping[str, Tree], setting: Setting, key_of: KeyOf
) -> bool:
    """Whether rendering again would give the same set: same inputs, same answers, same content at every path that was read."""
    if not kept.key or not await _inputs_hold(kept, owner, spec, trees, setting, key_of):
        return False
    for rested in kept.rested:
        tree = trees.get(rested.repository)
        if tree is None or not hold(rested.capabilities, setting.capabilities):
            return False
        if tree.tree != rested.tree and not await holds(tree.reader, tree.tree, list(starmap(Read, rested.reads))):
            return False
    return True


async def _inputs_hold(
    kept: KeptSet, owner: Owner, spec: ApplicationSpec, trees: Mapping[str, Tree], setting: Setting, key_of: KeyOf
) -> bool:
    """The inputs of the renders, worked out as `produce` would, without rendering."""
    had = sorted(r.inputs for r in kept.rested if r.inputs)
    now: list[str] = []
    for source in spec.sources:
        values, _ = await _values(source, trees, key_of)
        parameters = parameters_for(source, application=owner.name, values=values)
        now.append(_inputs(owner, spec, source, parameters, setting))
    return had == sorted(now)


def _policy(spec: ApplicationSpec) -> str:
    """Digest of the rules that completing applies: part of the identity of a set, though not of a render."""
    return digest_of([spec.destination, spec.drift_rules])


def _inputs(owner: Owner, spec: ApplicationSpec, source: Source, parameters: Parameters, setting: Setting) -> str:
    concealed_parameters = concealed(parameters, setting.seed)
    return digest_of(
        [owner.full, source.path, source.kind, concealed_parameters, _policy(spec), setting.worker_version, seed_id(setting.seed)]
    )


def _request(owner: Owner, spec: ApplicationSpec, source: Source, tree: Tree, parameters: Parameters, setting: Setting) -> RenderRequest:
    release = Release(name=parameters.get("releaseName") or owner.name, namespace=spec.destination.namespace or owner.namespace)
    return RenderRequest(
        tree=tree.tree,
        path=source.path.strip("/"),
        release=release,
        capabilities=setting.capabilities,
        seed=setting.seed,
        now=rfc3339(setting.clock.now()),
        kind=source.kind,
        parameters=parameters,
    )


def _rested(tree: Tree, inputs: str, reads: Sequence[tuple[str, str, str]], asked: Sequence[tuple[str, str, str]]) -> Rested:
    return Rested(tree.repository, tree.tree, tree.commit, inputs, tuple(reads), tuple(asked))


async def _values(source: Source, trees: Mapping[str, Tree], key_of: KeyOf) -> tuple[list[tuple[str, str]], list[Rested]]:
    """The values documents that are not beside the source, and what was read of other repositories for them."""
    documents: list[tuple[str, str]] = []
    files: list[Rested] = []
    for wanted in from_elsewhere(source):
        if wanted.file_ref is not None and wanted.file_ref.repository_ref is not None:
            tree = trees[wanted.file_ref.repository_ref.name]
            path = wanted.file_ref.path.strip("/")
            content, read = await _file(tree, path, optional=wanted.file_ref.optional)
            documents.append((f"{tree.repository}:{path}", content))
            files.append(Rested(tree.repository, tree.tree, tree.commit, "", (read,)))
        else:
            documents.append((_name(wanted), await key_of(wanted)))
    return documents, files


def _name(wanted: ValuesFrom) -> str:
    ref = wanted.config_map_key_ref or wanted.secret_key_ref
    kind = "ConfigMap" if wanted.config_map_key_ref else "Secret"
    return f"{kind} {ref.name}, key {ref.key}" if ref is not None else "values"


async def _file(tree: Tree, path: str, *, optional: bool) -> tuple[str, tuple[str, str, str]]:
    found = await entry(tree.reader, tree.tree, path)
    if found is None:
        if optional:
            return "", ("a", path, "")
        error = InputError(f"There is no file {path} in Repository {tree.repository} at {tree.commit[:7]}.", place=Place(path))
        raise ProduceError(error, (Rested(tree.repository, tree.tree, tree.commit, "", (("a", path, ""),)),))
    blob = await tree.reader.read(found.oid)
    return blob.content.decode(errors="replace"), ("f", path, found.oid)


def _printed(result: Rendered, source: Source) -> list[Printed]:
    return [
        Printed(
            api_version=o.api_version,
            kind=o.kind,
            namespace=o.namespace,
            name=o.name,
            body=o.body,
            place=Place(o.path, o.line) if o.path else None,
            hook=o.hook,
            problem=o.problem,
            source=source.name,
        )
        for o in result.objects
    ]


def _notices(result: Rendered) -> list[Notice]:
    warned = [Notice(w.message, place=Place(w.path, w.line) if w.path else None) for w in result.warnings]
    if result.random.unseeded:
        names = ", ".join(sorted(result.random.unseeded))
        warned.append(Notice(f"{names} cannot be repeated: the first result is kept until the source changes"))
    return warned


def _completion(owner: Owner, spec: ApplicationSpec, setting: Setting) -> Completion:
    return Completion(
        owner=owner,
        namespace=spec.destination.namespace or owner.namespace,
        scope=setting.scope,
        seed=setting.seed,
        rules=tuple(spec.drift_rules),
        create_namespace=spec.destination.create_namespace,
    )
