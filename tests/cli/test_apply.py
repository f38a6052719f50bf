"""`trimtab apply`: a folder into a cluster, with no controller; and a controller that comes later."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.cli.test_plan import definition, till
from tests.support import cluster as support
from tests.support.commandline import Said, chart, folder, spawned, typed
from tests.support.fleet import Fleet, config_map, deployment

from trimtab.api.meta import OWNER
from trimtab.cli.crds import apply_definitions
from trimtab.cli.devcluster import DevCluster
from trimtab.cli.gitserver import GitServer
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.errors import NotFoundError
from trimtab.cluster.resources import NAMESPACES

CONFIG_MAPS, SECRETS, DEPLOYMENTS = support.CONFIG_MAPS, support.SECRETS, support.DEPLOYMENTS
BROKEN = {"dev.trimtab.dev/waiting": "CrashLoopBackOff"}


async def apply(devcluster: DevCluster, namespace: str, at: Path, *flags: object) -> Said:
    """`trimtab apply AT --name x` in a namespace."""
    return await typed("apply", at, "--kubeconfig", devcluster.kubeconfig, "-n", namespace, "--name", "x", *flags)


async def versions(client: Client, namespace: str) -> dict[str, str]:
    """The resourceVersion of everything that a write of ours would move."""
    found: dict[str, str] = {}
    for resource in (CONFIG_MAPS, SECRETS):
        async for page, _ in objects.list_pages(client, resource, namespace=namespace):
            metadata = [json.loads(item)["metadata"] for item in page]
            found |= {f"{resource.kind}/{m['name']}": m["resourceVersion"] for m in metadata}
    return found


async def test_a_folder_is_applied(devcluster: DevCluster, cluster: Client, namespace: str, tmp_path: Path) -> None:
    """Objects, an owner, a summary, exit status 0."""
    made = folder(tmp_path, {"a.yaml": config_map("a", k="1"), "d.yaml": deployment("d")})
    answer = await apply(devcluster, namespace, made)
    assert answer.status == 0, answer
    assert answer.out.startswith("x: 2 new   ● healthy")
    found = await objects.get_json(cluster, CONFIG_MAPS, namespace, "a")
    assert found["metadata"]["annotations"][OWNER].endswith(f"/{namespace}/x")
    ready = await objects.get_json(cluster, DEPLOYMENTS, namespace, "d")
    assert ready["status"]["availableReplicas"] == 1


async def test_applied_again_nothing_is_written(devcluster: DevCluster, cluster: Client, namespace: str, tmp_path: Path) -> None:
    """No object, no state."""
    made = folder(tmp_path, {"a.yaml": config_map("a", k="1"), "b.yaml": config_map("b")})
    await apply(devcluster, namespace, made)
    before = await versions(cluster, namespace)
    answer = await apply(devcluster, namespace, made)
    assert answer.out.startswith("x: 2 unchanged   ● healthy")
    assert await versions(cluster, namespace) == before


async def test_what_no_seed_repeats_is_made_once(devcluster: DevCluster, namespace: str, tmp_path: Path) -> None:
    """A generated CA stays as it was made until the chart changes; then all of its render is made anew."""
    ca = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ca}\ndata: {ca: {{ (genCA `x` 1).Cert | b64enc }}}\n"
    made = chart(tmp_path, {"ca.yaml": ca, "a.yaml": config_map("a", k="{{ .Values.k }}")}, "k: one\n")
    assert (await apply(devcluster, namespace, made)).out.startswith("x: 2 new")
    assert (await apply(devcluster, namespace, made)).out.startswith("x: 2 unchanged")
    assert (await apply(devcluster, namespace, made, "--set", "k=two")).out.startswith("x: 2 changed")


async def test_what_is_gone_from_the_folder_is_deleted(devcluster: DevCluster, cluster: Client, namespace: str, tmp_path: Path) -> None:
    """From the inventory, and nothing else of the namespace."""
    await support.apply(cluster, support.config_map("mine", namespace), CONFIG_MAPS, manager="kubectl")
    made = folder(tmp_path, {"a.yaml": config_map("a", k="1"), "b.yaml": config_map("b")})
    await apply(devcluster, namespace, made)
    (made / "b.yaml").unlink()
    folder(made, {"a.yaml": config_map("a", k="2")})
    answer = await apply(devcluster, namespace, made)
    assert answer.out.startswith("x: 1 changed, 1 deleted")
    with pytest.raises(NotFoundError):
        await objects.get(cluster, CONFIG_MAPS, namespace, "b")
    await objects.get(cluster, CONFIG_MAPS, namespace, "mine")


async def test_a_refusal_names_its_way_out(devcluster: DevCluster, cluster: Client, namespace: str, tmp_path: Path) -> None:
    """An empty folder deletes nothing until the plan's digest is typed; another digest lifts nothing."""
    made = folder(tmp_path, {"a.yaml": config_map("a", k="1")})
    await apply(devcluster, namespace, made)
    (made / "a.yaml").unlink()
    refused = await apply(devcluster, namespace, made)
    assert refused.status == 1
    assert "nothing was rendered" in refused.err
    await objects.get(cluster, CONFIG_MAPS, namespace, "a")
    digest = refused.err.strip().rpartition("--approve ")[2]
    assert f"trimtab apply {made} --name x --namespace {namespace} --kubeconfig {devcluster.kubeconfig} --approve" in refused.err
    assert (await apply(devcluster, namespace, made, "--approve", "0000000")).status == 1
    assert (await apply(devcluster, namespace, made, "--approve", digest)).status == 0
    with pytest.raises(NotFoundError):
        await objects.get(cluster, CONFIG_MAPS, namespace, "a")


async def test_health_is_awaited(devcluster: DevCluster, namespace: str, tmp_path: Path) -> None:
    """What does not become healthy in time is named with its cause; exit status 1. Without `--wait` nobody waits."""
    made = folder(tmp_path, {"d.yaml": deployment("d", annotations=BROKEN), "a.yaml": config_map("a")})
    answer = await apply(devcluster, namespace, made, "--timeout", "4s")
    assert answer.status == 1
    assert "◔ not healthy yet" in answer.out
    assert f"✗ Deployment {namespace}/d: " in answer.err
    assert f"waiting for Deployment {namespace}/d" in answer.err
    assert (await apply(devcluster, namespace, made, "--no-wait")).status == 0


async def test_a_definition_comes_before_its_instances(devcluster: DevCluster, cluster: Client, namespace: str, tmp_path: Path) -> None:
    """Barriers hold without watches: the definition is established before the instance is sent."""
    group = f"{namespace}.example.com"
    made = folder(tmp_path, {"d.yaml": definition(group), "t.yaml": till(group)})
    answer = await apply(devcluster, namespace, made)
    assert answer.status == 0, answer
    assert answer.out.startswith("x: 2 new")
    await support.drop(cluster, support.CRDS, "", f"tills.{group}")


async def test_a_failed_write_holds_no_other_back(devcluster: DevCluster, cluster: Client, namespace: str, tmp_path: Path) -> None:
    """Each failure is one sentence; the rest is applied."""
    made = folder(tmp_path, {"a.yaml": config_map("a"), "d.yaml": deployment("d", replicas=-1)})
    answer = await apply(devcluster, namespace, made)
    assert answer.status == 1
    assert "1 new, 1 failed" in answer.out
    assert "spec.replicas" in answer.err
    await objects.get(cluster, CONFIG_MAPS, namespace, "a")


async def test_anothers_object_is_not_taken(devcluster: DevCluster, cluster: Client, namespace: str, tmp_path: Path) -> None:
    """Two folders that name one object: the second is refused, both named, and the object stays as it was."""
    made = folder(tmp_path, {"a.yaml": config_map("a", k="1")})
    await apply(devcluster, namespace, made)
    folder(made, {"a.yaml": config_map("a", k="2")})
    answer = await typed("apply", made, "--kubeconfig", devcluster.kubeconfig, "-n", namespace, "--name", "y")
    assert answer.status == 1
    assert f"belongs to Application {namespace}/x" in answer.err
    assert (await objects.get_json(cluster, CONFIG_MAPS, namespace, "a"))["data"] == {"k": "1"}


async def test_a_namespace_is_made_when_asked_for(devcluster: DevCluster, cluster: Client, namespace: str, tmp_path: Path) -> None:
    """Otherwise its absence is an error that says how."""
    made, new = folder(tmp_path, {"a.yaml": config_map("a")}), f"{namespace}-made"
    refused = await apply(devcluster, new, made)
    assert refused == (1, "", f"✗ There is no namespace {new}. Make it:  --create-namespace\n")
    assert (await apply(devcluster, new, made, "--create-namespace")).out.startswith("x: 2 new")
    assert (await apply(devcluster, new, made, "--create-namespace")).out.startswith("x: 2 unchanged")
    await support.drop(cluster, NAMESPACES, "", new)


@pytest.fixture
async def later(devcluster: DevCluster, cluster: Client, namespace: str, tmp_path: Path) -> AsyncIterator[Fleet]:
    """A controller that has not been started yet, of a namespace in which nothing of ours is."""
    await apply_definitions(cluster)
    server = GitServer(tmp_path / "git")
    await server.start()
    async with support.open_client(devcluster.kubeconfig) as own:
        fleet = Fleet(admin=cluster, own=own, server=server, directory=tmp_path, control=namespace, target=namespace)
        yield fleet
        await fleet.stop()
    await server.stop()


async def test_a_controller_takes_over_without_a_write(later: Fleet, devcluster: DevCluster, tmp_path: Path) -> None:
    """The installation, its seed and the inventory are there already: an Application called alike writes no object."""
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: {{ randAlphaNum 9 }}}\n"
    (tmp_path / "by-hand" / ".git").mkdir(parents=True)  # seeded values hang on the path in the work tree
    made = chart(tmp_path / "by-hand" / "apps" / "x", {"s.yaml": secret, "a.yaml": config_map("a", k="1"), "d.yaml": deployment("d")})
    answer = await apply(devcluster, later.control, made)
    assert answer.status == 0, answer
    before = await written(later)
    await later.begin()
    await later.push({f"apps/x/{p.relative_to(made)}": p.read_text() for p in made.rglob("*.yaml")})
    await later.application("x", destination={})
    await later.settled("x")
    await later.quiet()
    assert await written(later) == before


async def written(fleet: Fleet) -> dict[str, object]:
    """What tells each write of an object of ours: the time of every entry that an apply left, and the values."""
    found: dict[str, object] = {}
    for resource, name in ((CONFIG_MAPS, "a"), (SECRETS, "s"), (DEPLOYMENTS, "d")):
        live = await objects.get_json(fleet.admin, resource, fleet.control, name)
        applied = [e for e in live["metadata"]["managedFields"] if e["operation"] == "Apply"]
        version = "" if resource is DEPLOYMENTS else live["metadata"]["resourceVersion"]
        found[name] = (live["metadata"]["uid"], version, applied, live.get("data"))
    return found


async def test_what_was_applied_by_hand_is_defended_later(later: Fleet, devcluster: DevCluster, tmp_path: Path) -> None:
    """As if the controller had applied it itself; from then on the command line leaves it alone."""
    made = folder(tmp_path / "by-hand", {"a.yaml": config_map("a", k="1")})
    assert (await apply(devcluster, later.control, made)).status == 0
    await later.begin()
    await later.push({"apps/x/a.yaml": config_map("a", k="1")})
    await later.application("x", destination={})
    await later.settled("x")
    await later.patch(CONFIG_MAPS, "a", {"data": {"k": "9", "more": "x"}})
    await later.until_data("a", {"k": "1"})
    flags = ["--kubeconfig", devcluster.kubeconfig, "-n", later.control, "--name", "x"]
    answer = await spawned("apply", made, *flags)
    assert answer.err.startswith(f"✗ Application {later.control}/x is served by a controller.")
