"""Row K1 of the bad-input corpus: kustomizations that lead in circles, out of the repository, onto the network, or into programs."""

from __future__ import annotations

import re
import time

import pytest
from tests.render.trees import Link, chart, config_map, holding, render

from trimtab.render.errors import RenderFailedError
from trimtab.render.pool import Pool


async def _failure(pool: Pool, kustomization: str, **files: str | Link) -> RenderFailedError:
    with pytest.raises(RenderFailedError) as caught:
        await render(pool, {"app/kustomization.yaml": kustomization, "app/a.yaml": config_map(), **files})
    return caught.value


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"app/kustomization.yaml": "resources: [.]\n"}, "cycle|itself"),
        ({"app/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../app]\n"}, "cycle"),
        (
            {"app/kustomization.yaml": "components: [../b]\n", "b/kustomization.yaml": "kind: Component\ncomponents: [../app]\n"},
            "cycle|kind",
        ),
        ({"app/kustomization.yaml": "resources: [sub]\n", "app/sub": Link("."), "app/x.yaml": config_map()}, "cycle|itself"),
    ],
    ids=["itself", "bases", "components", "link"],
)
async def test_k1_circles_are_found(strict_pool: Pool, files: dict[str, str | Link], said: str) -> None:
    """At once, as an error of that application."""
    began = time.monotonic()
    with pytest.raises(RenderFailedError) as caught:
        await render(strict_pool, files)
    assert re.search(said, f"{caught.value} {caught.value.detail}"), caught.value
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "kustomization",
    [
        "resources: [../../../../etc/passwd]\n",
        "resources: [/etc/passwd]\n",
        "resources: [../../../other]\n",
        "configMapGenerator: [{name: x, files: [../../../../etc/passwd]}]\n",
        "configMapGenerator: [{name: x, envs: [/proc/self/environ]}]\n",
        "resources: [a.yaml]\npatches: [{path: /etc/passwd}]\n",
        "resources: [a.yaml]\nopenapi: {path: /etc/passwd}\n",
    ],
)
async def test_k1_nothing_outside_the_tree_is_read(pool: Pool, kustomization: str) -> None:
    """There is no file system to climb into: the path is looked up in the tree, or refused."""
    error = await _failure(pool, kustomization)
    assert "root:" not in f"{error} {error.detail}"


async def test_k1_a_file_beside_the_kustomization_stays_out_of_reach(pool: Pool) -> None:
    """Kustomize's own rule: files from below its root alone, so not another tenant's."""
    error = await _failure(pool, "configMapGenerator: [{name: x, files: [../other/secret.txt]}]\n", **{"other/secret.txt": "hunter2"})
    assert "hunter2" not in f"{error} {error.detail}"


@pytest.mark.parametrize(
    "place",
    [
        "https://github.com/acme/base?ref=v1",
        "github.com/acme/base?ref=--upload-pack=x",
        "git@github.com:acme/base.git",
        "ssh://git@example.com/base",
        "https://bot:hunter2@example.com/base.git",
        "git::https://example.com/base.git",
        "https://example.com/install.yaml",
        "http://169.254.169.254/latest/meta-data",
    ],
)
async def test_k1_remote_bases_are_refused_by_name(pool: Pool, place: str) -> None:
    """Nothing is fetched from here; the sentence says what to do instead."""
    began = time.monotonic()
    error = await _failure(pool, f"resources: ['{place}']\n")
    assert error.failure_class == "Unsupported"
    assert place.rpartition("@")[2] in str(error), "without the user before the host"
    assert "hunter2" not in f"{error} {error.detail}"
    assert "vendor" in str(error)
    assert error.place is not None
    assert error.place.path == "app/kustomization.yaml"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("list_name", ["generators", "transformers", "validators"])
async def test_k1_plug_ins_run_nothing(pool: Pool, list_name: str) -> None:
    """Neither programs nor containers."""
    plugin = (
        "apiVersion: example.com/v1\nkind: Evil\nmetadata:\n  name: x\n  annotations:\n"
        "    config.kubernetes.io/function: |\n      exec: {path: ./evil.sh}\n"
    )
    error = await _failure(
        pool, f"resources: [a.yaml]\n{list_name}: [plugin.yaml]\n", **{"app/plugin.yaml": plugin, "app/evil.sh": "#!/bin/sh\n"}
    )
    assert error.failure_class == "Unsupported"


async def test_k1_charts_are_rendered_only_when_vendored(pool: Pool) -> None:
    """A chart in the tree is rendered in the same prison; one to be fetched is refused, and so is a config home."""
    files = {f"app/charts/{path}": content for path, content in chart({"a.yaml": holding(".Release.Name")}, name="web").items()}
    vendored = {"app/kustomization.yaml": "helmCharts: [{name: web, releaseName: shop}]\n", **files}
    assert (await render(pool, vendored)).objects
    error = await _failure(pool, "helmCharts: [{name: web, repo: 'https://example.com/charts', version: 1.0.0}]\n")
    assert error.failure_class == "Unsupported"
    assert "web" in str(error)


async def test_k1_openapi_of_one_application_does_not_change_another(pool: Pool) -> None:
    """Kustomize keeps its schema in the process; it is put back after a kustomization that brought its own."""
    crd = "apiVersion: example.com/v1\nkind: Foo\nmetadata: {name: x}\nspec: {items: [{name: a}]}\n"
    plain = {
        "app/kustomization.yaml": "resources: [a.yaml]\npatches: [{path: p.yaml}]\n",
        "app/a.yaml": crd,
        "app/p.yaml": crd.replace("name: a}", "name: b}"),
    }
    schema = (
        '{"definitions": {"v1.Foo": {"type": "object", "properties": {"spec": {"type": "object", "properties": {"items": {"type": "array",'
        '"items": {"type": "object"}, "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge"}}}},'
        '"x-kubernetes-group-version-kind": [{"group": "example.com", "kind": "Foo", "version": "v1"}]}}}'
    )
    special = {**plain, "app/kustomization.yaml": plain["app/kustomization.yaml"] + "openapi: {path: s.json}\n", "app/s.json": schema}
    before = (await render(pool, plain)).objects
    assert b'"b"' in (merged := (await render(pool, special)).objects[0].body)
    assert b'"a"' in merged
    assert (await render(pool, plain)).objects == before
