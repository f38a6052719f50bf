"""The verbs, against the real API server."""

from __future__ import annotations

import json

import pytest
from tests.support.cluster import CONFIG_MAPS, SECRETS, apply, config_map, encode

from trimtab.cluster import errors, objects
from trimtab.cluster.client import Client


async def test_an_applied_object_can_be_read(cluster: Client, namespace: str) -> None:
    """Apply creates, get reads the same."""
    applied = await apply(cluster, config_map("a", namespace, {"k": "v"}), CONFIG_MAPS)
    assert await objects.get_json(cluster, CONFIG_MAPS, namespace, "a") == applied


async def test_a_conflict_names_field_and_manager(cluster: Client, namespace: str) -> None:
    """An unforced apply over another manager's field is refused by the server, and the error says which field and whose."""
    await apply(cluster, config_map("a", namespace, {"k": "one"}), CONFIG_MAPS, manager="first")
    with pytest.raises(errors.ConflictError) as refused:
        await apply(cluster, config_map("a", namespace, {"k": "two"}), CONFIG_MAPS, manager="second")
    [(field, message)] = refused.value.causes
    assert field == ".data.k"
    assert '"first"' in message
    assert f"configmaps {namespace}/a" in str(refused.value)


async def test_a_forced_apply_takes_the_field_over(cluster: Client, namespace: str) -> None:
    """With force the value is ours."""
    await apply(cluster, config_map("a", namespace, {"k": "one"}), CONFIG_MAPS, manager="first")
    applied = await apply(cluster, config_map("a", namespace, {"k": "two"}), CONFIG_MAPS, manager="second", force=True)
    assert applied["data"] == {"k": "two"}


async def test_a_dry_run_changes_nothing(cluster: Client, namespace: str) -> None:
    """Dry-run answers as if, and leaves nothing behind."""
    body = encode(config_map("a", namespace))
    await objects.apply(cluster, CONFIG_MAPS, namespace, "a", body, manager="tests", force=False, dry_run=True)
    with pytest.raises(errors.NotFoundError) as missing:
        await objects.get(cluster, CONFIG_MAPS, namespace, "a")
    assert not missing.value.of_kind


async def test_an_unknown_path_is_an_unknown_kind(cluster: Client) -> None:
    """404 without an object's name means that the kind is not there."""
    with pytest.raises(errors.NotFoundError) as missing:
        await cluster.request("GET", "/apis/nobody.example/v1/things/a")
    assert missing.value.of_kind


async def test_creating_twice_says_so(cluster: Client, namespace: str) -> None:
    """Create of an object that is there is AlreadyExistsError, not a bare conflict."""
    body = encode(config_map("a", namespace))
    await objects.create(cluster, CONFIG_MAPS, namespace, body)
    with pytest.raises(errors.AlreadyExistsError):
        await objects.create(cluster, CONFIG_MAPS, namespace, body)


async def test_replacing_an_old_version_is_a_conflict(cluster: Client, namespace: str) -> None:
    """A resourceVersion in the body makes replace conditional."""
    first = await apply(cluster, config_map("a", namespace, {"k": "1"}), CONFIG_MAPS)
    await objects.merge_patch(cluster, CONFIG_MAPS, namespace, "a", encode({"data": {"k": "2"}}))
    with pytest.raises(errors.ConflictError):
        await objects.replace(cluster, CONFIG_MAPS, namespace, "a", encode(first))


async def test_json_patch_changes_one_place(cluster: Client, namespace: str) -> None:
    """RFC 6902 operations go through; a test that fails is an InvalidError."""
    await apply(cluster, config_map("a", namespace, {"k": "1"}), CONFIG_MAPS)
    patched = await objects.json_patch(cluster, CONFIG_MAPS, namespace, "a", [{"op": "add", "path": "/data/l", "value": "2"}])
    assert json.loads(patched)["data"] == {"k": "1", "l": "2"}
    with pytest.raises(errors.InvalidError):
        await objects.json_patch(cluster, CONFIG_MAPS, namespace, "a", [{"op": "test", "path": "/data/k", "value": "9"}])


async def test_delete_spares_a_namesake(cluster: Client, namespace: str) -> None:
    """A delete with the uid of an object that is gone does not touch the one that took its name."""
    old = await apply(cluster, config_map("a", namespace), CONFIG_MAPS)
    await objects.delete(cluster, CONFIG_MAPS, namespace, "a", uid=old["metadata"]["uid"])
    await apply(cluster, config_map("a", namespace), CONFIG_MAPS)
    with pytest.raises(errors.ConflictError):
        await objects.delete(cluster, CONFIG_MAPS, namespace, "a", uid=old["metadata"]["uid"])
    await objects.get(cluster, CONFIG_MAPS, namespace, "a")


async def test_delete_must_say_whom(cluster: Client) -> None:
    """Without a uid nothing is sent."""
    with pytest.raises(ValueError, match="must say the uid"):
        await objects.delete(cluster, CONFIG_MAPS, "default", "a", uid="")


async def test_delete_can_ask_for_a_version(cluster: Client, namespace: str) -> None:
    """With a resourceVersion an object that changed meanwhile is not deleted."""
    old = await apply(cluster, config_map("a", namespace, {"k": "1"}), CONFIG_MAPS)
    await objects.merge_patch(cluster, CONFIG_MAPS, namespace, "a", encode({"data": {"k": "2"}}))
    metadata = old["metadata"]
    with pytest.raises(errors.ConflictError):
        await objects.delete(cluster, CONFIG_MAPS, namespace, "a", uid=metadata["uid"], resource_version=metadata["resourceVersion"])


async def test_a_list_comes_in_pages_of_one_version(cluster: Client, namespace: str) -> None:
    """All pages together are the list, at one resourceVersion, narrowed by the label."""
    for number in range(5):
        await apply(cluster, config_map(f"a{number}", namespace, labels={"set": "yes"}), CONFIG_MAPS)
    pages = [page async for page in objects.list_pages(cluster, CONFIG_MAPS, namespace=namespace, label_selector="set=yes", limit=2)]
    assert [len(items) for items, _ in pages] == [2, 2, 1]
    assert len({version for _, version in pages}) == 1


async def test_a_long_list_comes_compressed(cluster: Client, namespace: str) -> None:
    """The server compresses what is long when asked to, and we read it."""
    for number in range(4):
        await apply(cluster, config_map(f"a{number}", namespace, {"k": "v" * 100_000}), CONFIG_MAPS)
    answer = await cluster.request("GET", CONFIG_MAPS.path(namespace), compressed=True)
    assert answer.headers["Content-Encoding"] == "gzip"
    items, _, _ = objects.read_page(answer.body, "")
    assert sum(len(json.loads(item).get("data", {}).get("k", "")) for item in items) == 400_000


async def test_a_field_selector_narrows(cluster: Client, namespace: str) -> None:
    """metadata.name selects one."""
    await apply(cluster, config_map("a", namespace), CONFIG_MAPS)
    [(items, _)] = [p async for p in objects.list_pages(cluster, CONFIG_MAPS, namespace=namespace, field_selector="metadata.name=a")]
    assert [json.loads(item)["metadata"]["name"] for item in items] == ["a"]


@pytest.mark.parametrize(
    "broken",
    [
        {"data": {"password": "tiger-is-not-base64!"}},
        {"stringData": {"password": {"tiger": "tiger"}}},
        {"data": {"password": 1234567}, "stringData": {"password": "tiger"}},
    ],
    ids=["no base64", "an object for a string", "a number for a string"],
)
async def test_a_refused_secret_does_not_show_its_values(cluster: Client, namespace: str, broken: dict[str, object]) -> None:
    """Whatever the server quotes of a Secret, the error does not."""
    body = encode({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": namespace}, **broken})
    with pytest.raises(errors.StatusError) as by_apply:
        await objects.apply(cluster, SECRETS, namespace, "s", body, manager="tests", force=False)
    with pytest.raises(errors.StatusError) as by_create:
        await objects.create(cluster, SECRETS, namespace, body)
    for error in (by_apply.value, by_create.value):
        shown = f"{error} {error.detail} {error.status} {error.causes}"
        assert "tiger" not in shown
        assert "1234567" not in shown


async def test_a_warning_reaches_the_caller(cluster: Client, namespace: str) -> None:
    """The server's Warning header is read: here about an unknown field, under fieldValidation=Warn."""
    body = encode(config_map("a", namespace) | {"oops": "x"})
    path = CONFIG_MAPS.path(namespace)
    answer = await cluster.request("POST", path, query=[("fieldValidation", "Warn")], body=body)
    assert answer.warnings == ('unknown field "oops"',)


async def test_statistics_count_by_verb(cluster: Client, namespace: str) -> None:
    """Each request is counted under Kubernetes' word for it."""
    before = cluster.statistics().requests
    await apply(cluster, config_map("a", namespace), CONFIG_MAPS)
    await objects.get(cluster, CONFIG_MAPS, namespace, "a")
    after = cluster.statistics().requests
    assert after["apply"] - before.get("apply", 0) == 1
    assert after["get"] - before.get("get", 0) == 1
