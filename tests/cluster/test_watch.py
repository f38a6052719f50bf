"""The reflector and the live store on the real API server: the picture equals the server's, whatever happens."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct, structs
from tests.support import cluster as support
from tests.support.clock import until
from tests.support.cluster import CONFIG_MAPS, CRDS, apply, config_map, drop, encode
from tests.support.scripted import Relay

from trimtab.cli.devcluster import DevCluster, start_devcluster
from trimtab.cluster import errors, objects
from trimtab.cluster.client import Client
from trimtab.cluster.connection import load_kubeconfig
from trimtab.cluster.live import LiveStore
from trimtab.cluster.metadata import read_partial
from trimtab.cluster.resources import Resource
from trimtab.cluster.watch import Reflector


class Seen(Struct, frozen=True, gc=False):
    """What these tests keep of an object."""

    resource_version: str


Store = LiveStore[tuple[str, str], Seen]


def summarise(raw: bytes) -> tuple[tuple[str, str], Seen]:
    """Namespace and name, and the version."""
    metadata = read_partial(raw).metadata
    return (metadata.namespace, metadata.name), Seen(metadata.resource_version)


@asynccontextmanager
async def followed(client: Client, resource: Resource = CONFIG_MAPS, **options: Any) -> AsyncGenerator[tuple[Store, Reflector[Any]]]:
    """A live store that is kept, and its reflector."""
    store: Store = LiveStore(summarise)
    reflector = Reflector(client, resource, handler=store, **options)
    task = asyncio.create_task(reflector.run())
    try:
        yield store, reflector
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def truth(client: Client, resource: Resource = CONFIG_MAPS, **narrow: Any) -> dict[tuple[str, str], Seen]:
    """What a full list says."""
    pages = [items async for items, _ in objects.list_pages(client, resource, **narrow)]
    return dict(summarise(raw) for items in pages for raw in items)


async def equal(store: Store, client: Client, resource: Resource = CONFIG_MAPS, **narrow: Any) -> None:
    """Wait until the store equals a full list."""
    deadline = time.monotonic() + 20
    while dict(store.items()) != (expected := await truth(client, resource, **narrow)) and time.monotonic() < deadline:  # ruff: ignore[async-busy-wait] (the truth is asked for anew)
        await asyncio.sleep(0.02)
    assert dict(store.items()) == expected


async def churn(client: Client, namespace: str, *, names: int, steps: int, seed: int) -> None:
    """Create, change and delete at random."""
    dice = random.Random(seed)
    for step in range(steps):
        name = f"c{dice.randrange(names)}"
        if dice.random() < 0.3:
            with suppress(errors.NotFoundError):
                await drop(client, CONFIG_MAPS, namespace, name)
        else:
            await apply(client, config_map(name, namespace, {"step": str(step)}, {"set": "churn"}), CONFIG_MAPS)


@pytest.mark.parametrize("offered", [True, False], ids=["WatchList", "pages"])
async def test_the_store_equals_the_server_through_churn(cluster: Client, namespace: str, offered: bool) -> None:
    """Start in the middle of changes, by either way of taking the state: in the end every object and version is the same."""
    await churn(cluster, namespace, names=20, steps=40, seed=1)
    async with followed(cluster, namespace=namespace, page=7) as (store, reflector):
        reflector._offered = offered
        await churn(cluster, namespace, names=20, steps=80, seed=2)
        await store.wait_synced()
        await equal(store, cluster, namespace=namespace)
        assert reflector.statistics().lists == 1


async def test_a_change_arrives_within_moments(cluster: Client, namespace: str) -> None:
    """From the answer to an apply to the store: a few milliseconds."""
    async with followed(cluster, namespace=namespace) as (store, _):
        await store.wait_synced()
        applied = await apply(cluster, config_map("a", namespace), CONFIG_MAPS)
        await until(lambda: store.get((namespace, "a")) == Seen(applied["metadata"]["resourceVersion"]), within=2)


async def test_taking_the_label_off_arrives_as_a_deletion(cluster: Client, namespace: str) -> None:
    """A watch narrowed by a label sees an object leave when its label does."""
    await apply(cluster, config_map("a", namespace, labels={"set": "yes"}), CONFIG_MAPS)
    async with followed(cluster, namespace=namespace, label_selector="set=yes") as (store, _):
        await store.wait_synced()
        assert (namespace, "a") in store
        await objects.merge_patch(cluster, CONFIG_MAPS, namespace, "a", encode({"metadata": {"labels": {"set": None}}}))
        await until(lambda: len(store) == 0)
        await objects.get(cluster, CONFIG_MAPS, namespace, "a")


async def test_metadata_alone_can_be_followed(cluster: Client, namespace: str) -> None:
    """PartialObjectMetadata: the same picture from less."""
    await apply(cluster, config_map("a", namespace, {"k": "v" * 1000}), CONFIG_MAPS)
    for offered in (True, False):
        async with followed(cluster, namespace=namespace, metadata_only=True) as (store, reflector):
            reflector._offered = offered
            await store.wait_synced()
            await equal(store, cluster, namespace=namespace)


async def test_a_kind_that_vanishes_is_unreadable_and_comes_back(cluster: Client) -> None:
    """The CRD goes: its objects are deleted, then the kind cannot be read. It comes back: so does the picture."""
    things = Resource("vanish.example", "v1", "Vanish", "vanishs", namespaced=False)
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "vanishs.vanish.example"},
        "spec": {
            "group": "vanish.example",
            "scope": "Cluster",
            "names": {"kind": "Vanish", "plural": "vanishs"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    async with followed(cluster, things) as (store, _):
        await until(lambda: isinstance(store.error, errors.NotFoundError))
        assert not store.is_synced
        await apply(cluster, definition, CRDS)
        await store.wait_synced()
        assert store.error is None
    await drop(cluster, CRDS, "", "vanishs.vanish.example")


async def test_what_rbac_forbids_is_unreadable(cluster: Client) -> None:
    """Without the right to list, the store says why and is not synced: it is not empty."""
    nobody = await support.service_account_connection(cluster, "default", "default")
    async with Client(nobody) as client, followed(client) as (store, _):
        await until(lambda: store.error)
        assert isinstance(store.error, errors.ForbiddenError)
        assert "cannot watch resource" in str(store.error)
        assert not store.is_synced


async def test_a_restart_of_the_server_is_survived(tmp_path: Path) -> None:
    """Kill -9 of the control plane and a start on the same data: the watch resumes and the picture is the server's."""
    with start_devcluster(tmp_path / "dc") as running:
        async with support.open_client(running.kubeconfig) as client, followed(client) as (store, _):
            await store.wait_synced()
            await apply(client, config_map("before", "default"), CONFIG_MAPS)
            running.kill()
            await asyncio.to_thread(running.restart)
            await apply(client, config_map("after", "default"), CONFIG_MAPS)
            await until(lambda: ("default", "after") in store, within=30)
            await equal(store, client)


async def test_a_black_hole_is_noticed(devcluster: DevCluster, cluster: Client, namespace: str) -> None:
    """The network swallows everything without a word: noticed after `silent_after`, and reconnected when it is over."""
    async with Relay(devcluster.server) as relay:
        connection = structs.replace(load_kubeconfig(devcluster.kubeconfig), server=f"https://127.0.0.1:{relay.port}")
        async with Client(connection) as client, followed(client, namespace=namespace, silent_after=0.5) as (store, reflector):
            await store.wait_synced()
            relay.swallow()
            await apply(cluster, config_map("meanwhile", namespace), CONFIG_MAPS)
            await until(lambda: reflector.statistics().silences >= 1, within=30.0)
            assert (namespace, "meanwhile") not in store
            relay.resume()
            await until(lambda: (namespace, "meanwhile") in store, within=30.0)
            await equal(store, cluster, namespace=namespace)


async def test_an_object_that_cannot_be_understood_stops_nobody(cluster: Client, namespace: str) -> None:
    """A summary that fails on one object is counted; the others are kept."""

    def picky(raw: bytes) -> tuple[tuple[str, str], Seen]:
        if json.loads(raw)["metadata"]["name"] == "bad":
            raise msgspec.ValidationError("not as expected")
        return summarise(raw)

    store: Store = LiveStore(picky)
    await apply(cluster, config_map("bad", namespace), CONFIG_MAPS)
    await apply(cluster, config_map("good", namespace), CONFIG_MAPS)
    task = asyncio.create_task(Reflector(cluster, CONFIG_MAPS, handler=store, namespace=namespace).run())
    await store.wait_synced()
    task.cancel()
    assert (namespace, "good") in store
    assert (namespace, "bad") not in store
    assert store.statistics().misunderstood == 1


async def test_a_restored_backup_is_believed(tmp_path: Path) -> None:
    """Etcd is put back to an earlier day: versions run backwards, and the picture becomes the server's, nobody else's."""
    running = start_devcluster(tmp_path / "dc")
    try:
        async with support.open_client(running.kubeconfig) as client:
            await apply(client, config_map("old", "default"), CONFIG_MAPS)
            running.stop()
            shutil.copytree(
                tmp_path / "dc", tmp_path / "backup", ignore=lambda _, names: [name for name in names if name.endswith(".sock")]
            )
            await asyncio.to_thread(running.restart)
            async with followed(client, silent_after=20) as (store, reflector):
                await store.wait_synced()
                for number in range(300):
                    await apply(client, config_map("new", "default", {"n": str(number)}), CONFIG_MAPS)
                await equal(store, client)
                running.kill()
                shutil.rmtree(tmp_path / "dc")
                shutil.copytree(tmp_path / "backup", tmp_path / "dc")
                await asyncio.to_thread(running.restart)
                await until(lambda: ("default", "new") not in store, within=60)
                await equal(store, client)
                assert ("default", "old") in store
                assert reflector.statistics().lists == 2
    finally:
        running.stop()


async def test_a_flapping_network_loses_nothing(devcluster: DevCluster, cluster: Client, namespace: str) -> None:
    """Connections are cut every few moments while objects change: in the end the picture is the server's."""
    async with Relay(devcluster.server) as relay:
        connection = structs.replace(load_kubeconfig(devcluster.kubeconfig), server=f"https://127.0.0.1:{relay.port}")
        async with Client(connection) as client, followed(client, namespace=namespace) as (store, reflector):
            await store.wait_synced()
            changing = asyncio.create_task(churn(cluster, namespace, names=30, steps=300, seed=3))
            while not changing.done():
                await asyncio.sleep(0.1)
                relay.cut()
            await changing
            await equal(store, cluster, namespace=namespace)
            assert reflector.statistics().watches > 2
            assert reflector.statistics().lists == 1


@pytest.mark.parametrize("connections", [1, 2, 8, 64])
async def test_any_ratio_of_workers_to_connections_finishes(devcluster: DevCluster, namespace: str, connections: int) -> None:
    """Sixty-four workers on one connection, or on as many: everything is written, nothing waits for ever."""
    async with support.open_client(devcluster.kubeconfig, connections=connections) as client:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for number in range(64):
                group.create_task(apply(client, config_map(f"w{number}", namespace), CONFIG_MAPS))
        assert client.statistics().requests["apply"] == 64
        assert client.statistics().active == client.statistics().waiting == 0
