"""Fixtures that every room's tests share: a real control plane for the run, a client on it, and a namespace for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support import cluster as support

from trimtab.cli.devcluster import DevCluster, start_devcluster
from trimtab.cluster.client import Client


@pytest.fixture(scope="session")
def devcluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevCluster]:
    """The run's control plane: etcd, API server, controllers, scheduler and one fake node, started once."""
    with start_devcluster(tmp_path_factory.mktemp("dc")) as running:
        yield running


@pytest.fixture
async def cluster(devcluster: DevCluster) -> AsyncIterator[Client]:
    """A client on the control plane, cluster-admin."""
    async with support.open_client(devcluster.kubeconfig) as client:
        yield client


@pytest.fixture
async def namespace(cluster: Client) -> AsyncIterator[str]:
    """A namespace of this test's own; it goes away in the background."""
    name = await support.make_namespace(cluster)
    yield name
    await support.drop_namespace(cluster, name)
