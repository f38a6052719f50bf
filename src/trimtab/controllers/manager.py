"""The controller: everything that lives as long as the process, and who owns it.

The story of its tasks. `run` waits to be the leader (a lease, renewed in a task of its own), then leads in a task group:

    watch applications, watch repositories      their changes go into two de-duplicating queues
    watch definitions                           a kind that comes or goes refreshes discovery and wakes whom it concerns
    workers                                     take keys from the queues, reconcile, and act on the one outcome in `_settle`
    watches of managed objects                  started by the first application that has the kind (see `trimtab.sync.live`)
    events                                      written in the background

When the lease is lost, the group is cancelled: nothing of it writes any more, and the process ends, to start anew as a follower.
A task that ends by itself ends the process (crash-only; see `trimtab.core.tasks`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct

from trimtab.api.application import Application
from trimtab.api.repository import Repository
from trimtab.cluster.client import Client
from trimtab.cluster.discovery import Discovery
from trimtab.cluster.events import EventRecorder
from trimtab.cluster.lease import Leadership
from trimtab.cluster.live import LiveStore
from trimtab.cluster.resources import Resource
from trimtab.cluster.watch import Reflector
from trimtab.controllers.application import Applications
from trimtab.controllers.documents import Documents
from trimtab.controllers.kinds import Kinds
from trimtab.controllers.own import APPLICATIONS, REPOSITORIES, Read, reader, wished_otherwise
from trimtab.controllers.repositories import Repositories
from trimtab.controllers.result import Done, Result, Retry, Stalled
from trimtab.controllers.world import World
from trimtab.core import logs, metrics, tasks
from trimtab.core.clock import Clock
from trimtab.core.errors import TrimtabError, UnavailableError
from trimtab.core.queue import WorkQueue
from trimtab.render.decrypt import Decrypter
from trimtab.render.pool import Pool
from trimtab.sync.authority import Authority
from trimtab.sync.installation import find_or_make
from trimtab.sync.keeper import Keeper
from trimtab.sync.live import Watches

LEASE = "trimtab"
DECRYPTION = "trimtab-decryption"


class BugError(TrimtabError):
    """An exception that nobody foresaw, on one resource."""


class Options(Struct, frozen=True):
    """How the controller runs."""

    namespace: str
    """The control namespace."""
    directory: Path
    """For mirrors; a cache that can be thrown away."""
    worker: Path
    """The render worker's binary."""
    identity: str
    """Ours among the replicas; the same after a restart, so that our own lease is taken back at once."""
    decrypt_worker: Path | None = None
    """The decrypt worker's binary; without it, encrypted files are an error that says so."""
    application_workers: int = 16
    repository_workers: int = 8
    render_workers: int = 2


class Manager:
    """The controller of one cluster."""

    def __init__(self, client: Client, options: Options, *, clock: Clock, chance: Callable[[], float]) -> None:
        self._client = client
        self._options = options
        self._clock = clock
        self._chance = chance
        self._leadership = Leadership(
            client, namespace=options.namespace, name=LEASE, identity=options.identity, clock=clock, chance=chance
        )
        client.may_write = lambda: self._leadership.is_leader
        self._repositories: Repositories | None = None
        self._problems: list[str] = ["starting"]

    async def run(self) -> None:
        """Follow, lead, and return when leadership is lost; raises when something that should live for ever has ended."""
        lease = asyncio.create_task(self._leadership.run(), name="lease")
        try:
            self._problems = []
            await self._leadership.acquired()
            metrics.LEADER.set(1)
            logs.get(__name__).info("leading", identity=self._options.identity)
            await self._lead_until(self._leadership.lost())
        finally:
            metrics.LEADER.set(0)
            lease.cancel()
            await asyncio.gather(lease, return_exceptions=True)

    def healthy(self) -> list[str]:
        """What is wrong with this process; empty when nothing is."""
        return []

    def ready(self) -> list[str]:
        """Why this process is not ready; a follower that waits for the lease is ready."""
        return list(self._problems)

    def pushed(self, urls: tuple[str, ...], commit: str) -> int:
        """A webhook says that something was pushed; how many Repositories look at once."""
        return self._repositories.pushed(urls, commit) if self._repositories is not None else 0

    async def _lead_until(self, lost: Awaitable[None]) -> None:
        leading = asyncio.create_task(self._lead(), name="lead")
        losing = asyncio.ensure_future(lost)
        try:
            await asyncio.wait({leading, losing}, return_when=asyncio.FIRST_COMPLETED)
            if leading.done():
                leading.result()
        finally:
            leading.cancel()
            losing.cancel()
            await asyncio.gather(leading, losing, return_exceptions=True)

    async def _lead(self) -> None:
        """Everything that a leader does. At the end the tasks end first, so that none of them sees what they use being closed."""
        group = asyncio.TaskGroup()
        documents = Documents(self._client, self._options.namespace, partial(tasks.spawn, group), clock=self._clock, chance=self._chance)
        async with AsyncExitStack() as stack:
            pool = await stack.enter_async_context(await self._pool(stack, documents))
            stack.push_async_callback(self._close_mirrors)
            await stack.enter_async_context(group)
            world = await self._world(pool, group, documents)
            kept = await world.keeper.load_all()
            repositories = self._repositories = Repositories(world)
            applications = Applications(world, repositories, kept)
            world.watches.on_change(applications.touched)
            self._start(world, group)
            await world.applications.wait_synced()
            await world.repositories.wait_synced()
            self._start_workers(group, world, applications, repositories)
            await asyncio.Event().wait()

    async def _close_mirrors(self) -> None:
        if self._repositories is not None:
            await self._repositories.close()

    async def _pool(self, stack: AsyncExitStack, documents: Documents) -> Pool:
        """The render workers, and (asked for only where something is encrypted) the decrypt worker with its keys."""
        options = self._options
        decrypt = None
        if options.decrypt_worker is not None:
            decrypter = Decrypter(options.decrypt_worker, partial(_keys, documents))
            decrypt = (await stack.enter_async_context(decrypter)).decrypt
        return Pool(options.worker, clock=self._clock, size=options.render_workers, decrypt=decrypt)

    async def _world(self, pool: Pool, group: asyncio.TaskGroup, documents: Documents) -> World:
        client, options, clock = self._client, self._options, self._clock
        discovery = Discovery(client, at_most_every=1.0)
        await discovery.refresh()
        applications: WorkQueue[str] = WorkQueue(chance=self._chance)
        repositories: WorkQueue[str] = WorkQueue(chance=self._chance)
        return World(
            client=client,
            discovery=discovery,
            installation=await find_or_make(client, options.namespace, random=os.urandom),
            namespace=options.namespace,
            clock=clock,
            chance=self._chance,
            group=group,
            pool=pool,
            worker_version=await pool.ready(),
            directory=options.directory,
            documents=documents,
            keeper=Keeper(client, options.namespace),
            watches=Watches(client, group, clock=clock, chance=self._chance),
            events=EventRecorder(client, controller="trimtab.dev/controller", instance=options.identity, clock=clock),
            authority=Authority(served=options.namespace),
            applications=LiveStore(reader(Application), _enqueue(applications)),
            repositories=LiveStore(reader(Repository), _enqueue(repositories)),
            application_queue=applications,
            repository_queue=repositories,
        )

    def _start(self, world: World, group: asyncio.TaskGroup) -> None:
        """The watches that everything rests on."""
        self._watch(world, group, APPLICATIONS, world.applications)
        self._watch(world, group, REPOSITORIES, world.repositories)
        tasks.spawn(group, "watch definitions", Kinds(world).run())
        tasks.spawn(group, "events", world.events.run())

    def _watch(self, world: World, group: asyncio.TaskGroup, resource: Resource, store: LiveStore[str, Any]) -> None:
        reflector = Reflector(world.client, resource, namespace=world.namespace, handler=store, clock=self._clock, chance=self._chance)
        tasks.spawn(group, f"watch {resource.plural}", reflector.run())

    def _start_workers(self, group: asyncio.TaskGroup, world: World, applications: Applications, repositories: Repositories) -> None:
        for number in range(self._options.repository_workers):
            work = _work(world, "Repository", world.repository_queue, repositories.reconcile)
            tasks.spawn(group, f"repository worker {number}", work)
        for number in range(self._options.application_workers):
            work = _work(world, "Application", world.application_queue, applications.reconcile)
            tasks.spawn(group, f"application worker {number}", work)


async def _keys(documents: Documents) -> list[str]:
    """The age identities in Secret `trimtab-decryption` of the control namespace, a line each, in any of its keys."""
    found = await documents.read("Secret", DECRYPTION, "decrypter", lambda: None)
    lines = [line.strip() for content in (found.data.values() if found is not None else ()) for line in content.decode().splitlines()]
    return [line for line in lines if line.startswith("AGE-SECRET-KEY-")]


def _enqueue(queue: WorkQueue[str]) -> Callable[[str, Read[Any] | None, Read[Any] | None], None]:
    def changed(key: str, old: Read[Any] | None, new: Read[Any] | None) -> None:
        if wished_otherwise(old, new):
            queue.add(key)

    return changed


async def _work(world: World, kind: str, queue: WorkQueue[str], reconcile: Callable[[str], Awaitable[Result]]) -> None:
    """One worker: a key, a reconcile, an outcome."""
    while True:
        key = await queue.get()
        started = world.clock.monotonic()
        try:
            result = await reconcile(key)
        except UnavailableError as error:
            result = Retry(error)
        except Exception as error:  # ruff: ignore[blind-except]  a bug met by one resource must not stop the others
            logs.get(__name__).exception("a bug; please report it", kind=kind, key=key)
            result = Retry(BugError(f"{type(error).__name__}: {error}"), at_least=10.0)
        finally:
            queue.done(key)
        took = world.clock.monotonic() - started
        metrics.RECONCILE_SECONDS.labels(kind).observe(took)
        logs.get(__name__).debug("reconciled", kind=kind, key=key, seconds=round(took, 4), result=type(result).__name__)
        _settle(kind, key, queue, result)


def _settle(kind: str, key: str, queue: WorkQueue[str], result: Result) -> None:
    """Every outcome of a reconcile, and what follows from it."""
    metrics.RECONCILES.labels(kind, type(result).__name__).inc()
    match result:
        case Done(again_after=None):
            queue.forget(key)
        case Done(again_after=delay):
            queue.forget(key)
            queue.add_after(key, delay or 0.0)
        case Retry(error, at_least):
            delay = queue.fail(key, at_least=at_least)
            logs.get(__name__).warning("will be tried again", kind=kind, key=key, seconds=round(delay, 1), error=str(error))
        case Stalled(error):
            queue.forget(key)
            logs.get(__name__).warning("waits for a change of its input", kind=kind, key=key, error=str(error))
