"""Honest ownership: who may write which field (design: rule 4)."""

from __future__ import annotations

import json

from tests.support import cluster as support
from tests.support.fleet import CONFIG_MAPS, DEPLOYMENTS, Fleet, config_map, deployment

from trimtab.cluster import objects
from trimtab.cluster.resources import Resource

SCALERS = Resource("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", namespaced=True)


async def test_a_second_application_on_the_same_object_is_refused_and_both_are_named(fleet: Fleet) -> None:
    """The API server itself refuses the unforced first apply."""
    await fleet.push({"apps/a/a.yaml": config_map("shared", k="1"), "apps/b/a.yaml": config_map("shared", k="1")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.application("b")

    async def refused() -> bool:
        return (await fleet.status("b")).get("synced") == "Failed"

    await fleet.until(refused, tell=lambda: fleet.status("b"))
    status = await fleet.status("b")
    assert f"{fleet.control}/a" in status["message"]
    assert "ConfigMap" in status["message"]
    await fleet.quiet()
    assert (await fleet.status("a"))["synced"] == "Equal"


async def test_an_object_made_by_kubectl_is_taken_over(fleet: Fleet) -> None:
    """Client-side apply's fields become ours; what Git does not have goes."""
    old = json.loads(config_map("a", k="old", gone="x"))
    await objects.create(fleet.admin, CONFIG_MAPS, fleet.target, json.dumps(old).encode(), manager="kubectl-client-side-apply")
    await fleet.push({"apps/a/a.yaml": config_map("a", k="new")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.until_data("a", {"k": "new"})


async def test_replicas_that_an_autoscaler_drives_are_left_to_it(fleet: Fleet) -> None:
    """Git still says replicas; the autoscaler has taken the field over by the scale subresource: no fight, no drift."""
    await _autoscaler(fleet)
    await fleet.push({"apps/a/d.yaml": deployment("d", replicas=1)})
    await fleet.application("a")
    await fleet.settled("a")
    scale = json.dumps({"spec": {"replicas": 3}}).encode()
    await objects.merge_patch(fleet.admin, DEPLOYMENTS, fleet.target, "d", scale, manager="kube-controller-manager", subresource="scale")
    await fleet.quiet(1.0)
    found = await fleet.get(DEPLOYMENTS, "d")
    assert found is not None
    assert found["spec"]["replicas"] == 3
    await fleet.push({"apps/a/d.yaml": deployment("d", replicas=1, image="app:2")})

    await fleet.until(lambda: _runs(fleet, "app:2"))
    found = await fleet.get(DEPLOYMENTS, "d")
    assert found is not None
    assert found["spec"]["replicas"] == 3


async def test_replicas_that_git_drops_are_handed_over_to_the_autoscaler(fleet: Fleet) -> None:
    """Dropping the field must not mean the default of one pod in between."""
    await _autoscaler(fleet)
    await fleet.push({"apps/a/d.yaml": deployment("d", replicas=4)})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.push({"apps/a/d.yaml": deployment("d", replicas=None, image="app:2")})
    await fleet.until(lambda: _runs(fleet, "app:2"))
    assert await _replicas(fleet) == 4


async def test_replicas_are_taken_back_when_the_autoscaler_is_gone(fleet: Fleet) -> None:
    """Its entry outlives it; the field is Git's again."""
    await _autoscaler(fleet)
    await fleet.push({"apps/a/d.yaml": deployment("d", replicas=1)})
    await fleet.application("a")
    await fleet.settled("a")
    await _scale(fleet, 3)
    await fleet.quiet(1.0)
    await support.drop(fleet.admin, SCALERS, fleet.target, "d")
    await fleet.push({"apps/a/d.yaml": deployment("d", replicas=2, image="app:2")})
    await fleet.until(lambda: _runs(fleet, "app:2"))
    assert await _replicas(fleet) == 2


async def _autoscaler(fleet: Fleet) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 5}
    body = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "d"}, "spec": spec}
    await objects.create(fleet.admin, SCALERS, fleet.target, json.dumps(body).encode())


async def _scale(fleet: Fleet, replicas: int) -> None:
    """As the autoscaler does: through the scale subresource."""
    body = json.dumps({"spec": {"replicas": replicas}}).encode()
    await objects.merge_patch(fleet.admin, DEPLOYMENTS, fleet.target, "d", body, manager="kube-controller-manager", subresource="scale")


async def _replicas(fleet: Fleet) -> int:
    found = await fleet.get(DEPLOYMENTS, "d")
    assert found is not None
    return int(found["spec"]["replicas"])


async def _runs(fleet: Fleet, image: str) -> bool:
    found = await fleet.get(DEPLOYMENTS, "d")
    return found is not None and found["spec"]["template"]["spec"]["containers"][0]["image"] == image


async def test_a_recreated_object_is_taken_up_again(fleet: Fleet) -> None:
    """Somebody deletes and re-creates an object of ours by hand: another uid, and still what Git declares."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.stop()
    found = await fleet.get(CONFIG_MAPS, "a")
    assert found is not None
    await objects.delete(fleet.admin, CONFIG_MAPS, fleet.target, "a", uid=found["metadata"]["uid"])
    other = json.loads(config_map("a", k="2"))
    other["metadata"]["labels"] = found["metadata"]["labels"]
    other["metadata"]["annotations"] = found["metadata"]["annotations"]
    await objects.create(fleet.admin, CONFIG_MAPS, fleet.target, json.dumps(other).encode(), manager="kubectl-create")
    await fleet.start()
    await fleet.until_data("a", {"k": "1"})


async def test_an_object_recreated_by_another_owner_is_not_pruned(fleet: Fleet) -> None:
    """A deletion is of the object that we applied, by uid, never of a namesake."""
    await fleet.push({"apps/a/a.yaml": config_map("a", k="1"), "apps/a/b.yaml": config_map("b")})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.stop()
    found = await fleet.get(CONFIG_MAPS, "a")
    assert found is not None
    await objects.delete(fleet.admin, CONFIG_MAPS, fleet.target, "a", uid=found["metadata"]["uid"])
    await objects.create(fleet.admin, CONFIG_MAPS, fleet.target, config_map("a", k="theirs").encode(), manager="other")
    await fleet.push({"apps/a/a.yaml": None})
    await fleet.start()
    await fleet.settled("a")
    await fleet.quiet()
    await fleet.until_data("a", {"k": "theirs"})
