from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from tests.render.trees import CAPABILITIES, Objects, ask, bodies, chart, config_map, holding, render

from trimtab.core.errors import InputError, UnavailableError
from trimtab.render.errors import RenderFailedError
from trimtab.render.find import find_worker
from trimtab.render.pool import Pool
from trimtab.render.request import Capabilities

KUSTOMIZED = {
    "app/kustomization.yaml": "resources: [../base]\nnamePrefix: eu-\n",
    "base/kustomization.yaml": "resources: [a.yaml]\n",
    "base/a.yaml": config_map(),
}
JSONNET = {"app/main.jsonnet": "{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: std.extVar('name') } }"}


async def test_a_plain_folder(pool: Pool) -> None:
    """Objects come with their place, their canonical JSON and its digest."""
    (one,) = (await render(pool, {"app/a.yaml": config_map()})).objects
    assert (one.api_version, one.kind, one.name, one.path, one.line) == ("v1", "ConfigMap", "settings", "app/a.yaml", 1)
    assert one.body == b'{"apiVersion":"v1","data":{"key":"yes"},"kind":"ConfigMap","metadata":{"name":"settings"}}'


async def test_a_kustomization(pool: Pool) -> None:
    """Parameters are laid over what the folder says."""
    result = await render(pool, KUSTOMIZED, parameters={"nameSuffix": "-1"})
    assert (result.kind, result.objects[0].name) == ("Kustomize", "eu-settings-1")


async def test_a_chart(pool: Pool) -> None:
    """Values from elsewhere come in by content, and win over the chart's."""
    files = chart({"a.yaml": holding(".Values.a")}, values="a: 1\n")
    result = await render(pool, files, parameters={"valuesFrom": [{"name": "secret", "content": "a: 2"}]})
    assert (result.kind, bodies(result)[0]["data"]["key"]) == ("Helm", "2")


async def test_a_jsonnet_file(pool: Pool) -> None:
    """External variables are parameters."""
    result = await render(pool, JSONNET, parameters={"extStr": {"name": "web"}})
    assert (result.kind, result.objects[0].name) == ("Jsonnet", "web")


async def test_two_kinds_in_a_folder_are_an_error_that_says_how_to_choose(pool: Pool) -> None:
    """Never a guess."""
    with pytest.raises(RenderFailedError, match=r"could be Helm or Kustomize; say which.*spec\.sources\[\]\.kind"):
        await render(pool, {**chart({}), **KUSTOMIZED})


async def test_a_failed_render_says_where_and_what_it_had_read(pool: Pool) -> None:
    """So that a fixed file wakes the application."""
    with pytest.raises(RenderFailedError) as caught:
        await render(pool, {"app/a.yaml": "a: b: c\n"})
    assert caught.value.place is not None
    assert caught.value.place.path == "app/a.yaml"
    assert "app/a.yaml" in {path for kind, path, _ in caught.value.reads if kind == "f"}


async def test_yaml_from_outside_git(pool: Pool) -> None:
    """A file that is in no repository is read by the same reader."""
    result = await pool.yaml(f"{config_map('a')}---\n{config_map('b')}".encode(), path="stdin")
    assert [one.name for one in result.objects] == ["a", "b"]


async def test_cel_expressions(pool: Pool) -> None:
    """Each has its own outcome; a field that is not there yet has its own kind of error."""
    said, absent, wrong = await pool.cel(["self.a == 1", "self.b == 1", "self."], {"self": {"a": 1}})
    assert said.value is True
    assert absent.kind == "noSuchField"
    assert wrong.kind == "compile"
    assert [value.error for value in await pool.cel_compile(["self.a"], ["self"])] == [""]


async def test_api_versions_are_told_once_a_worker(pool: Pool) -> None:
    """The list is long and the same for a whole cluster; it travels by digest."""
    files = chart({"a.yaml": holding('.Capabilities.APIVersions.Has "apps/v1/Deployment"')})
    for _ in range(2):
        result = await render(pool, files)
        assert bodies(result)[0]["data"]["key"] == "true"
    assert result.capability_reads == (("apiVersions", "apps/v1/Deployment", "true"),)
    assert sum(bool(worker.announcement(CAPABILITIES)) for worker in pool.workers()) <= 1


async def test_many_clusters_do_not_push_each_others_lists_out(pool: Pool) -> None:
    """The worker keeps four lists; what it forgot is told again."""
    objects = Objects()
    tree = objects.tree(chart({"a.yaml": holding('.Capabilities.APIVersions.Has "x/v3"')}))
    for number in [*range(6), *range(6)]:
        request = msgspec.structs.replace(ask(tree), capabilities=Capabilities.of("1.35.0", [f"x/v{number}"]))
        result = await pool.render(request, objects, who="team/demo")
        assert bodies(result)[0]["data"]["key"] == str(number == 3).lower()


async def test_what_did_not_change_is_not_asked_for_again(pool: Pool) -> None:
    """A worker keeps objects by id across renders."""
    objects = Objects()
    request = ask(objects.tree({"app/a.yaml": config_map()}))
    await pool.render(request, objects, who="team/demo")
    objects.asked.clear()
    await pool.render(request, objects, who="team/demo")
    assert objects.asked == []


async def test_an_object_missing_from_the_mirror_is_an_outage(pool: Pool) -> None:
    """Could not read is never empty, and never the application's fault: it is tried again."""
    objects = Objects()
    request = ask(objects.tree({"app/a.yaml": config_map("lost")}))
    objects.forget(objects.put("blob", config_map("lost").encode()))
    with pytest.raises(UnavailableError, match="missing from the repository's mirror"):
        await pool.render(request, objects, who="team/demo")


async def test_an_object_source_that_fails_is_heard(pool: Pool) -> None:
    """The reader's own error comes out, and the worker is whole afterwards."""

    class Broken(Objects):
        async def read_many(self, oids: Sequence[str]) -> list[tuple[str, bytes] | None]:
            raise UnavailableError(f"{len(oids)} objects could not be read: the mirror's disk is full")

    with pytest.raises(UnavailableError, match="disk is full"):
        await pool.render(ask("1" * 40), Broken(), who="team/demo")
    assert pool.statistics().started == len(pool.workers())


async def test_one_seed_renders_the_same_twice(pool: Pool) -> None:
    """Random functions draw from the seed, on whatever worker."""
    files = chart({"a.yaml": holding("randAlphaNum 20")})
    first, second = await render(pool, files), await render(pool, files)
    assert first.objects == second.objects
    assert first.key == second.key
    assert first.random.seeded == {"randAlphaNum": 1}


async def test_what_cannot_be_seeded_is_reported(pool: Pool) -> None:
    """Who keeps the result knows that it must be kept until its inputs change."""
    files = chart({"a.yaml": '{{ $ca := genCA "x" 1 }}' + holding("$ca.Cert | len")})
    assert (await render(pool, files)).random.unseeded == {"genCA": 1}


async def test_no_object_holds_the_frame_it_came_in(pool: Pool) -> None:
    """A kept object costs its own size, not that of all it was rendered with."""
    result = await render(pool, {f"app/{n}.yaml": config_map(f"s{n}", "x" * 10_000) for n in range(50)})
    assert all(type(one.body) is bytes and len(one.body) < 10_200 for one in result.objects)


def test_a_missing_binary_is_named_with_the_line_to_type(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of an environment that names one, or of a checkout that was not built."""
    monkeypatch.setenv("TRIMTAB_RENDER_WORKER", str(tmp_path))
    with pytest.raises(InputError, match="TRIMTAB_RENDER_WORKER names"):
        find_worker()
    with pytest.raises(InputError, match="make build"):
        find_worker("trimtab-no-such-worker")
