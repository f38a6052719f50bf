"""Drift: what people do by hand is put back, what others may do is let be (design: rule 3)."""

from __future__ import annotations

import json

from tests.support.fleet import CONFIG_MAPS, DEPLOYMENTS, SECRETS, SERVICES, Fleet, config_map, deployment

from trimtab.api.meta import LABEL, OWNER
from trimtab.cluster import objects
from trimtab.cluster.resources import Resource

ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", namespaced=True)


async def _start(fleet: Fleet, **files: str) -> None:
    await fleet.push({f"apps/a/{name}.yaml": text for name, text in files.items()})
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.quiet(0.3)


async def test_an_edited_field_is_put_back(fleet: Fleet) -> None:
    """A field of ours that a person changes is changed back."""
    await _start(fleet, a=config_map("a", k="1"))
    await fleet.patch(CONFIG_MAPS, "a", {"data": {"k": "2"}}, manager="kubectl-edit")
    await fleet.until_data("a", {"k": "1"})


async def test_a_key_that_a_person_added_is_taken_out(fleet: Fleet) -> None:
    """A re-apply alone would leave it for ever: nobody applied it."""
    await _start(fleet, a=config_map("a", k="1"))
    await fleet.patch(CONFIG_MAPS, "a", {"data": {"extra": "x"}})
    await fleet.until_data("a", {"k": "1"})


async def test_a_sidecar_that_a_person_added_is_taken_out(fleet: Fleet) -> None:
    """An added list item is drift like an added key."""
    await _start(fleet, a=deployment("a"))
    patch = [{"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "spy", "image": "spy:1"}}]
    await objects.json_patch(fleet.admin, DEPLOYMENTS, fleet.target, "a", patch, manager="kubectl-edit")

    async def alone() -> bool:
        found = await fleet.get(DEPLOYMENTS, "a")
        return found is not None and len(found["spec"]["template"]["spec"]["containers"]) == 1

    await fleet.until(alone)


async def test_a_deleted_object_comes_back(fleet: Fleet) -> None:
    """What Git declares exists."""
    await _start(fleet, a=config_map("a", k="1"))
    found = await fleet.get(CONFIG_MAPS, "a")
    assert found is not None
    await objects.delete(fleet.admin, CONFIG_MAPS, fleet.target, "a", uid=found["metadata"]["uid"])
    await fleet.until_data("a", {"k": "1"})


async def test_the_label_taken_off_comes_back(fleet: Fleet) -> None:
    """The label narrows the watch, so its loss looks like a deletion; one GET tells the truth and nothing is lost."""
    await _start(fleet, a=config_map("a", k="1"))
    await fleet.patch(CONFIG_MAPS, "a", {"metadata": {"labels": {LABEL: None}}})

    async def labelled() -> bool:
        found = await fleet.get(CONFIG_MAPS, "a")
        return found is not None and LABEL in found["metadata"].get("labels", {})

    await fleet.until(labelled)


async def test_managed_fields_stripped_is_mended_and_not_equal(fleet: Fleet) -> None:
    """An entry of ours that is absent means: apply once more, never equal."""
    await _start(fleet, a=config_map("a", k="1"))
    await fleet.patch(CONFIG_MAPS, "a", {"metadata": {"managedFields": [{}]}, "data": {"k": "2"}})
    await fleet.until_data("a", {"k": "1"})


async def test_rollout_restart_is_let_be(fleet: Fleet) -> None:
    """`kubectl rollout restart` is an action, not a change of the configuration."""
    await _start(fleet, a=deployment("a"))
    stamp = {"kubectl.kubernetes.io/restartedAt": "2026-01-31T09:00:00Z"}
    patch = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
    await fleet.patch(DEPLOYMENTS, "a", patch, manager="kubectl-rollout")
    await fleet.quiet()
    found = await fleet.get(DEPLOYMENTS, "a")
    assert found is not None
    assert found["spec"]["template"]["metadata"]["annotations"] == stamp


async def test_an_unknown_managers_extra_field_is_reported_and_kept(fleet: Fleet) -> None:
    """Who nobody knows may keep what is not ours; the status names it."""
    await _start(fleet, a=config_map("a", k="1"))
    await fleet.patch(CONFIG_MAPS, "a", {"data": {"theirs": "x"}}, manager="mystery-operator")

    async def named() -> bool:
        return "mystery-operator" in (await fleet.status("a")).get("message", "")

    await fleet.until(named, tell=lambda: fleet.status("a"))
    await fleet.until_data("a", {"k": "1", "theirs": "x"})


async def test_an_unknown_manager_never_wins_our_fields(fleet: Fleet) -> None:
    """Our own field goes back to what Git says."""
    await _start(fleet, a=config_map("a", k="1"))
    await fleet.patch(CONFIG_MAPS, "a", {"data": {"k": "theirs"}}, manager="mystery-operator")
    await fleet.until_data("a", {"k": "1"})


async def test_string_data_is_no_drift(fleet: Fleet) -> None:
    """`stringData` becomes `data` before planning, so a Secret is equal after its first apply."""
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"p": "hunter2"}}
    await _start(fleet, s=json.dumps(manifest))
    before = fleet.writes().get("apply", 0)
    await fleet.patch(SECRETS, "s", {"data": {"p": "b3RoZXI="}})

    async def back() -> bool:
        found = await fleet.get(SECRETS, "s")
        return found is not None and found["data"] == {"p": "aHVudGVyMg=="}

    await fleet.until(back)
    await fleet.quiet()
    assert fleet.writes()["apply"] == before + 1


async def test_children_that_copy_our_label_are_not_ours(fleet: Fleet) -> None:
    """An EndpointSlice copies its Service's labels; it is neither drift nor prey."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"selector": {"app": "d"}, "ports": [{"port": 80}]},
    }
    await _start(fleet, s=json.dumps(service), d=deployment("d"))

    async def slices() -> int:
        selector = f"kubernetes.io/service-name=s,{LABEL}"
        pages = objects.list_pages(fleet.admin, ENDPOINT_SLICES, namespace=fleet.target, label_selector=selector)
        return sum([len(page) async for page, _ in pages])

    async def copied() -> bool:
        return await slices() == 1

    await fleet.until(copied)
    await fleet.push({"apps/a/d.yaml": None})
    await fleet.quiet()
    assert await slices() == 1
    assert await fleet.get(SERVICES, "s") is not None


async def test_a_removed_owner_annotation_comes_back(fleet: Fleet) -> None:
    """The annotation is a field of ours like any other."""
    await _start(fleet, a=config_map("a", k="1"))
    await fleet.patch(CONFIG_MAPS, "a", {"metadata": {"annotations": {OWNER: None}}})

    async def owned() -> bool:
        found = await fleet.get(CONFIG_MAPS, "a")
        return found is not None and OWNER in found["metadata"].get("annotations", {})

    await fleet.until(owned)
