"""Bad input through the whole program, charts and Jsonnet: told on its own application, and the healthy one beside it is well."""

from __future__ import annotations

import io
import re
import tarfile
from typing import Any

from tests.controllers.beside import Beside, Content, canary_file
from tests.support.fleet import CONFIG_MAPS

CHART = "apiVersion: v2\nname: app\nversion: 1.0.0\n"
OBJECT = "{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: '%s' }, data: { key: %s } }"

Case = tuple[dict[str, Content], str]
"""A folder's files, and what its application is told."""


def chart(template: str, values: str = "") -> dict[str, Content]:
    """A chart's files."""
    return {"Chart.yaml": CHART, "values.yaml": values, "templates/a.yaml": template}


def holding(expression: str, name: str) -> str:
    """A template that shows an expression's outcome."""
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: {{{{ {expression} | toString | quote }}}}\n"


def archive(name: str, content: bytes = b"", **fields: Any) -> bytes:
    """A chart archive with one more member."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, data, more in (("app/Chart.yaml", CHART.encode(), {}), (name, content, fields)):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            for field, value in more.items():
                setattr(info, field, value)
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


async def _all_told(beside: Beside, cases: dict[str, Case], seconds: float = 20.0, **spec: Any) -> None:
    for name, (files, _) in cases.items():
        await beside.add(name, files, **spec)
    for name, (_, expected) in cases.items():
        told = await beside.told(name, seconds=seconds)
        assert f"apps/{name}" in told
        assert re.search(expected, told), told
    await beside.held()


async def test_h1_hostile_archives(beside: Beside) -> None:
    """Members that climb, links, devices, a bomb of 200 MiB: the archive and its member are named."""
    link: dict[str, Any] = {"type": tarfile.SYMTYPE, "linkname": str(canary_file(beside.fleet))}
    contents = {
        "h1-climb": (archive("app/../../../evil.yaml", b"x"), r"c\.tgz"),
        "h1-link": (archive("app/secret.txt", **link), "link or a device"),
        "h1-device": (archive("app/zero", type=tarfile.CHRTYPE, devmajor=1, devminor=5), "link or a device"),
        "h1-bomb": (archive("app/templates/bomb.yaml", bytes(200 << 20)), r"c\.tgz"),
    }
    for name, (content, _) in contents.items():
        source = {"repositoryRef": {"name": "fleet"}, "path": f"apps/{name}/c.tgz"}
        await beside.add(name, {"c.tgz": content}, sources=[source])
    for name, (_, expected) in contents.items():
        told = await beside.told(name)
        assert f"apps/{name}/c.tgz" in told
        assert re.search(expected, told), told
    await beside.held()


async def test_h2_a_template_without_end(beside: Beside) -> None:
    """Stopped at the deadline; while it runs, the healthy one is served by another worker; the way to try it is named."""
    endless = "{{ range until 100000 }}{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}{{ end }}"
    await beside.add("h2-endless", chart(endless))
    assert min([await beside.lap() for _ in range(3)]) <= 3 * beside.before + 0.5
    told = await beside.told("h2-endless", seconds=30)
    assert "stopped after 10.0 s, its limit" in told
    assert "trimtab render apps/h2-endless" in told
    await beside.held()


async def test_h2_templates_that_devour_memory_or_themselves(beside: Beside) -> None:
    """Half a gigabyte of text, a template that includes itself, a billion numbers: over at once, told apart."""
    cases: dict[str, Case] = {
        "h2-repeat": (chart('{{ repeat 500000000 "x" }}{{ repeat 500000000 "x" }}'), "out of memory|limit"),
        "h2-include": (chart('{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}'), r"a\.yaml|recursion|nested"),
        "h2-range": (chart("{{ range $i := until 1000000000 }}{{ end }}"), "out of memory|stopped after|took the renderer down"),
    }
    await _all_told(beside, cases, 40)


async def test_h3_a_template_learns_nothing(beside: Beside) -> None:
    """`env` does not exist; `lookup` and the network are empty, whatever the cluster holds."""
    namespace = beside.fleet.target
    quiet = {
        "h3-lookup": (f'lookup "v1" "Secret" "{namespace}" "canary"', "map[]"),
        "h3-host": ('getHostByName "localhost"', ""),
        "h3-file": (f'.Files.Get "{canary_file(beside.fleet)}"', ""),
    }
    for name, (expression, _) in quiet.items():
        await beside.add(name, chart(holding(expression, name)))
    for name, (_, expected) in quiet.items():
        await beside.fleet.until_data(name, {"key": expected})
    await _all_told(beside, {"h3-env": (chart(holding('env "TRIMTAB_CANARY"', "h3-env")), "not defined")})
    assert await beside.fleet.get(CONFIG_MAPS, "h3-env") is None


async def test_h4_schemas_that_reach_out(beside: Beside) -> None:
    """No file, no network, no endless circle: the reference is named."""
    circle = '{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}'

    def schema(reference: str) -> dict[str, Content]:
        refers = f'{{"properties": {{"a": {{"$ref": "{reference}"}}}}}}'
        return chart("", "a: 1\n") | {"values.schema.json": refers}

    cases: dict[str, Case] = {
        "h4-zero": (schema("/dev/zero"), "zero"),
        "h4-file": (schema(f"file://{canary_file(beside.fleet)}"), "canary.txt"),
        "h4-http": (schema("http://127.0.0.1:1/schema"), "schema"),
        "h4-circle": (chart("") | {"values.schema.json": circle}, "schema"),
    }
    await _all_told(beside, cases)


async def test_h5_values_files_from_elsewhere(beside: Beside) -> None:
    """Climbing, absolute, by URL: looked up in the repository, not there, named. A link out is named, too; one within works."""
    cases = {
        "h5-climb": "../../../../etc/passwd",
        "h5-absolute": str(canary_file(beside.fleet)),
        "h5-url": "https://example.com/values.yaml",
        "h5-link": "linked.yaml",
    }
    for name, file in cases.items():
        source = {"repositoryRef": {"name": "fleet"}, "path": f"apps/{name}", "helm": {"valueFiles": [file]}}
        links = {"linked.yaml": str(canary_file(beside.fleet))} if name == "h5-link" else {}
        await beside.add(name, chart(holding(".Values.a", name), "a: 1\n"), links, sources=[source])
    for name, file in cases.items():
        told = await beside.told(name)
        assert file.rpartition("/")[2] in told, told
    source = {"repositoryRef": {"name": "fleet"}, "path": "apps/h5-good", "helm": {"valueFiles": ["linked.yaml"]}}
    files = chart(holding(".Values.a", "h5-good"), "a: 1\n") | {"/values/shared.yaml": "a: 2\n"}
    await beside.add("h5-good", files, {"linked.yaml": "../../values/shared.yaml"}, sources=[source])
    await beside.fleet.until_data("h5-good", {"key": "2"})
    await beside.held()


async def test_j1_hostile_jsonnet(beside: Beside) -> None:
    """Imports out of the tree, recursion, memory: told with the folder, nothing of what is there comes out."""

    def jsonnet(name: str, expression: str) -> dict[str, Content]:
        return {"main.jsonnet": OBJECT % (name, expression)}

    cases: dict[str, Case] = {
        "j1-passwd": (jsonnet("x", "importstr '/etc/passwd'"), "passwd"),
        "j1-canary": (jsonnet("x", f"importstr '{canary_file(beside.fleet)}'"), "canary.txt"),
        "j1-environ": (jsonnet("x", "importbin '/proc/self/environ'"), "environ"),
        "j1-http": (jsonnet("x", "import 'http://127.0.0.1:1/x.libsonnet'"), "x.libsonnet"),
        "j1-recursion": (jsonnet("x", "local f(x) = f(x + 1); f(0)"), "stack|stopped after|out of memory"),
        "j1-memory": (jsonnet("x", "std.foldl(function(a, b) a + a, std.range(1, 40), 'x')"), "out of memory|stopped after"),
    }
    await _all_told(beside, cases, 40)
