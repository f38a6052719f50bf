"""A whole Trimtab for one test: a Git server, a repository, the controller in this process, on the real control plane."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from tests.support import repos

from trimtab.cli.gitserver import GitServer
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.errors import NotFoundError
from trimtab.cluster.resources import Resource
from trimtab.controllers.manager import Manager, Options
from trimtab.controllers.own import APPLICATIONS, REPOSITORIES
from trimtab.core.clock import SystemClock
from trimtab.render.find import DECRYPT, find_worker

CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps", namespaced=True)
SECRETS = Resource("", "v1", "Secret", "secrets", namespaced=True)
DEPLOYMENTS = Resource("apps", "v1", "Deployment", "deployments", namespaced=True)
SERVICES = Resource("", "v1", "Service", "services", namespaced=True)
NAMESPACES = Resource("", "v1", "Namespace", "namespaces", namespaced=False)

Json = dict[str, Any]


class Fleet:
    """`control` is the namespace of the Applications, `target` that of their objects."""

    def __init__(self, *, admin: Client, own: Client, server: GitServer, directory: Path, control: str, target: str) -> None:
        self.admin = admin
        self.own = own
        self.server = server
        self.directory = directory
        self.control = control
        self.target = target
        self.url = ""
        self.work = directory / "work"
        self.render_workers = 1
        self.manager: Manager | None = None
        self._running: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Make the repository with one commit, the Repository, and start the controller."""
        self.url = await self.server.create(self.control)
        await asyncio.to_thread(repos.init, self.work, remote=self.url)
        await self.push({"README": "A fleet.\n"})
        await self.create(REPOSITORIES, "fleet", {"url": self.url, "ref": {"branch": "main"}, "interval": "10m"})
        await self.start()

    async def start(self) -> None:
        """Start the controller (again)."""
        options = Options(
            namespace=self.control,
            directory=self.directory / "data",
            worker=find_worker(),
            decrypt_worker=find_worker(DECRYPT),
            identity="test",
            render_workers=self.render_workers,
        )
        self.manager = Manager(self.own, options, clock=SystemClock(), chance=random.random)
        self._running = asyncio.create_task(self.manager.run(), name="manager")

    async def stop(self) -> None:
        """Stop the controller, as a crash would: nothing is finished."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    async def push(self, files: Mapping[str, str | None], message: str = "A change") -> str:
        """Commit, push, and tell the controller as a webhook would; the commit's id."""
        content = {name: text.encode() if text is not None else None for name, text in files.items()}
        oid = await asyncio.to_thread(repos.commit, self.work, content, message)
        await asyncio.to_thread(repos.push, self.work)
        if self.manager is not None:
            self.manager.pushed((self.url,), oid)
        return oid

    async def application(self, name: str, path: str = "", **spec: Any) -> None:
        """Create or change an Application of one source."""
        sources = spec.pop("sources", [{"repositoryRef": {"name": "fleet"}, "path": path or f"apps/{name}"}])
        await self.create(APPLICATIONS, name, {"sources": sources, "destination": {"namespace": self.target}, **spec})

    async def create(self, resource: Resource, name: str, spec: Json) -> None:
        """Create or change one of our own resources, as a person would with `kubectl apply --server-side`."""
        body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}, "spec": spec}
        await objects.apply(self.admin, resource, self.control, name, json.dumps(body).encode(), manager="kubectl", force=True)

    async def annotate(self, name: str, annotations: dict[str, str | None]) -> None:
        """Set annotations of an Application."""
        body = json.dumps({"metadata": {"annotations": annotations}}).encode()
        await objects.merge_patch(self.admin, APPLICATIONS, self.control, name, body, manager="kubectl")

    async def status(self, name: str) -> Json:
        """An Application's status."""
        found = await objects.get_json(self.admin, APPLICATIONS, self.control, name)
        status: Json = found.get("status") or {}
        return status

    async def settled(self, name: str, synced: str = "Equal", health: str = "Healthy", seconds: float = 15.0) -> Json:
        """Wait until an Application says so; its status."""

        async def said() -> bool:
            status = await self.status(name)
            return (status.get("synced"), status.get("health")) == (synced, health)

        await self.until(said, seconds, lambda: self.status(name))
        return await self.status(name)

    async def get(self, resource: Resource, name: str, namespace: str = "") -> Json | None:
        """One object; None where there is none."""
        try:
            return await objects.get_json(self.admin, resource, namespace or self.target, name)
        except NotFoundError:
            return None

    async def patch(self, resource: Resource, name: str, patch: Json, *, manager: str = "kubectl-patch", subresource: str = "") -> None:
        """What somebody does to an object by hand."""
        body = json.dumps(patch).encode()
        await objects.merge_patch(self.admin, resource, self.target, name, body, manager=manager, subresource=subresource)

    async def until(
        self, true: Callable[[], Awaitable[bool]], seconds: float = 10.0, tell: Callable[[], Awaitable[Any]] | None = None
    ) -> None:
        """Wait until something holds; fails, with what `tell` says, when it does not."""
        end = time.monotonic() + seconds
        while not await true():
            if time.monotonic() > end:
                raise AssertionError(f"did not come true in {seconds} s: {await tell() if tell is not None else ''}")
            await asyncio.sleep(0.02)

    async def until_data(self, name: str, data: Json) -> None:
        """Wait until a ConfigMap holds exactly this."""

        async def holds() -> bool:
            found = await self.get(CONFIG_MAPS, name)
            return found is not None and found.get("data") == data

        await self.until(holds, tell=lambda: self.get(CONFIG_MAPS, name))

    async def quiet(self, seconds: float = 0.5) -> None:
        """Wait until the controller has nothing under way, for a while."""
        before = -1
        while before != (now := sum(self.own.statistics().requests.values())):
            before = now
            await asyncio.sleep(seconds)

    def writes(self) -> dict[str, int]:
        """The controller's requests so far, by verb, without reads and the lease."""
        return {
            verb: count
            for verb, count in self.own.statistics().requests.items()
            if verb not in {"watch", "get", "list", "discover", "lease"}
        }


def config_map(name: str, **data: str) -> str:
    """A manifest."""
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})


def deployment(name: str, *, replicas: int | None = 1, annotations: dict[str, str] | None = None, image: str = "app:1") -> str:
    """A manifest; `annotations` of the pod template steer the fake node."""
    spec: Json = {
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}, "annotations": annotations or {}},
            "spec": {"containers": [{"name": "app", "image": image}]},
        },
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})
