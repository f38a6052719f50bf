"""What the commands that look say."""

from __future__ import annotations

import json

import pytest
from tests.cli.remote.conftest import Trimtab
from tests.support.fleet import CONFIG_MAPS, Fleet, config_map, deployment

from trimtab.cluster import objects

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_get_shows_what_is_equal_and_at_which_commit(served: Fleet, trimtab: Trimtab) -> None:
    """One line an Application: namespace, name, synced, health, and the newest commit of its Repository."""
    oid = await served.push({"apps/looked/a.yaml": config_map("looked")})
    await served.application("looked")
    await served.settled("looked")
    ran = await trimtab("get", "looked")
    head, row = ran.output.splitlines()
    assert head.split() == ["NAMESPACE", "APPLICATION", "SYNCED", "HEALTH", "REVISION", "AGE"]
    assert f"{served.control}  looked       ● equal  ● healthy  main@{oid[:7]}" in row
    assert ran.status == 0


async def test_get_says_what_is_the_matter(served: Fleet, trimtab: Trimtab) -> None:
    """An Application that cannot be rendered shows a cross and the sentence."""
    await served.push({"apps/torn/a.yaml": "kind: [\n"})
    await served.application("torn")

    async def told() -> bool:
        return "YAML" in (await served.status("torn")).get("message", "")

    await served.until(told, tell=lambda: served.status("torn"))
    ran = await trimtab("get", "torn", "-o", "wide")
    assert "✗ failed" in ran.output
    assert "apps/torn/a.yaml" in ran.output


async def test_get_as_json_is_the_resource_itself(served: Fleet, trimtab: Trimtab) -> None:
    """A program reads what `kubectl get -o json` would give of it."""
    await served.push({"apps/machine/a.yaml": config_map("machine")})
    await served.application("machine")
    await served.settled("machine")
    found = json.loads((await trimtab("get", "machine", "-o", "json")).output)
    assert (found["apiVersion"], found["kind"], found["metadata"]["name"]) == ("trimtab.dev/v1alpha1", "Application", "machine")
    assert found["status"]["synced"] == "Equal"


async def test_get_repositories_shows_the_newest_commit(served: Fleet, trimtab: Trimtab) -> None:
    """The second table."""
    ran = await trimtab("get", "repositories")
    assert served.url in ran.output
    assert "● fetched" in ran.output


async def test_an_unknown_name_gets_the_nearest_ones(served: Fleet, trimtab: Trimtab) -> None:
    """One sentence, exit status 1."""
    await served.push({"apps/payments/a.yaml": config_map("payments")})
    await served.application("payments")
    await served.settled("payments")
    ran = await trimtab("tree", "payment")
    assert ran.status == 1
    assert ran.errors == f"✗ There is no Application {served.control}/payment. Did you mean payments?\n"


async def test_get_finds_no_kubeconfig_in_one_sentence(trimtab: Trimtab) -> None:
    """An error names what is missing and how to mend it."""
    ran = await trimtab("get", "--context", "nowhere")
    assert ran.status == 1
    assert ran.errors.startswith("✗ The kubeconfig ")
    assert ran.errors.count("\n") == 1


async def test_tree_goes_down_to_the_pods(served: Fleet, trimtab: Trimtab) -> None:
    """The application, its objects, their children, each with its health."""
    await served.push({"apps/family/a.yaml": deployment("family", replicas=2)})
    await served.application("family")
    await served.settled("family")
    lines = (await trimtab("tree", "family")).output.splitlines()
    assert [line.count("● healthy") for line in lines] == [1, 1, 1, 1, 1]
    assert [word in line for word, line in zip(("Application", "Deployment", "ReplicaSet", "Pod", "Pod"), lines, strict=True)] == [True] * 5


async def test_tree_names_the_cause_at_each_level(served: Fleet, trimtab: Trimtab) -> None:
    """A pod that crashes is the reason that its workload gives."""
    await served.push({"apps/crashing/a.yaml": deployment("crashing", annotations={"dev.trimtab.dev/waiting": "CrashLoopBackOff"})})
    await served.application("crashing")
    await served.settled("crashing", "Equal", "Progressing")
    ran = await trimtab("tree", "crashing", "-o", "json")
    (node,) = json.loads(ran.output)["objects"]
    assert node["key"]["kind"] == "Deployment"
    assert "CrashLoopBackOff" in node["health"]["message"]


async def test_an_object_that_is_gone_is_missing(served: Fleet, trimtab: Trimtab) -> None:
    """While a suspension keeps the controller from putting it back."""
    await served.push({"apps/holed/a.yaml": config_map("holed")})
    await served.application("holed")
    await served.settled("holed")
    await trimtab("suspend", "holed", "--reason", "A hole is wanted")
    await served.settled("holed", "Suspended")
    await _remove(served, "holed")
    assert "ConfigMap" in (ran := await trimtab("tree", "holed")).output
    assert "✗ missing" in ran.output


async def _remove(served: Fleet, name: str) -> None:
    found = await served.get(CONFIG_MAPS, name)
    assert found is not None
    await objects.delete(served.admin, CONFIG_MAPS, served.target, name, uid=found["metadata"]["uid"])
