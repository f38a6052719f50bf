"""Everything that the demo needs, started in order and stopped in the reverse order, however it ends.

    control plane (or the cluster that one has) ── our kinds ── Git server ── repository ── controller ── witness

The control plane and the controller are processes in groups of their own; the Git server runs in this one. Both processes end by
themselves when this one is killed.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from msgspec import Struct

from trimtab.cli.demo import prepare
from trimtab.cli.demo.controller import controller
from trimtab.cli.demo.fleet import Fleet
from trimtab.cli.demo.podinfo import podinfo
from trimtab.cli.demo.screen import Screen
from trimtab.cli.demo.wish import Wish
from trimtab.cli.demo.witness import Witness
from trimtab.cli.devcluster import DevCluster, start_devcluster
from trimtab.cli.follow import Follower, in_time
from trimtab.cli.gitserver import GitServer
from trimtab.cli.scope import background
from trimtab.cluster.client import Client
from trimtab.cluster.connection import load_kubeconfig
from trimtab.core.errors import TrimtabError, UnavailableError


class Stage(Struct, frozen=True):
    """The demo, set up: nothing is declared yet."""

    kubeconfig: Path
    wish: Wish
    client: Client
    server: GitServer
    url: str
    fleet: Fleet
    commit: str
    follower: Follower
    witness: Witness


@asynccontextmanager
async def cluster(wish: Wish, run: Path, screen: Screen) -> AsyncGenerator[tuple[Path, DevCluster | None]]:
    """The kubeconfig of the cluster, and the control plane of our own, which stops at the end of the block."""
    if wish.kubeconfig is not None:
        yield wish.kubeconfig, None
        return
    kubeconfig = wish.home / "kubeconfig"
    with screen.doing("starting", "Kubernetes in one process"):
        running = await _started(run, kubeconfig)
    try:
        version = running.ready.version.rpartition(".")[0]
        screen.say("starting", f"Kubernetes {version} in one process … ready in {running.ready.seconds:.1f} s")
        yield kubeconfig, running
    finally:
        await asyncio.to_thread(running.stop)


async def _started(run: Path, kubeconfig: Path) -> DevCluster:
    """Start it in a thread. Who is interrupted meanwhile waits for it, so that it can be stopped."""
    starting = asyncio.ensure_future(asyncio.to_thread(start_devcluster, run / "cluster", extra=(f"--kubeconfig={kubeconfig}",)))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with suppress(TrimtabError):
            await asyncio.to_thread((await starting).stop)
        raise


@asynccontextmanager
async def stage(wish: Wish, run: Path, screen: Screen) -> AsyncGenerator[Stage]:
    """Set the stage for the block."""
    source = await _podinfo(screen)
    secret = secrets.token_hex(16)
    server = GitServer(run / "git")
    async with cluster(wish, run, screen) as (kubeconfig, own), client_of(kubeconfig, wish.context) as client, background() as scope:
        if own is not None:
            scope.start("control plane", _must_live(own))
        if wish.kubeconfig is not None:
            await prepare.refuse_strangers(client, wish.namespace)
        await prepare.install(client, wish.namespace, secret)
        await server.start()
        try:
            async with _playing(wish, run, kubeconfig, client, server, secret, source, screen) as playing:
                yield playing
        finally:
            await server.stop()


async def _must_live(control_plane: DevCluster) -> None:
    """Raises UnavailableError when it ends by itself."""
    while control_plane.running:  # ruff: ignore[async-busy-wait] -- a process tells its end to nobody but who asks
        await asyncio.sleep(1.0)
    log = control_plane.data_dir / "devcluster.log"
    end = log.read_text("utf-8", errors="replace")[-2000:] if log.exists() else ""
    raise UnavailableError("The control plane has ended.", remedy="-v shows the end of its log.", detail=end)


async def _podinfo(screen: Screen) -> Path:
    with screen.doing("fetching", "podinfo (a Go module)"):
        return await podinfo()


def client_of(kubeconfig: Path, context: str) -> Client:
    """A client on a cluster, not yet opened."""
    connection = load_kubeconfig(kubeconfig, context or None, allow_exec=True)
    return Client(connection, user_agent="trimtab/demo", field_manager=prepare.MANAGER)


@asynccontextmanager
async def _playing(
    wish: Wish, run: Path, kubeconfig: Path, client: Client, server: GitServer, secret: str, source: Path, screen: Screen
) -> AsyncGenerator[Stage]:
    url = await server.create("fleet")
    fleet = Fleet(run / "fleet")
    commit = await fleet.begin(url, source)
    screen.say("serving", f"git   {url}")
    log = wish.home / "controller.log"
    log.unlink(missing_ok=True)
    running = controller(kubeconfig=kubeconfig, context=wish.context, namespace=wish.namespace, directory=run / "data", log=log)
    async with running as control, client_of(kubeconfig, wish.context) as eyes, background() as scope:
        server.webhooks.append((f"http://{control.address}/hooks/generic", secret))
        scope.start("controller", control.must_live())
        follower, witness = Follower(client, wish.namespace, scope), Witness(eyes, scope)
        await follower.begin()
        await witness.watch()
        try:
            yield Stage(kubeconfig, wish, client, server, url, fleet, commit, follower, witness)
        finally:
            if wish.kubeconfig is not None:
                await _leave(wish, client, follower, screen)


async def _leave(wish: Wish, client: Client, follower: Follower, screen: Screen) -> None:
    """A cluster that one has is left as it was found, but for the definitions of our kinds."""
    try:
        with screen.doing("leaving", "what the demo made is deleted"):
            await prepare.leave(client, wish.namespace, follower)
        screen.say("left", "your cluster, without what the demo made; the definitions of Trimtab's kinds stay")
    except TrimtabError as error:
        screen.bad(f"The demo could not take away all that it made: {error}")


async def declare(stage: Stage) -> float:
    """Declare Repository and Applications; the moment (seconds since the epoch) at which the Applications were declared."""
    await prepare.clear(stage.client, stage.wish.namespace, stage.follower)  # what a demo that was killed left in a cluster that one has
    await prepare.declare_repository(stage.client, stage.wish.namespace, stage.url)
    fetched = stage.follower.signal.expect(lambda: _fetched(stage))
    await in_time(fetched, 30.0, f"The first fetch of {stage.url}")
    declared = time.time()
    await prepare.declare_applications(stage.client, stage.wish.namespace)
    return declared


def _fetched(stage: Stage) -> bool:
    repository = stage.follower.repository("fleet")
    return repository is not None and repository.status.revision.commit == stage.commit
