from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.devcluster.rawapi import RawApi
from tests.support.devcluster import start_devcluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.devcluster import DevCluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevCluster]:
    """A control plane for the tests of one file, with its audit log beside it."""
    folder = tmp_path_factory.mktemp("cluster")
    with start_devcluster(folder, audit_log=folder / "audit.jsonl") as started:
        yield started


@pytest.fixture(scope="module")
def api(cluster: DevCluster) -> RawApi:
    """Its API over bare HTTPS."""
    return RawApi(cluster.kubeconfig)
