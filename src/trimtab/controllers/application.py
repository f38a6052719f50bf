"""Application: how a commit travels. The hot path of the program, to be read in one sitting.

    reconcile ── remember what was kept ── deleted? suspended? asked for something?
              ── which revisions ── what is to be (render, unless all that the last render rested on still holds)
              ── plan, from what we applied and what lives, without a request ── carry it out ── health ── one status

A reconcile is level-triggered: it looks at what is, never at what happened, and can be killed at any point and run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

import msgspec

from trimtab.api.application import Application
from trimtab.api.meta import FINALIZER
from trimtab.controllers import outcome, teardown
from trimtab.controllers.barriers import barrier
from trimtab.controllers.choice import choose_set, quarantine, take_request
from trimtab.controllers.documents import key_reader
from trimtab.controllers.memory import Looked, Memory
from trimtab.controllers.own import Read, wished_otherwise
from trimtab.controllers.repositories import Repositories, repositories_of
from trimtab.controllers.requests import approved
from trimtab.controllers.result import Done, Result, Retry, Stalled
from trimtab.controllers.status import revision_of
from trimtab.controllers.world import World
from trimtab.core.errors import TrimtabError, UnavailableError
from trimtab.core.slices import off_loop
from trimtab.git.errors import MissingObjectError
from trimtab.plan.inventory import settle, with_pending
from trimtab.plan.model import Action, Key, Live
from trimtab.plan.owner import Owner
from trimtab.render.request import from_elsewhere
from trimtab.sync.carry import Carried, carry_out
from trimtab.sync.planning import Planned, make_plan
from trimtab.sync.produce import KeyOf, ProduceError, Tree, produce, still_holds
from trimtab.sync.state import KeptSet, State
from trimtab.sync.writer import Outcome, Writer


class NotFetchedError(UnavailableError):
    """A Repository has not been asked yet: after a start nothing is done on what was known before, until it has answered or failed."""


class Applications:
    """The reconciler of Application."""

    def __init__(self, world: World, repositories: Repositories, kept: Mapping[str, State | UnavailableError]) -> None:
        self._world = world
        self._repositories = repositories
        self._kept: dict[str, State | UnavailableError | None] = dict(kept)
        self._memories: dict[str, Memory] = {}
        self._owner_of: dict[Key, str] = {}

    async def reconcile(self, key: str) -> Result:
        """Bring one Application up to date."""
        read = self._world.applications.get(key)
        if read is None:
            return self._forget(key)
        if read.value is None:
            return await outcome.unreadable(self._world, read)
        application = read.value
        owner = Owner(self._world.installation.id, application.metadata.namespace, application.metadata.name)
        damage = await self._damage(owner)
        if damage is not None:
            unknown = Memory(owner, application.status, application.status)
            return await outcome.failed(self._world, application, unknown, damage, Retry(damage, 15.0))
        memory = self._remember(key, application, owner)
        try:
            if application.metadata.deletion_timestamp is not None:
                return await self._teardown(application, memory)
            return await self._synchronise(application, memory)
        except NotFetchedError as error:
            if memory.current.key and self._is_to_be_fetched(application):  # its fetch, or the failure of that, comes in a moment
                return Retry(error, error.retry_after or 0.0)
            return await outcome.failed(self._world, application, memory, error, Retry(error, error.retry_after or 0.0))
        except UnavailableError as error:
            if isinstance(error, MissingObjectError):
                self._repositories.distrust(application.metadata.namespace)
            return await outcome.failed(self._world, application, memory, error, Retry(error, error.retry_after or 0.0))
        except TrimtabError as error:
            return await outcome.failed(self._world, application, memory, error, Stalled(error))

    async def _synchronise(self, application: Application, memory: Memory) -> Result:
        await teardown.ensure_finalizer(self._world, application)
        if outcome.is_suspended(application, self._world.clock.now()):
            return await outcome.suspended(self._world, application, memory)
        wanted, trees = await self._wanted(application, memory)
        await self._watch(memory, wanted)
        planned = await off_loop(len(wanted.desired), self._plan, application, memory, wanted, trees)
        if not planned.plan.equal and outcome.must_not_act(application, memory, planned.plan):
            await self._defend(application, memory, wanted, trees)
            memory.plan = planned.plan
            return await outcome.waiting(self._world, application, memory, planned, trees)
        carried = await self._act(application, memory, wanted, planned, trees)
        return await outcome.conclude(self._world, application, memory, planned, carried, trees)

    async def _defend(self, application: Application, memory: Memory, wanted: KeptSet, trees: Mapping[str, Tree]) -> None:
        """While a plan waits for a person, what is in force is still kept as it is to be."""
        if not memory.current.key or memory.current.key == wanted.key:
            return
        drift = self._plan(application, memory, memory.current, trees)
        if not drift.plan.equal and not drift.plan.refusals and all(a.verb != "delete" for a in drift.plan.actions):
            await self._act(application, memory, memory.current, drift, trees)

    async def _wanted(self, application: Application, memory: Memory) -> tuple[KeptSet, dict[str, Tree]]:
        """What is to be live. When the newest revision cannot be read or rendered, what is in force stays in force, and is defended."""
        try:
            trees = await self._trees(application)
            request = take_request(application.metadata, memory)
            newest = await self._newest(application, memory, trees)
            memory.trouble = None
            if request is not None and request.verb == "rollback":
                return await self._rolled_back(application, memory, newest, request.argument), trees
        except TrimtabError as error:
            if isinstance(error, MissingObjectError):
                self._repositories.distrust(application.metadata.namespace)
            if not memory.current.key or isinstance(error, NotFetchedError):
                raise
            memory.trouble = error
            return memory.current, {}
        return choose_set(memory, newest), trees

    async def _rolled_back(self, application: Application, memory: Memory, newest: KeptSet, commit: str) -> KeptSet:
        """An older revision, rendered again from its commit; the newest is not tried until it renders to something else."""
        first = application.spec.sources[0].repository_ref.name
        trees = await self._trees(application)
        trees[first] = await self._repositories.tree_at(f"{application.metadata.namespace}/{first}", commit)
        setting, key_of = self._world.setting(), self._values(application)
        older = await produce(memory.owner, application.spec, trees, setting, key_of)
        quarantine(memory, newest.key)
        memory.status = msgspec.structs.replace(memory.status, pinned=commit)
        memory.held, memory.failure = (
            newest.key,
            f"Rolled back to {commit[:7]}; it stays until resume, or until Git renders to something else.",
        )
        return older

    def touched(self, key: Key) -> None:
        """A watch says that an object of ours has changed: wake its application."""
        application = self._owner_of.get(key)
        if application is not None:
            self._world.application_queue.add(application)

    async def _damage(self, owner: Owner) -> UnavailableError | None:
        """Why the kept state cannot be read: that is never "empty", so nothing is done; it is read anew until somebody has restored it."""
        if isinstance(self._kept.get(owner.full), UnavailableError):
            try:
                restored = await self._world.keeper.load(owner)
            except UnavailableError as error:
                return error
            self._kept[owner.full] = restored
        return None

    def _remember(self, key: str, application: Application, owner: Owner) -> Memory:
        memory = self._memories.get(key)
        if memory is None:
            kept = self._kept.pop(owner.full, None)
            memory = self._memories[key] = Memory.of(application, owner, kept if isinstance(kept, State) else None)
            memory.since = memory.started = self._world.clock.monotonic()
            self._index(memory)
            for rested in memory.current.rested:
                where = f"{application.metadata.namespace}/{rested.repository}"
                self._repositories.note_reads(where, key, self._reads(memory.current, rested.repository), rested.commit)
        return memory

    def _forget(self, key: str) -> Result:
        memory = self._memories.pop(key, None)
        self._repositories.forget_application(key)
        self._world.documents.forget(key)
        for entry in memory.inventory if memory is not None else ():
            self._owner_of.pop(entry, None)
        return Done()

    def _index(self, memory: Memory) -> None:
        for key in memory.inventory:
            self._owner_of[key] = memory.owner.key

    async def _trees(self, application: Application) -> dict[str, Tree]:
        """The revision of each Repository that the sources name. Raises UnavailableError while one is missing."""
        trees: dict[str, Tree] = {}
        for name in sorted(repositories_of(application.spec.sources)):
            where = f"{application.metadata.namespace}/{name}"
            tree = self._repositories.tree(where)
            if tree is None and self._repositories.trouble(where):
                raise UnavailableError(self._repositories.trouble(where), retry_after=5.0)
            if tree is None:
                raise NotFetchedError(f"Waiting for Repository {where}, which has not been fetched yet.", retry_after=5.0)
            trees[name] = tree
        return trees

    def _is_to_be_fetched(self, application: Application) -> bool:
        """Whether each Repository that the sources name is there and followed: what the status says holds until it has answered."""
        namespace = application.metadata.namespace
        named = [self._world.repositories.get(f"{namespace}/{name}") for name in repositories_of(application.spec.sources)]
        return all(read is not None and read.value is not None and not read.value.spec.suspend for read in named)

    async def _newest(self, application: Application, memory: Memory, trees: Mapping[str, Tree]) -> KeptSet:
        """What the sources render to now: what we have, where all that it rested on still holds; a new render otherwise."""
        looked = self._looked_at(application, trees)
        if memory.refused is not None and looked is not None and memory.refused[0] == looked:
            raise memory.refused[1]
        memory.refused = None
        if memory.newest is None or looked is None or looked != memory.looked:
            memory.newest = await self._produced(application, memory, trees)
            memory.looked = looked
        return memory.newest

    def _looked_at(self, application: Application, trees: Mapping[str, Tree]) -> Looked | None:
        """All that the newest set can depend on; None where documents of the cluster enter, which are looked at each time."""
        if any(from_elsewhere(source) for source in application.spec.sources):
            return None
        found = tuple(tree.tree for tree in trees.values())
        return application.metadata.uid, application.metadata.generation, found, self._world.discovery.digest

    async def _produced(self, application: Application, memory: Memory, trees: Mapping[str, Tree]) -> KeptSet:
        setting, key_of = self._world.setting(), self._values(application)
        for known in (memory.newest, memory.current):
            if known is not None and await still_holds(known, memory.owner, application.spec, trees, setting, key_of):
                return known
        try:
            newest = await produce(memory.owner, application.spec, trees, setting, key_of)
        except ProduceError as error:
            self._note_reads(application, KeptSet(rested=error.rested), trees)
            memory.refused = (self._looked_at(application, trees), error)
            raise
        self._note_reads(application, newest, trees)
        return memory.current if newest.key == memory.current.key else newest

    def _values(self, application: Application) -> KeyOf:
        """Reads ConfigMaps and Secrets for `valuesFrom`; their change wakes the application."""
        key = application.key
        return key_reader(self._world.documents, application.metadata.namespace, key, lambda: self._world.application_queue.add(key))

    def _note_reads(self, application: Application, kept: KeptSet, trees: Mapping[str, Tree]) -> None:
        """Register what was read; look again where the repository has moved on while we rendered."""
        for name, tree in trees.items():
            where = f"{application.metadata.namespace}/{name}"
            self._repositories.note_reads(where, application.key, self._reads(kept, name), tree.commit)
            now = self._repositories.tree(where)
            if now is not None and now.tree != tree.tree:
                self._world.application_queue.add(application.key)

    @staticmethod
    def _reads(kept: KeptSet, repository: str) -> list[tuple[str, str, str]]:
        return [read for rested in kept.rested if rested.repository == repository for read in rested.reads]

    async def _watch(self, memory: Memory, wanted: KeptSet) -> None:
        """Watch every kind that we have or want; what we have must be known before anything is planned."""
        have = {(e.api_version, e.key.kind) for e in memory.inventory.values()}
        want = {(d.api_version, d.key.kind) for d in wanted.desired}
        for api_version, kind in sorted(have | want):
            with suppress(UnavailableError):  # its group does not answer: nothing is concluded about that kind, the others go on
                resource = self._world.discovery.find(api_version, kind)
                if resource is not None:
                    self._world.watches.watch(resource)
        await self._world.watches.synced(have)
        if not memory.settled:
            live = self._live(memory)
            memory.inventory = settle(memory.inventory, live, memory.owner.full, memory.status.inventory_digest)
            memory.settled = True

    def _live(self, memory: Memory) -> Mapping[Key, Live]:
        return self._world.watches.seen({k: e.api_version for k, e in memory.inventory.items()}).live

    def _plan(self, application: Application, memory: Memory, wanted: KeptSet, trees: Mapping[str, Tree]) -> Planned:
        versions = {k: e.api_version for k, e in memory.inventory.items()} | {d.key: d.api_version for d in wanted.desired}
        planned = make_plan(
            memory.owner,
            application.spec,
            wanted,
            memory.inventory,
            self._world.watches.seen(versions),
            previous=lambda: {d.key: d for d in memory.current.desired},
            revision=revision_of(trees),
            lost=outcome.lost_capabilities(memory.current, wanted),
            approved=approved(application.metadata),
        )
        memory.plan = planned.plan
        return planned

    async def _act(self, application: Application, memory: Memory, wanted: KeptSet, planned: Planned, trees: Mapping[str, Tree]) -> Carried:
        """Carry the plan out: pending entries are kept before the first create, the rest after the last write."""
        before = dict(memory.inventory)
        memory.before = {d.key: d for d in memory.current.desired} if planned.plan.actions else {}
        if wanted.key != memory.current.key:
            outcome.begin(self._world, memory, wanted)
            memory.carried = planned.plan.digest
        memory.inventory = with_pending(memory.inventory, [planned.desired[a.key] for a in planned.plan.actions if a.verb == "create"])
        self._index(memory)
        pending = len(memory.inventory) > len(before)
        if pending:
            await self._keep(memory)
        actions = [a for a in planned.plan.actions if a.verb != "keep"]
        carried = await self._carry_out(application, memory, planned, actions, trees)
        memory.before = {}
        memory.inventory = {k: e for k, e in carried.inventory.items() if k not in planned.forgotten}
        if not pending and (memory.inventory != before or memory.kept != wanted.key):
            await self._keep(memory)
        return carried

    async def _carry_out(
        self, application: Application, memory: Memory, planned: Planned, actions: list[Action], trees: Mapping[str, Tree]
    ) -> Carried:
        previous = memory.before
        writer = Writer(self._world.client, self._world.discovery, memory.owner, self._world.authority, previous=previous.get)
        superseded = self._superseded(application, trees)
        return await carry_out(
            actions,
            planned.desired,
            memory.inventory,
            writer,
            superseded=superseded,
            barriers=planned.barriers,
            ready=barrier(self._world, application, planned.desired, superseded),
            evidence=self._world.watches.evidence,
            told=self._told,
        )

    def _told(self, done: Outcome) -> None:
        """Our own write was answered: the watch's echo of it needs no second look."""
        if done.live is not None and done.entry is not None:
            self._world.watches.wrote(done.entry.api_version, done.key, done.live)

    def _superseded(self, application: Application, trees: Mapping[str, Tree]) -> Callable[[], bool]:
        """Whether what is under way is no longer wanted: another spec, another revision that concerns us, or the Application is going."""

        def superseded() -> bool:
            if not self._world.application_queue.asked_again(application.key):
                return False
            now = self._world.applications.get(application.key)
            return now is None or wished_otherwise(now, Read(application.metadata, application)) or self._moved(application, trees)

        return superseded

    def _moved(self, application: Application, trees: Mapping[str, Tree]) -> bool:
        now = {name: self._repositories.tree(f"{application.metadata.namespace}/{name}") for name in trees}
        return any(tree is not None and tree.tree != trees[name].tree for name, tree in now.items())

    async def _keep(self, memory: Memory) -> None:
        await self._world.keeper.save(memory.owner, memory.state())
        memory.kept = memory.current.key

    async def _teardown(self, application: Application, memory: Memory) -> Result:
        if FINALIZER not in application.metadata.finalizers:
            return Done()
        result = await teardown.tear_down(self._world, application, memory)
        if isinstance(result, Done) and result.again_after is None:
            self._forget(application.key)
        return result
