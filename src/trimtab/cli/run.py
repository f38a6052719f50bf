"""`trimtab run`: the controller, with its webhooks, probes and metrics."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from trimtab.cluster.client import Client
from trimtab.cluster.connection import Connection, in_cluster, load_kubeconfig
from trimtab.controllers.manager import Manager, Options
from trimtab.controllers.webhooks import WebhookSecrets
from trimtab.core import logs, tasks
from trimtab.core.clock import SystemClock
from trimtab.core.errors import InputError
from trimtab.render.find import DECRYPT, find_worker
from trimtab.server.app import create_app
from trimtab.server.push import Push
from trimtab.server.serve import serve


def run(
    *,
    kubeconfig: Annotated[Path | None, Parameter(help="The cluster; default: the one that this runs in, else $KUBECONFIG.")] = None,
    context: Annotated[str, Parameter(help="A context of the kubeconfig.")] = "",
    namespace: Annotated[str, Parameter(help="The control namespace: where Applications and Repositories are.")] = "trimtab",
    data_dir: Annotated[Path, Parameter(help="Mirrors are kept here; it can be thrown away at any time.")] = Path("/var/lib/trimtab"),
    listen: Annotated[str, Parameter(help="HOST:PORT for webhooks, probes and metrics; port 0 takes a free one.")] = "0.0.0.0:8080",
    identity: Annotated[str, Parameter(help="Ours among the replicas; default: this host's name.")] = "",
    json: Annotated[bool, Parameter(help="Logs as JSON lines.")] = False,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], help="Log more.")] = False,
) -> None:
    """Keep a cluster equal to Git."""
    logs.configure(json=json, verbose=verbose)
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)  # most of what we make is acyclic and short-lived: collecting it each 700 objects is wasted work
    connection = connect(kubeconfig, context)
    options = Options(
        namespace=namespace,
        directory=data_dir,
        worker=find_worker(),
        decrypt_worker=find_worker(DECRYPT),
        identity=identity or socket.gethostname(),
    )
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_run(connection, options, listen))


def connect(kubeconfig: Path | None, context: str) -> Connection:
    """The named kubeconfig; else the cluster that we run in; else the user's."""
    if kubeconfig is None and not context and Path("/var/run/secrets/kubernetes.io/serviceaccount/token").exists():
        return in_cluster()
    return load_kubeconfig(kubeconfig, context or None, allow_exec=True)


class _Hooks:
    """Hands pushes to the manager."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    def pushed(self, event: Push) -> int:
        """Wake the Repositories that the push may concern."""
        return self._manager.pushed(event.urls, event.after)


async def _run(connection: Connection, options: Options, listen: str) -> None:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"--listen takes HOST:PORT, found {listen!r}.")
    clock = SystemClock()
    async with Client(connection, clock=clock, user_agent="trimtab/controller") as client, asyncio.TaskGroup() as group:
        main = asyncio.current_task()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, main.cancel if main is not None else lambda: None)
        manager = Manager(client, options, clock=clock, chance=client.chance)
        secrets = WebhookSecrets(client, options.namespace, clock=clock, chance=client.chance)
        app = create_app(probes=manager, hooks=_Hooks(manager), secrets=secrets.current)
        bound = serve(app, host=host, port=int(port), group=group)
        logs.get(__name__).info("listening", address=f"{host}:{bound}")
        tasks.spawn(group, "webhook secrets", secrets.run())
        await manager.run()
        raise SystemExit(1)
