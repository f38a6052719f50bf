"""A whole Trimtab for each test of a reconciler."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.controllers.beside import CANARY, Beside
from tests.support import cluster as support
from tests.support.fleet import Fleet

from trimtab.cli.crds import apply_definitions
from trimtab.cli.devcluster import DevCluster
from trimtab.cli.gitserver import GitServer
from trimtab.cluster.client import Client


@pytest.fixture
async def fleet(devcluster: DevCluster, cluster: Client, tmp_path: Path) -> AsyncIterator[Fleet]:
    """The controller of a control namespace of its own, over a repository of its own."""
    await apply_definitions(cluster)
    control, target = await support.make_namespace(cluster), await support.make_namespace(cluster)
    server = GitServer(tmp_path / "git")
    await server.start()
    async with support.open_client(devcluster.kubeconfig) as own:
        fleet = Fleet(admin=cluster, own=own, server=server, directory=tmp_path, control=control, target=target)
        await fleet.begin()
        yield fleet
        await fleet.stop()
    await server.stop()
    await support.drop_namespace(cluster, target)


@pytest.fixture
async def beside(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Beside:
    """A healthy application, its pace measured before anything hostile came.

    The canary is in this process's environment before the controller starts; two render workers, as by default.
    """
    await fleet.stop()
    monkeypatch.setenv("TRIMTAB_CANARY", CANARY)
    fleet.render_workers = 2
    await fleet.start()
    made = Beside(fleet, capfd)
    await made.begin()
    return made
