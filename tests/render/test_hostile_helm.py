"""Rows H1 to H5 of the bad-input corpus: charts that are made to break out, to spy, or never to end."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.render.trees import Content, Files, Link, bodies, chart, config_map, holding, render

from trimtab.core.errors import RenderError
from trimtab.render.pool import Pool

CHART_YAML = b"apiVersion: v2\nname: app\nversion: 1.0.0\n"


def _archive(fill: Callable[[tarfile.TarFile], None]) -> bytes:
    """A chart archive with whatever `fill` adds to it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        _member(tar, "app/Chart.yaml", CHART_YAML)
        _member(tar, "app/templates/good.yaml", config_map("good").encode())
        fill(tar)
    return packed.getvalue()


def _member(tar: tarfile.TarFile, name: str, content: bytes = b"", **fields: Any) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    tar.addfile(info, io.BytesIO(content))


_CHART_TAR = gzip.decompress(_archive(lambda _: None))[: 4 * 512]
"""The members that make it a chart, each a header and a block, without the end of the archive."""


async def _error(pool: Pool, files: Files, path: str = "app", **asked: Any) -> str:
    """What an application is told whose render must not succeed."""
    with pytest.raises(RenderError) as caught:
        await render(pool, files, path, **asked)
    assert "root:" not in f"{caught.value} {caught.value.detail}"
    return str(caught.value)


async def _value(pool: Pool, files: Files, **asked: Any) -> Any:
    """The `key` of the only object."""
    return bodies(await render(pool, files, **asked))[0]["data"]["key"]


@pytest.mark.parametrize(
    "fill",
    [
        lambda tar: _member(tar, "app/../../../evil.yaml", b"x"),
        lambda tar: _member(tar, "/etc/evil.yaml", b"x"),
        lambda tar: _member(tar, "app/..", b"x"),
        lambda tar: _member(tar, "app\\..\\..\\evil.yaml", b"x"),
        lambda tar: _member(tar, "app/templates/bomb.yaml", bytes(200 << 20)),
    ],
    ids=["climbing", "absolute", "dots", "backslashes", "bomb"],
)
async def test_h1_a_hostile_archive_is_refused(pool: Pool, fill: Callable[[tarfile.TarFile], None]) -> None:
    """A member that leads out of the chart, or 200 MiB of zeros in 200 KiB."""
    began = time.monotonic()
    assert await _error(pool, {"app/c.tgz": _archive(fill)}, "app/c.tgz")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "fields",
    [
        {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"type": tarfile.LNKTYPE, "linkname": "../../etc/passwd"},
        {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5},
        {"type": tarfile.FIFOTYPE},
    ],
    ids=["symlink", "hardlink", "device", "pipe"],
)
async def test_h1_links_and_devices_in_an_archive_are_refused(pool: Pool, fields: dict[str, Any]) -> None:
    """The member is named; what it points to is not read."""
    content = _archive(lambda tar: _member(tar, "app/secret.txt", **fields))
    told = await _error(pool, {"app/c.tgz": content}, "app/c.tgz")
    assert 'app/c.tgz: holds "app/secret.txt", which is a link or a device' in told
    assert "passwd" not in told


async def test_h1_very_many_tiny_files_end_at_their_number(pool: Pool) -> None:
    """Unpacking stops at the twenty thousandth, however small they are."""
    header = tarfile.TarInfo("app/files/x")
    content = gzip.compress(_CHART_TAR + header.tobuf() * 40_000, 1)
    began = time.monotonic()
    assert "holds more than 20000 files" in await _error(pool, {"app/c.tgz": content}, "app/c.tgz")
    assert time.monotonic() - began < 5


async def test_h1_what_is_no_archive_at_all_is_an_error(pool: Pool) -> None:
    """Truncated, or not gzip."""
    assert "app/c.tgz" in await _error(pool, {"app/c.tgz": _archive(lambda _: None)[:100]}, "app/c.tgz")
    assert "app/c.tgz" in await _error(pool, {"app/c.tgz": b"hello"}, "app/c.tgz")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ range $i := until 1000000000 }}{{ end }}", "stopped after 1.0 s|out of memory|took the renderer down"),
        ("{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}", "stopped after 1.0 s"),
        ('{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}', "a.yaml|nested|recursion|rendering template"),
        ('{{ define "a" }}{{ tpl "{{ include \\"a\\" . }}" . }}{{ end }}{{ include "a" . }}', "a.yaml|nested|stopped after|out of memory"),
        ('{{ $t := "{{ tpl .Values.t . }}" }}{{ tpl .Values.t . }}', "a.yaml|stopped after|out of memory|took the renderer down"),
        ('{{ repeat 500000000 "x" }}{{ repeat 500000000 "x" }}', "out of memory|limit"),
        ('{{ range until 1000 }}{{ $ca := genCA "x" 1 }}{{ end }}', "stopped after 1.0 s"),
    ],
    ids=["range", "nested range", "include", "tpl include", "tpl of itself", "repeat", "genCA"],
)
async def test_h2_a_template_without_end_costs_one_render(strict_pool: Pool, template: str, said: str) -> None:
    """It ends within the limit and a second, as this application's error; the next render is well."""
    began = time.monotonic()
    told = await _error(strict_pool, chart({"a.yaml": template}, values="t: '{{ tpl .Values.t . }}'\n"))
    assert re.search(said, told), told
    assert time.monotonic() - began < 2.5
    assert (await render(strict_pool, {"app/a.yaml": config_map()})).objects


async def test_h2_lines_of_an_empty_file_are_none(pool: Pool) -> None:
    """An index beyond the end once took a controller down."""
    files = chart({"a.yaml": holding('.Files.Lines "empty.txt" | len')}, more={"empty.txt": ""})
    assert await _value(pool, files) == "0"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('lookup "v1" "Secret" "kube-system" "" | len', "0"),
        ('getHostByName "localhost"', ""),
        ('.Files.Get "../../../etc/passwd"', ""),
        ('.Files.Get "/etc/passwd"', ""),
        ('(.Files.Glob "../**").AsConfig', "{}"),
        ("list (.Capabilities.KubeVersion.Version) | first", "v1.35.0"),
        (".Capabilities.HelmVersion.GitCommit", ""),
    ],
)
async def test_h3_a_template_learns_nothing_of_where_it_runs(pool: Pool, expression: str, expected: str) -> None:
    """No cluster, no network, no files but the chart's; the version it sees is the one it was given."""
    assert await _value(pool, chart({"a.yaml": holding(expression)})) == expected


@pytest.mark.parametrize("function", ['env "PATH"', 'expandenv "$HOME"', 'readFile "/etc/passwd"'])
async def test_h3_functions_that_read_the_machine_do_not_exist(pool: Pool, function: str) -> None:
    """The error says so, with the template's place."""
    told = await _error(pool, chart({"a.yaml": holding(function)}))
    assert "not defined" in told
    assert "app/templates/a.yaml" in told


async def test_h3_questions_about_the_cluster_are_recorded(pool: Pool) -> None:
    """So a changed answer wakes the application, and no other change of the cluster does."""
    result = await render(pool, chart({"a.yaml": holding('.Capabilities.APIVersions.Has "monitoring.coreos.com/v1"')}))
    assert result.capability_reads == (("apiVersions", "monitoring.coreos.com/v1", "false"),)


@pytest.mark.parametrize(
    "reference", ["/dev/zero", "file:///etc/passwd", "http://127.0.0.1:1/schema", "https://example.com/s.json", "../other.json"]
)
async def test_h4_a_schema_reads_nothing_but_itself(pool: Pool, reference: str) -> None:
    """No file, no network: the reference is refused and named."""
    schema = f'{{"properties": {{"a": {{"$ref": "{reference}"}}}}}}'
    began = time.monotonic()
    assert reference.rpartition("/")[2] in await _error(pool, chart({}, values="a: 1\n", more={"values.schema.json": schema}))
    assert time.monotonic() - began < 2


async def test_h4_a_schema_may_refer_to_itself(strict_pool: Pool) -> None:
    """Recursion over finite values ends; recursion over nothing is an error."""
    tree = '{"$defs": {"t": {"type": "object", "additionalProperties": {"$ref": "#/$defs/t"}}}, "$ref": "#/$defs/t"}'
    files = chart({"a.yaml": config_map()}, values="a: {b: {c: {}}}\n", more={"values.schema.json": tree})
    assert (await render(strict_pool, files)).objects
    circle = '{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}'
    assert await _error(strict_pool, chart({}, more={"values.schema.json": circle}))


async def test_h4_a_huge_pattern_is_bounded(strict_pool: Pool) -> None:
    """Ten megabytes of regular expression, or one that would explode elsewhere: an error or a result, within the limit and a second."""
    began = time.monotonic()
    for pattern in ("(" * 5_000_000 + ")" * 5_000_000, "(a+)+$"):
        schema = f'{{"properties": {{"a": {{"type": "string", "pattern": "{pattern}"}}}}}}'
        assert await _error(strict_pool, chart({}, values=f"a: {'a' * 60}b\n", more={"values.schema.json": schema}))
    assert time.monotonic() - began < 4.5


async def test_h4_a_value_that_breaks_the_schema_is_told_with_its_place(pool: Pool) -> None:
    """The file always, the line where it is known."""
    schema = '{"properties": {"replicaCount": {"type": "number"}}}'
    files = chart({"a.yaml": config_map()}, values="a: 1\nreplicaCount: three\n", more={"values.schema.json": schema})
    told = await _error(pool, files)
    assert told.startswith("app/values.yaml:2")
    assert "replicaCount must be a number" in told
    assert '"three"' in told


@pytest.mark.parametrize(
    "file",
    ["../../../etc/passwd", "/etc/passwd", "https://example.com/values.yaml", "file:///etc/passwd", "../../../*", "secrets://x"],
)
async def test_h5_values_files_stay_in_the_repository(pool: Pool, file: str) -> None:
    """Whatever a path says, it is looked up in the tree; what is not there is an error that names it."""
    files = chart({"a.yaml": holding(".Values.a")}, values="a: 1\n")
    told = await _error(pool, files, parameters={"valuesFrom": [{"path": file}]})
    assert file.rpartition("/")[2] in told


async def test_h5_values_beside_the_chart_and_links_to_them_work(pool: Pool) -> None:
    """Inside the tree, up and across, and through a link."""
    more: dict[str, Content] = {"values/prod.yaml": "a: 2\n", "app/linked.yaml": Link("../values/prod.yaml")}
    files = {**chart({"a.yaml": holding(".Values.a")}, values="a: 1\n"), **more}
    for path in ("../values/prod.yaml", "linked.yaml", "/values/prod.yaml", "../values/*.yaml"):
        assert await _value(pool, files, parameters={"valuesFrom": [{"path": path}]}) == "2"


async def test_h5_a_values_file_that_links_out_is_refused(pool: Pool) -> None:
    """The link is named, not what it points to."""
    files = {**chart({"a.yaml": config_map()}), "app/linked.yaml": Link("/etc/passwd")}
    told = await _error(pool, files, parameters={"valuesFrom": [{"path": "linked.yaml"}]})
    assert "linked.yaml" in told
    assert "passwd" not in told


async def test_h5_an_optional_values_file_may_be_absent(pool: Pool) -> None:
    """And its absence is a read: the day it appears, the application wakes."""
    files = chart({"a.yaml": holding(".Values.a")}, values="a: 1\n")
    result = await render(pool, files, parameters={"valuesFrom": [{"path": "prod.yaml", "optional": True}]})
    assert ("a", "app/prod.yaml", "") in result.reads
