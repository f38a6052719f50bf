"""A Trimtab that all tests of the commands against a controller share: its own control namespace, repository and Applications by test."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from msgspec import Struct
from tests.support import cluster as support
from tests.support.fleet import Fleet

from trimtab.cli.crds import apply_definitions
from trimtab.cli.devcluster import DevCluster
from trimtab.cli.gitserver import GitServer


class Ran(Struct, frozen=True):
    """A command that has run."""

    status: int
    output: str
    errors: str


Trimtab = Callable[..., Awaitable[Ran]]
"""`await trimtab("get", "podinfo")`: run the command against the shared controller, as typed."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(devcluster: DevCluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    """The controller, in this process, over a repository."""
    directory = tmp_path_factory.mktemp("served")
    server = GitServer(directory / "git")
    async with AsyncExitStack() as stack:
        await server.start()
        stack.push_async_callback(server.stop)
        admin = await stack.enter_async_context(support.open_client(devcluster.kubeconfig))
        own = await stack.enter_async_context(support.open_client(devcluster.kubeconfig))
        await apply_definitions(admin)
        control, target = await support.make_namespace(admin), await support.make_namespace(admin)
        fleet = Fleet(admin=admin, own=own, server=server, directory=directory, control=control, target=target)
        stack.push_async_callback(fleet.stop)
        await fleet.begin()
        yield fleet


@pytest.fixture
def trimtab(served: Fleet, devcluster: DevCluster) -> Trimtab:
    """Commands run as processes of their own, as in life."""

    async def run(*arguments: str) -> Ran:
        typed = (*arguments, "--kubeconfig", str(devcluster.kubeconfig), "-n", served.control)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from trimtab.cli.main import main; main()", *typed, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        output, errors = await process.communicate()
        return Ran(process.returncode or 0, output.decode(), errors.decode())

    return run
