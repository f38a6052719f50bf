"""A healthy application beside hostile ones: what these may cost it, and what may be seen of a secret."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.fleet import CONFIG_MAPS, SECRETS, Fleet, config_map

from trimtab.cluster import objects
from trimtab.cluster.resources import Resource
from trimtab.controllers.own import APPLICATIONS, REPOSITORIES

CANARY = "canary-0f3b9d7c51"
"""Stands in every place that a hostile render might reach; it must be seen nowhere."""
EVENTS = Resource("", "v1", "Event", "events", namespaced=True)

Content = str | bytes


class Beside:
    """A fleet with one healthy application, whose pace was measured before anything hostile came."""

    def __init__(self, fleet: Fleet, capture: pytest.CaptureFixture[str]) -> None:
        self.fleet = fleet
        self.before = 0.0
        self._capture = capture
        self._pushes = 0
        self._logged = ""
        self._running = fleet._running

    async def begin(self) -> None:
        """Plant the canary, start the healthy application and take its pace."""
        await plant(self.fleet)
        await self.fleet.push({"apps/good/good.yaml": config_map("good", n="0")})
        await self.fleet.application("good")
        await self.fleet.settled("good")
        self.before = statistics.median([await self.lap() for _ in range(3)])

    async def lap(self) -> float:
        """Push to the healthy application; the seconds until that is live."""
        self._pushes += 1
        data = {"n": str(self._pushes)}
        await self.fleet.push({"apps/good/good.yaml": config_map("good", **data)})
        began = time.monotonic()
        await self.fleet.until_data("good", data)
        return time.monotonic() - began

    async def add(self, name: str, files: Mapping[str, Content], links: Mapping[str, str] | None = None, **spec: Any) -> None:
        """Push a hostile folder `apps/<name>` (files, and symbolic links by target), and make its application."""
        write(self.fleet.work, name, files, links or {})
        await fetched(self.fleet, await self.fleet.push({}, f"Hostile: {name}"))
        await self.fleet.application(name, **spec)

    async def told(self, name: str, synced: str = "Failed", seconds: float = 15.0) -> str:
        """The message of an application, once it is in that state."""

        async def said() -> bool:
            return (await self.fleet.status(name)).get("synced") == synced

        await self.fleet.until(said, seconds, lambda: self.fleet.status(name))
        return str((await self.fleet.status(name))["message"])

    async def held(self) -> None:
        """The healthy one is well and as fast as before, the controller is the same, and nobody has seen the canary."""
        pace = min([await self.lap() for _ in range(3)])  # the machine is shared: what lasts slows down all three
        assert pace <= 3 * self.before + 0.5, f"{pace:.3f} s a push; before {self.before:.3f} s"
        assert not (await self.fleet.settled("good"))["message"]
        assert self.fleet._running is self._running
        assert self._running is not None
        assert not self._running.done()
        await self.unseen()

    async def unseen(self, *secrets: str) -> None:
        """The canary (and other secrets) in no status, no event, no log, no ConfigMap of the target namespace."""
        await self.fleet.quiet(0.2)
        seen = await shown(self.fleet) + self.logged()
        for secret in (CANARY, *secrets):
            assert secret not in seen

    def logged(self) -> str:
        """Everything that was logged so far."""
        captured = self._capture.readouterr()
        self._logged += captured.out + captured.err
        return self._logged


async def plant(fleet: Fleet) -> None:
    """Put the canary into a file beside the program, and into a Secret of each namespace."""
    canary_file(fleet).write_text(f"{CANARY}\n", encoding="utf-8")
    for namespace in (fleet.control, fleet.target):
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "canary"}, "stringData": {"token": CANARY}}
        await objects.create(fleet.admin, SECRETS, namespace, json.dumps(body).encode())


async def fetched(fleet: Fleet, commit: str, repository: str = "fleet") -> None:
    """Wait until that commit is in force."""

    async def in_force() -> bool:
        found = await fleet.get(REPOSITORIES, repository, fleet.control)
        return found is not None and found.get("status", {}).get("revision", {}).get("commit") == commit

    await fleet.until(in_force)


async def shown(fleet: Fleet) -> str:
    """Every byte that people see of a fleet in the cluster: our resources, Events, the ConfigMaps that were applied."""
    places = [(APPLICATIONS, fleet.control), (REPOSITORIES, fleet.control), (EVENTS, fleet.control), (CONFIG_MAPS, fleet.target)]
    found = b""
    for resource, namespace in places:
        async for page, _ in objects.list_pages(fleet.admin, resource, namespace=namespace):
            found += b"\n".join(page)
    return found.decode()


def canary_file(fleet: Fleet) -> Path:
    """A file beside the program that no render may read."""
    return fleet.directory / "canary.txt"


def write(work: Path, name: str, files: Mapping[str, Content], links: Mapping[str, str]) -> None:
    """Write files and symbolic links (path → target) below `apps/<name>` of a work tree; `/x` is below its root."""
    for path, content in files.items():
        place = _place(work, name, path)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    for path, target in links.items():
        _place(work, name, path).symlink_to(target)


def _place(work: Path, name: str, path: str) -> Path:
    place = work / path.lstrip("/") if path.startswith("/") else work / "apps" / name / path
    place.parent.mkdir(parents=True, exist_ok=True)
    return place
