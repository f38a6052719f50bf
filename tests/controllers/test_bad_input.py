"""Bad input through the whole program, Git, YAML and Kustomize: told on its own resource, and the healthy one beside it is well."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path

import pytest
from tests.controllers.beside import CANARY, Beside, canary_file
from tests.support import repos
from tests.support.fleet import CONFIG_MAPS, Fleet, config_map

from trimtab.controllers.own import APPLICATIONS, REPOSITORIES

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "spec": {
        "scope": "Namespaced",
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}],
    },
}


async def _second(fleet: Fleet, name: str, work: Path) -> str:
    """A further bare repository on the same server, with an empty work tree that pushes to it; its URL."""
    url = await fleet.server.create(f"{fleet.control}-{name}")
    repos.init(work, remote=url)
    return url


async def _refused_repository(beside: Beside, name: str, **spec: object) -> str:
    """A Repository that cannot be used, with an application on it: what the Repository says; the application repeats it."""
    fleet = beside.fleet
    await fleet.create(REPOSITORIES, name, {"interval": "10m", **spec})
    await fleet.application(name, sources=[{"repositoryRef": {"name": name}, "path": "app"}])

    async def not_ready() -> bool:
        return (await _ready(fleet, name)).get("status") == "False"

    await fleet.until(not_ready, tell=lambda: fleet.get(REPOSITORIES, name, fleet.control))
    said = str((await _ready(fleet, name))["message"])
    assert await beside.told(name, "Waiting") == said
    return said


async def _ready(fleet: Fleet, name: str) -> dict[str, str]:
    found = await fleet.get(REPOSITORIES, name, fleet.control) or {}
    return next((c for c in found.get("status", {}).get("conditions", []) if c["type"] == "Ready"), {})


async def test_g1_links_out_of_the_tree(beside: Beside) -> None:
    """Links to the machine's files, to the process's environment, and in a circle: the link is named, never what it leads to."""
    targets = {
        "g1-file": str(canary_file(beside.fleet)),
        "g1-climb": "../../../../../../etc/passwd",
        "g1-environ": "/proc/self/environ",
        "g1-circle": "a.yaml",
    }
    for name, target in targets.items():
        await beside.add(name, {}, {"a.yaml": target})
    for name in targets:
        told = await beside.told(name)
        assert told.startswith(f"apps/{name}/a.yaml: ")
        assert "link" in told
        assert "passwd" not in told
    await beside.held()


@pytest.mark.parametrize("entry", [b"..", b".git", b".GIT", b"git~1"])
async def test_g2_hostile_trees(beside: Beside, tmp_path: Path, entry: bytes) -> None:
    """A tree that no honest client writes is refused at the fetch, on its own Repository."""
    url = await _second(beside.fleet, "evil", tmp_path / "evil")
    blob = repos.git(tmp_path / "evil", "hash-object", "-w", "--stdin", given=config_map("x").encode())
    inside = repos.raw_tree(tmp_path / "evil", [(b"100644", b"a.yaml", blob), (b"100644", entry, blob)])
    commit = repos.raw_commit(tmp_path / "evil", repos.raw_tree(tmp_path / "evil", [(b"40000", b"app", inside)]))
    await asyncio.to_thread(repos.git, tmp_path / "evil", "push", "-q", "origin", f"{commit}:refs/heads/main")
    said = await _refused_repository(beside, "evil", url=url)
    assert re.search(r"hasDot(git|dot).*never followed", said), said
    await beside.held()


async def test_g4_hostile_revisions(beside: Beside, tmp_path: Path) -> None:
    """Options, reflog syntax and climbing names are refused before any process starts; 64 KB of it by the API server already."""
    for number, ref in enumerate(
        [
            {"branch": f"--upload-pack=touch {tmp_path}/owned"},
            {"branch": "refs/../../x"},
            {"tag": "@{-1}"},
            {"tag": "-c x"},
            {"commit": "main --exec=x"},
            {"semver": "$(touch /owned)"},
        ]
    ):
        said = await _refused_repository(beside, f"g4-{number}", url=beside.fleet.url, ref=ref)
        assert re.search(r"is not a (valid (branch|tag) name|commit id)|version|range", said), said
        assert f"Repository {beside.fleet.control}/g4-{number}" in said
    assert not (tmp_path / "owned").exists()
    with pytest.raises(Exception, match="Too long"):
        await beside.fleet.create(REPOSITORIES, "g4-long", {"url": beside.fleet.url, "ref": {"branch": "x" * 65536}})
    await beside.held()


async def test_g5_a_file_that_inflates(beside: Beside) -> None:
    """80 MiB of zeros travel as 80 KB; whoever reads them is told that they are over the cap, and nobody else."""
    await beside.add("g5-bomb", {"a.yaml": b"\0" * (80 << 20)})
    told = await beside.told("g5-bomb", seconds=30)
    assert told.startswith("apps/g5-bomb: ")
    assert "83886080 bytes" in told
    await beside.held()
    await beside.fleet.push({"apps/g5-bomb/a.yaml": config_map("g5-mended", v="1")})
    await beside.fleet.until_data("g5-mended", {"v": "1"})


async def test_g5_a_pack_that_is_damaged(beside: Beside, tmp_path: Path) -> None:
    """A repository whose objects are broken on the server: an error of that Repository, and nothing of it is kept."""
    url = await _second(beside.fleet, "broken", tmp_path / "broken")
    repos.commit(tmp_path / "broken", {f"app/{n}.yaml": config_map(f"x{n}").encode() for n in range(200)})
    await asyncio.to_thread(repos.push, tmp_path / "broken")
    bare = beside.fleet.server.root / f"{beside.fleet.control}-broken.git"
    repos.git(bare, "repack", "-a", "-d", "-q")
    (pack,) = (bare / "objects/pack").glob("*.pack")
    pack.chmod(0o644)
    content = pack.read_bytes()
    pack.write_bytes(content[:4000] + bytes(1000) + content[5000:])
    said = await _refused_repository(beside, "broken", url=url)
    assert "failed" in said or "closed" in said, said
    await beside.held()


async def test_y1_yaml_that_cannot_be_read(beside: Beside) -> None:
    """Alias bombs, depth, a million documents, no YAML at all: file and line of each, on its own application."""
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{after}: &{after} [{','.join([f'*{before}'] * 9)}]\n" for before, after in zip("abcdefgh", "bcdefghi", strict=True)
    )
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n"
    cases: dict[str, tuple[str | bytes, str]] = {
        "y1-alias": (bomb, "alias"),
        "y1-depth": (head + "data: " + "{a: " * 9000 + "1" + "}" * 9000 + "\n", "200|depth"),
        "y1-many": ("a: 1\n---\n" * 100_000, r"\d+ (objects|documents)"),
        "y1-syntax": (head + "data:\n  a: b: c\n", r"a\.yaml:6.*mapping values"),
        "y1-binary": (b"\xff\xfe\x00", "(?i)utf|control|character|yaml"),
        "y1-scalar": ("hello\n", "mapping|object"),
    }
    for name, (content, _) in cases.items():
        await beside.add(name, {"a.yaml": content})
    for name, (_, expected) in cases.items():
        told = await beside.told(name, seconds=30)
        assert f"apps/{name}/a.yaml" in told
        assert re.search(expected, told), told
    await beside.held()


async def test_y1_tags_of_other_languages_run_nothing(beside: Beside, tmp_path: Path) -> None:
    """`!!python/object` is a value like any other; the API server says that it is no string."""
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n"
    await beside.add("y1-tag", {"a.yaml": f"{head}data:\n  a: !!python/object/apply:os.system ['touch {tmp_path}/owned']\n"})
    assert "ConfigMap" in await beside.told("y1-tag")
    assert not (tmp_path / "owned").exists()
    await beside.held()


async def test_y2_objects_beyond_the_limits_of_the_api(beside: Beside) -> None:
    """1.6 MB, a name of 254 characters, an annotation of 270 KB: told with its file; what is beside it is applied, nothing is pruned."""
    noted = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "y2-note", "annotations": {"a": "x" * 270_000}}}
    cases = {
        "y2-big": (config_map("y2-big", v="x" * 1_600_000), "Too long|too large"),
        "y2-long": (config_map("n" * 254), "253"),
        "y2-note": (json.dumps(noted), "262144|256 KiB|annotation"),
    }
    for name in cases:
        await beside.add(name, {"old.yaml": config_map(f"{name}-old"), "good.yaml": config_map(f"{name}-good", v="1")})
    for name, (bad, expected) in cases.items():
        await beside.fleet.settled(name)
        good = config_map(f"{name}-good", v="2")
        await beside.fleet.push({f"apps/{name}/{file}.yaml": text for file, text in (("bad", bad), ("good", good), ("old", None))})
        told = await beside.told(name)
        assert f"apps/{name}/bad.yaml" in told
        assert re.search(expected, told), told
        await beside.fleet.until_data(f"{name}-good", {"v": "2"})
        assert await beside.fleet.get(CONFIG_MAPS, f"{name}-old") is not None
    await beside.held()


async def test_y2_many_objects_and_lists_in_lists(beside: Beside) -> None:
    """A thousand objects, half of them in lists within lists."""
    inner = {"apiVersion": "v1", "kind": "List", "items": [json.loads(config_map(f"y2-l{n}")) for n in range(500)]}
    outer = json.dumps({"apiVersion": "v1", "kind": "List", "items": [inner]})
    await beside.add("y2-many", {"plain.yaml": "\n---\n".join(config_map(f"y2-p{n}") for n in range(500)), "list.json": outer})
    assert (await beside.fleet.settled("y2-many", seconds=60))["counts"]["objects"] == 1000
    await beside.held()


async def test_y2_a_definition_and_its_first_resource_in_one_push(beside: Beside) -> None:
    """The definition is established before the resource is applied."""
    group = f"{beside.fleet.target}.example.test"
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget"}
    crd = CRD | {"metadata": {"name": f"widgets.{group}"}, "spec": {**CRD["spec"], "group": group, "names": names}}  # type: ignore[dict-item]
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "first"}}
    await beside.add("y2-crd", {"a.json": json.dumps(widget), "b.json": json.dumps(crd)})
    await beside.fleet.settled("y2-crd", seconds=30)
    await beside.held()


async def test_y3_impossible_metadata(beside: Beside) -> None:
    """One sentence about the object with its file; the object beside it in the same application is applied."""
    metadata = {
        "null": ("null", "metadata|name"),
        "labels": ("{name: x, labels: [1]}", "labels"),
        "annotation": ("{name: x, annotations: {a: true}}", "annotation"),
        "generate": ("{generateName: x-}", "generateName|name"),
        "owner": ("{name: x, ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: good, uid: none}, 7]}", "ownerReferences"),
        "number": ("{name: 7}", "name"),
    }
    for name, (text, _) in metadata.items():
        bad = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {text}\n"
        await beside.add(f"y3-{name}", {"bad.yaml": bad, "good.yaml": config_map(f"y3-{name}", v="1")})
    for name, (_, expected) in metadata.items():
        told = await beside.told(f"y3-{name}")
        assert re.search(expected, told), told
        await beside.fleet.until_data(f"y3-{name}", {"v": "1"})
    await beside.held()


async def test_y3_what_only_a_server_writes(beside: Beside) -> None:
    """`status`, `managedFields`, `deletionTimestamp` in Git are dropped, and named; the object is applied."""
    content = (
        "apiVersion: v1\nkind: ConfigMap\nstatus: {a: b}\nmetadata:\n  name: y3-server\n  uid: abc\n  resourceVersion: '7'\n"
        "  deletionTimestamp: '2026-01-01T00:00:00Z'\n  managedFields: [{manager: kubectl}]\ndata: {v: '1'}\n"
    )
    await beside.add("y3-server", {"a.yaml": content})
    await beside.fleet.until_data("y3-server", {"v": "1"})
    assert "deletionTimestamp" in str((await beside.fleet.settled("y3-server"))["message"])
    await beside.held()


@pytest.mark.parametrize("timeout", ["1x", "-1h", "1e30", "", "99999999999999999999h"])
async def test_y3_impossible_durations(beside: Beside, timeout: str) -> None:
    """The API server refuses what is no duration; one that is only absurd waits long and harms nobody."""
    sources = [{"repositoryRef": {"name": "fleet"}, "path": "apps/good"}]
    spec = {"sources": sources, "destination": {"namespace": beside.fleet.target}, "health": {"timeout": timeout}}
    if timeout.endswith("9h"):
        await beside.add("y3-absurd", {"a.yaml": config_map("y3-absurd", v="1")}, health={"timeout": timeout})
        await beside.fleet.until_data("y3-absurd", {"v": "1"})
    else:
        with pytest.raises(Exception, match=r"spec\.health\.timeout"):
            await beside.fleet.create(APPLICATIONS, "y3-duration", spec)
    await beside.held()


async def test_k1_kustomizations_that_lead_astray(beside: Beside) -> None:
    """Circles, climbing, remote bases, programs: refused with the file, on that application."""
    cases: dict[str, tuple[dict[str, str], str]] = {
        "k1-self": ({"kustomization.yaml": "resources: [.]\n"}, "cycle|itself"),
        "k1-circle": ({"kustomization.yaml": "resources: [b]\n", "b/kustomization.yaml": "resources: [..]\n"}, "cycle|itself"),
        "k1-climb": ({"kustomization.yaml": "resources: [../../../../../etc/passwd]\n"}, "kustomization"),
        "k1-file": ({"kustomization.yaml": f"configMapGenerator: [{{name: x, files: [{canary_file(beside.fleet)}]}}]\n"}, "canary.txt"),
        "k1-remote": ({"kustomization.yaml": "resources: ['https://example.com/base?ref=--upload-pack=x']\n"}, "remote|network|vendor"),
        "k1-helm": ({"kustomization.yaml": "helmCharts: [{name: x, repo: 'https://example.com'}]\n"}, "(?i)helm"),
        "k1-exec": (
            {"kustomization.yaml": "generators: [g.yaml]\n", "g.yaml": _EXEC},
            "(?i)exec|function|generator|plugin",
        ),
    }
    for name, (files, _) in cases.items():
        await beside.add(name, files)
    for name, (_, expected) in cases.items():
        told = await beside.told(name)
        assert f"apps/{name}" in told
        assert re.search(expected, told), told
    await beside.held()


_EXEC = "apiVersion: v1\nkind: X\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: 'exec: {path: /bin/sh}'\n"


async def test_the_canary_is_where_it_could_be_read(beside: Beside) -> None:
    """The tests above would be blind otherwise: file, environment and cluster hold it."""
    assert CANARY in canary_file(beside.fleet).read_text()
    assert os.environ["TRIMTAB_CANARY"] == CANARY
