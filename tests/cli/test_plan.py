"""`trimtab plan`: a folder against any cluster."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tests.controllers import conftest as controllers
from tests.support import cluster as support
from tests.support.commandline import Said, chart, folder, spawned, typed
from tests.support.fleet import Fleet, config_map, deployment

from trimtab.cli.cloned import address
from trimtab.cli.devcluster import DevCluster
from trimtab.cli.source import SourceFlags
from trimtab.cli.target import ClusterFlags, target
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.resources import Resource
from trimtab.sync.keeper import Keeper
from trimtab.sync.state import State

fleet = controllers.fleet
CONFIG_MAPS, SECRETS, DEPLOYMENTS = support.CONFIG_MAPS, support.SECRETS, support.DEPLOYMENTS


async def plan(devcluster: DevCluster, namespace: str, at: Path, *flags: object) -> Said:
    """`trimtab plan AT` in a namespace."""
    return await typed("plan", at, "--kubeconfig", devcluster.kubeconfig, "-n", namespace, *flags)


async def put(client: Client, namespace: str, manifest: str, resource: Resource = CONFIG_MAPS) -> dict[str, Any]:
    """What a person applies with kubectl."""
    body = json.loads(manifest)
    body["metadata"]["namespace"] = namespace
    return await support.apply(client, body, resource, manager="kubectl")


async def test_new_objects_are_different(devcluster: DevCluster, namespace: str, tmp_path: Path) -> None:
    """Exit status 2, each object with its place, and nothing is written."""
    answer = await plan(devcluster, namespace, folder(tmp_path, {"a.yaml": config_map("a", k="1")}))
    assert (answer.status, answer.err) == (2, "")
    assert ": 1 change, 0 unchanged" in answer.out.splitlines()[0]
    assert f"+ ConfigMap {namespace}/a" in answer.out
    assert "a.yaml:1" in answer.out


async def test_a_plan_writes_nothing(devcluster: DevCluster, cluster: Client, namespace: str, tmp_path: Path) -> None:
    """Neither an object, nor an installation."""
    await plan(devcluster, namespace, folder(tmp_path, {"a.yaml": config_map("a", k="1")}))
    kept = [item async for page, _ in objects.list_pages(cluster, SECRETS, namespace=namespace) for item in page]
    ours = [item async for page, _ in objects.list_pages(cluster, CONFIG_MAPS, namespace=namespace) for item in page]
    assert kept == []
    assert [json.loads(item)["metadata"]["name"] for item in ours] in ([], ["kube-root-ca.crt"])


async def test_what_kubectl_applied_alike_is_equal(devcluster: DevCluster, cluster: Client, namespace: str, tmp_path: Path) -> None:
    """Without any controller or state: exit status 0 where the cluster is as the folder says, defaults and all."""
    made = folder(tmp_path, {"a.yaml": config_map("a", k="1"), "d.yaml": deployment("d")})
    await put(cluster, namespace, config_map("a", k="1"))
    await put(cluster, namespace, deployment("d"), DEPLOYMENTS)
    answer = await plan(devcluster, namespace, made)
    assert answer.status == 0, answer
    assert "nothing to change, 2 unchanged" in answer.out


async def test_what_kubectl_applied_otherwise_is_shown(devcluster: DevCluster, cluster: Client, namespace: str, tmp_path: Path) -> None:
    """An object that is there already is adopted, and its true field changes are told, removed fields too."""
    await put(cluster, namespace, config_map("a", k="1", gone="x"))
    answer = await plan(devcluster, namespace, folder(tmp_path, {"a.yaml": config_map("a", k="2")}), "-o", "json")
    assert answer.status == 2
    (action,) = answer.json["actions"]
    assert (action["verb"], action["reason"]) == ("adopt", "is there already")
    assert {(c["path"], c.get("before"), c.get("after")) for c in action["changes"]} == {("data.k", "1", "2"), ("data.gone", "x", None)}


async def test_defaults_are_no_change(devcluster: DevCluster, cluster: Client, namespace: str, tmp_path: Path) -> None:
    """Only what differs is shown of a Deployment, with what it does to the pods."""
    await put(cluster, namespace, deployment("d"), DEPLOYMENTS)
    made = folder(tmp_path, {"d.yaml": deployment("d", replicas=3)})
    (action,) = (await plan(devcluster, namespace, made, "-o", "json")).json["actions"]
    assert [(c["path"], c["before"], c["after"]) for c in action["changes"]] == [("spec.replicas", 1, 3)]
    assert action["consequence"].startswith("2 pods more")


async def test_an_immutable_field_is_a_problem_of_its_object_alone(
    devcluster: DevCluster, cluster: Client, namespace: str, tmp_path: Path
) -> None:
    """The API server's own refusal, on that action; the others stand."""
    await put(cluster, namespace, deployment("d"), DEPLOYMENTS)
    other = deployment("d").replace('"app": "d"', '"app": "e"')
    answer = await plan(devcluster, namespace, folder(tmp_path, {"d.yaml": other, "a.yaml": config_map("a")}), "-o", "json")
    problems = {a["key"]["kind"]: a.get("problem", "") for a in answer.json["actions"]}
    assert answer.status == 2
    assert "field is immutable" in problems["Deployment"]
    assert not problems["ConfigMap"]


async def test_what_validation_refuses_is_a_problem(devcluster: DevCluster, namespace: str, tmp_path: Path) -> None:
    """Found before anything is applied."""
    made = folder(tmp_path, {"d.yaml": deployment("d", replicas=-1), "e.yaml": deployment("e").replace('"image"', '"imagee"')})
    answer = await plan(devcluster, namespace, made)
    assert answer.status == 2
    assert "spec.replicas" in answer.out
    assert "imagee" in answer.out
    assert answer.out.count("problem:") == 2


async def test_another_applications_object_is_a_problem(devcluster: DevCluster, namespace: str, tmp_path: Path) -> None:
    """Both owners are named."""
    made = folder(tmp_path, {"a.yaml": config_map("a", k="1")})
    assert (await typed("apply", made, "--kubeconfig", devcluster.kubeconfig, "-n", namespace, "--name", "one")).status == 0
    answer = await plan(devcluster, namespace, folder(tmp_path, {"a.yaml": config_map("a", k="2")}), "--name", "two")
    assert answer.status == 2
    assert f"belongs to Application {namespace}/one" in answer.out


@pytest.mark.parametrize("form", ["text", "json", "yaml", "markdown"])
async def test_secrets_are_masked(devcluster: DevCluster, cluster: Client, namespace: str, tmp_path: Path, form: str) -> None:
    """No form of a plan shows a value, neither the old nor the new one, plain or encoded."""
    secret = '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "%s"}}'
    await put(cluster, namespace, secret % "open-sesame", SECRETS)
    answer = await plan(devcluster, namespace, folder(tmp_path, {"s.yaml": secret % "new-sesame"}), "-o", form)
    assert answer.status == 2
    assert "bytes" in answer.out
    for word in ("open-sesame", "new-sesame"):
        assert word not in answer.out + answer.err
        assert base64.b64encode(word.encode()).decode() not in answer.out + answer.err


async def test_a_namespace_that_is_not_there_yet(devcluster: DevCluster, namespace: str, tmp_path: Path) -> None:
    """Its contents cannot be asked about; that is said, and is no error."""
    space = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{namespace}-new"}})
    inside = config_map("a").replace('"name": "a"', f'"name": "a", "namespace": "{namespace}-new"')
    answer = await plan(devcluster, namespace, folder(tmp_path, {"n.yaml": space, "a.yaml": inside}))
    assert answer.status == 2
    assert "cannot be checked before" in answer.out
    assert "problem" not in answer.out


async def test_a_definition_that_is_not_there_yet(devcluster: DevCluster, namespace: str, tmp_path: Path) -> None:
    """The same for an instance of it."""
    group = f"{namespace}.example.com"
    made = folder(tmp_path, {"d.yaml": definition(group), "t.yaml": till(group)})
    answer = await plan(devcluster, namespace, made)
    assert answer.status == 2, answer
    assert "cannot be checked before" in answer.out


def definition(group: str) -> str:
    """A CustomResourceDefinition."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    spec = {
        "group": group,
        "scope": "Namespaced",
        "names": {"kind": "Till", "plural": "tills"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
    }
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"tills.{group}"}}
    return json.dumps({**head, "spec": spec})


def till(group: str) -> str:
    """An instance of it."""
    return json.dumps({"apiVersion": f"{group}/v1", "kind": "Till", "metadata": {"name": "t"}, "spec": {"drawers": 2}})


async def test_a_cluster_that_does_not_answer_is_an_error(devcluster: DevCluster, tmp_path: Path) -> None:
    """Exit status 1, one sentence; never "everything is new"."""
    away = tmp_path / "kubeconfig"
    away.write_text(devcluster.kubeconfig.read_text().replace(devcluster.server, "https://127.0.0.1:1"))
    answer = await typed("plan", folder(tmp_path / "f", {"a.yaml": config_map("a")}), "--kubeconfig", away)
    assert (answer.status, answer.out) == (1, "")
    assert "127.0.0.1:1" in answer.err
    assert answer.err.count("\n") == 1


async def test_the_local_grade_asks_nothing(devcluster: DevCluster, namespace: str, tmp_path: Path) -> None:
    """`--grade local` compares with what was applied last: the plan that the controller makes."""
    made = folder(tmp_path, {"a.yaml": config_map("a", k="1"), "b.yaml": config_map("b")})
    await typed("apply", made, "--kubeconfig", devcluster.kubeconfig, "-n", namespace, "--name", "x")
    folder(made, {"a.yaml": config_map("a", k="2")})
    local = (await plan(devcluster, namespace, made, "--name", "x", "--grade", "local", "-o", "json")).json
    checked = (await plan(devcluster, namespace, made, "--name", "x", "-o", "json")).json
    assert (local["grade"], checked["grade"]) == ("Local", "Checked")
    assert local["digest"] == checked["digest"]
    assert local["actions"][0]["changes"] == checked["actions"][0]["changes"]


async def test_the_folder_renders_to_what_the_controller_applies(fleet: Fleet, devcluster: DevCluster) -> None:
    """The desired set is the same, digest by digest: seeded values, Secrets and all."""
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: {{ randAlphaNum 9 }}}\n"
    chart(fleet.work / "apps/a", {"s.yaml": secret, "a.yaml": config_map("a", r="{{ .Release.Name }}")})
    await fleet.push({})
    await fleet.application("a", destination={})
    await fleet.settled("a")
    await fleet.stop()
    (applied,) = (await Keeper(fleet.admin, fleet.control).load_all()).values()
    assert isinstance(applied, State)
    flags = SourceFlags(namespace=fleet.control)
    async with target(fleet.work / "apps/a", flags, ClusterFlags(kubeconfig=devcluster.kubeconfig), seconds=10) as found:
        assert [(d.key, d.digest) for d in found.wanted.desired] == [(d.key, d.digest) for d in applied.current.desired]
        assert found.planned.plan.equal
        assert found.planned.plan.unchanged == 2


async def test_a_plan_for_an_application_is_the_controllers_plan(fleet: Fleet, devcluster: DevCluster) -> None:
    """What a person reads before the push is, by its digest, what the controller then wants approved."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1"), "apps/a/b.yaml": config_map("b")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.application("a", sync={"mode": "Manual"})
    await fleet.quiet()
    folder(fleet.work / "apps/a", {"a.yaml": config_map("a", k="2")})
    flags = ["--kubeconfig", devcluster.kubeconfig, "-n", fleet.control, "--application", "a", "-o", "json"]
    before = await spawned("plan", fleet.work / "apps/a", *flags)
    await fleet.push({})
    status = await fleet.settled("a", "Waiting")
    assert before.status == 2, before
    assert before.json["digest"] == status["plan"]["digest"]


async def test_in_a_clone_the_folder_is_its_applications_source(fleet: Fleet, devcluster: DevCluster) -> None:
    """`trimtab plan PATH`, and nothing else, says what a push would do."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1"), "apps/a/b.yaml": config_map("b")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.quiet()
    folder(fleet.work / "apps/a", {"a.yaml": config_map("a", k="2")})
    answer = await spawned("plan", fleet.work / "apps/a", "--kubeconfig", devcluster.kubeconfig)
    assert answer.status == 2, answer
    assert answer.out.startswith("a: 1 change, 1 unchanged")
    assert f"~ ConfigMap {fleet.target}/a" in answer.out
    assert "apps/a/a.yaml:1" in answer.out


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/acme/fleet.git",
        "https://bot@git.example.com/acme/fleet",
        "ssh://git@git.example.com/acme/fleet.git",
        "git@git.example.com:acme/fleet.git",
        "git@git.example.com:/acme/fleet/",
    ],
)
def test_one_repository_has_many_addresses(url: str) -> None:
    """A clone by SSH is a clone of what a Repository fetches by HTTPS."""
    assert address(url) == "git.example.com/acme/fleet"


async def test_one_source_of_several(fleet: Fleet, devcluster: DevCluster) -> None:
    """An Application of two folders: one is planned with the other as it is beside it; a third is none of its."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1"), "apps/b/b.yaml": config_map("b"), "apps/c/c.yaml": config_map("c")})
    sources = [{"name": p[-1], "repositoryRef": {"name": "fleet"}, "path": p} for p in ("apps/a", "apps/b")]
    await fleet.application("two", sources=sources)
    await fleet.settled("two")
    await fleet.quiet()
    folder(fleet.work / "apps/a", {"a.yaml": config_map("a", k="2")})
    flags = ["--kubeconfig", devcluster.kubeconfig, "--application", f"{fleet.control}/two"]
    assert (await spawned("plan", fleet.work / "apps/b", *flags)).out.startswith("two: 1 change, 1 unchanged")
    answer = await spawned("plan", fleet.work / "apps/c", *flags)
    assert (answer.status, answer.out) == (1, "")
    assert "has no source apps/c; it has apps/a, apps/b" in answer.err


async def test_a_source_from_elsewhere_is_said(fleet: Fleet, devcluster: DevCluster) -> None:
    """A folder cannot stand for two repositories: an error, not half a plan."""
    sources = [{"name": name, "repositoryRef": {"name": name}, "path": "apps/a"} for name in ("fleet", "charts")]
    await fleet.application("a", sources=sources)
    await fleet.push({"apps/a/a.yaml": config_map("a")})
    answer = await spawned("plan", fleet.work / "apps/a", "--kubeconfig", devcluster.kubeconfig, "--application", f"{fleet.control}/a")
    assert (answer.status, answer.out) == (1, "")
    assert "also takes from Repository charts" in answer.err


async def test_an_application_that_is_not_there(devcluster: DevCluster, namespace: str, tmp_path: Path) -> None:
    """It is named in full."""
    answer = await plan(devcluster, namespace, folder(tmp_path, {"a.yaml": config_map("a")}), "--application", "gone")
    assert (answer.status, answer.out) == (1, "")
    assert f"There is no Application {namespace}/gone" in answer.err
