"""Order between objects of one push, and what is said while one waits."""

from __future__ import annotations

import json

from tests.support.fleet import CONFIG_MAPS, DEPLOYMENTS, Fleet, config_map, deployment

from trimtab.cluster.resources import Resource


def _definition(group: str) -> str:
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    metadata = {"name": f"widgets.{group}"}
    return json.dumps({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": metadata, "spec": spec})


async def test_a_definition_and_its_instance_come_in_one_push(fleet: Fleet) -> None:
    """The instance waits for its definition, not for another push."""
    group = f"{fleet.target}.example.test"
    widget = json.dumps({"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1}})
    await fleet.push({"apps/a/0-widget.yaml": widget, "apps/a/1-definition.yaml": _definition(group)})
    await fleet.application("a")
    await fleet.settled("a")
    widgets = Resource(group, "v1", "Widget", "widgets", namespaced=True)
    found = await fleet.get(widgets, "w")
    assert found is not None
    assert found["spec"] == {"size": 1}


async def test_an_instance_whose_definition_comes_later_is_bound_late(fleet: Fleet) -> None:
    """An operator installs the kind; the application goes on by itself."""
    group = f"{fleet.target}.example.test"
    widget = json.dumps({"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}})
    await fleet.push({"apps/a/w.yaml": widget, "apps/a/c.yaml": config_map("c", k="1"), "apps/b/d.yaml": _definition(group)})
    await fleet.application("a")
    status = await fleet.settled("a", "Failed")
    assert "serves no kind Widget" in status["message"]
    await fleet.until_data("c", {"k": "1"})
    await fleet.application("b")
    await fleet.settled("a")


async def test_a_namespace_is_made_before_its_content(fleet: Fleet) -> None:
    """`createNamespace` makes an owned object."""
    name = f"{fleet.target}-new"
    await fleet.push({"apps/a/c.yaml": config_map("c", k="1")})
    await fleet.application("a", destination={"namespace": name, "createNamespace": True})
    await fleet.settled("a")
    assert await fleet.get(CONFIG_MAPS, "c", name) is not None


async def test_a_missing_namespace_is_named_with_the_way_out(fleet: Fleet) -> None:
    """One sentence: what, where, how to mend."""
    await fleet.push({"apps/a/c.yaml": config_map("c", k="1")})
    await fleet.application("a", destination={"namespace": f"{fleet.target}-missing"})
    status = await fleet.settled("a", "Failed", "Missing")
    assert f"{fleet.target}-missing" in status["message"]
    assert "createNamespace" in status["message"]


async def test_a_later_wave_waits_for_the_health_of_an_earlier_one(fleet: Fleet) -> None:
    """Explicit waves, Argo CD's annotation as it stands."""
    late = json.loads(config_map("late", k="1"))
    late["metadata"]["annotations"] = {"argocd.argoproj.io/sync-wave": "1"}
    slow = deployment("slow", annotations={"dev.trimtab.dev/ready-after": "1500ms"})
    await fleet.push({"apps/a/slow.yaml": slow, "apps/a/late.yaml": json.dumps(late)})
    await fleet.application("a")

    async def begun() -> bool:
        return await fleet.get(DEPLOYMENTS, "slow") is not None

    await fleet.until(begun)
    assert await fleet.get(CONFIG_MAPS, "late") is None
    await fleet.settled("a")
    await fleet.until_data("late", {"k": "1"})


async def test_a_refused_object_is_told_at_once_and_later_waves_do_not_begin(fleet: Fleet) -> None:
    """Nobody waits for the health of what the API server refused."""
    late = json.loads(config_map("late", k="1"))
    late["metadata"]["annotations"] = {"argocd.argoproj.io/sync-wave": "1"}
    wrong = json.loads(deployment("wrong"))
    wrong["spec"]["selector"] = {"matchLabels": {"app": "another"}}
    await fleet.push({"apps/a/wrong.yaml": json.dumps(wrong), "apps/a/late.yaml": json.dumps(late)})
    await fleet.application("a")
    status = await fleet.settled("a", "Failed", "Missing", seconds=5.0)
    assert "Deployment" in status["message"]
    assert await fleet.get(CONFIG_MAPS, "late") is None


async def test_hooks_are_named_and_not_applied_yet(fleet: Fleet) -> None:
    """Helm's hooks and tests come with the next step; until then they are told."""
    hook = json.loads(config_map("hook"))
    hook["metadata"]["annotations"] = {"helm.sh/hook": "pre-install"}
    await fleet.push({"apps/a/c.yaml": config_map("c", k="1"), "apps/a/h.yaml": json.dumps(hook)})
    await fleet.application("a")
    status = await fleet.settled("a")
    assert "pre-install hook, not applied yet" in status["message"]
    assert await fleet.get(CONFIG_MAPS, "hook") is None


async def test_the_cause_of_failing_health_reaches_the_status(fleet: Fleet) -> None:
    """Down to the pod's own words."""
    crash = {"dev.trimtab.dev/waiting": "ImagePullBackOff", "dev.trimtab.dev/message": "no such image app:9"}
    await fleet.push({"apps/a/d.yaml": deployment("d", annotations=crash)})
    await fleet.application("a", health={"timeout": "3s"})

    async def told() -> bool:
        message = (await fleet.status("a")).get("message", "")
        return "did not become healthy" in message and "ImagePullBackOff" in message and "Pod/" in message

    await fleet.until(told, 15, lambda: fleet.status("a"))
