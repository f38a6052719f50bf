"""Rows Y1 to Y3 of the bad-input corpus: manifests that are made to break their reader."""

from __future__ import annotations

import re
import time
from itertools import pairwise
from typing import Any

import pytest
from tests.render.trees import bodies, config_map, render

from trimtab.render.errors import RenderFailedError
from trimtab.render.pool import Pool
from trimtab.render.request import Limits

ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{after}: &{after} [{','.join([f'*{before}'] * 9)}]\n" for before, after in pairwise("abcdefghi")
)
HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n"


async def _failure(pool: Pool, content: str | bytes, **asked: Any) -> RenderFailedError:
    with pytest.raises(RenderFailedError) as caught:
        await render(pool, {"app/good.yaml": config_map("good"), "app/bad.yaml": content}, **asked)
    return caught.value


@pytest.mark.parametrize(
    ("content", "said", "line"),
    [
        (ALIASES, "alias", None),
        (HEAD + "data: " + "[" * 300 + "]" * 300 + "\n", "200", None),
        (HEAD + "data: " + "{a: " * 9000 + "1" + "}" * 9000 + "\n", "200|depth", None),
        (HEAD + "data: {a: .nan}\n", "not-a-number", 5),
        (HEAD + "data: {a: .inf}\n", "infinity", 5),
        ("hello\n", "mapping|object", 1),
        ("[1, 2]\n", "mapping|object", 1),
        (HEAD + "data:\n  a: b: c\n", "mapping values|not allowed", 6),
        (HEAD + "\tdata: 1\n", "tab|character", 5),
        (b"\xff\xfe\x00", "(?i)utf|control|character|encoding|yaml", None),
    ],
    ids=["aliases", "depth 300", "depth 9000", "nan", "inf", "scalar", "list", "syntax", "tab", "binary"],
)
async def test_y1_unreadable_yaml_is_an_error_with_file_and_line(pool: Pool, content: str | bytes, said: str, line: int | None) -> None:
    """At once, naming the file; the line where the reader knows it."""
    began = time.monotonic()
    error = await _failure(pool, content)
    assert error.place is not None
    assert error.place.path == "app/bad.yaml"
    assert line is None or error.place.line == line
    assert re.search(said, str(error)), str(error)
    assert time.monotonic() - began < 2


async def test_y1_a_million_documents_end_at_the_limit_of_objects(pool: Pool) -> None:
    """A stream of very many documents is refused by their number, in seconds."""
    error = await _failure(pool, "a: 1\n---\n" * 100_000, limits=Limits(objects=1000))
    assert error.failure_class == "Limit"
    assert "1000" in str(error)


async def test_y1_empty_documents_are_nothing(pool: Pool) -> None:
    """A million separators are no objects, and no error."""
    result = await render(pool, {"app/a.yaml": "---\n" * 1_000_000 + config_map()})
    assert [one.name for one in result.objects] == ["settings"]


async def test_y1_a_duplicate_key_is_a_warning_with_its_line(pool: Pool) -> None:
    """As for kubectl the last one wins, but never in silence."""
    result = await render(pool, {"app/a.yaml": HEAD + "data:\n  a: one\n  a: two\n"})
    assert bodies(result)[0]["data"] == {"a": "two"}
    ((path, line),) = [(warning.path, warning.line) for warning in result.warnings]
    assert (path, line) == ("app/a.yaml", 7)


async def test_y1_foreign_tags_run_nothing(pool: Pool) -> None:
    """`!!python/object` is a tag like any other, and the value under it is just a value."""
    content = HEAD + "data:\n  a: !!python/object/apply:os.system ['touch /tmp/owned']\n"
    assert bodies(await render(pool, {"app/a.yaml": content}))[0]["data"]["a"] == ["touch /tmp/owned"]


async def test_y1_scalars_are_read_as_kubernetes_reads_them(pool: Pool) -> None:
    """YAML 1.1 booleans and octals, exact integers, a byte order mark: as kubectl."""
    content = b"\xef\xbb\xbf" + (HEAD + "data: {a: y, b: no, c: 0o17, d: 017, e: 9007199254740993, f: 12:30:45, g: 1_000}\n").encode()
    result = await render(pool, {"app/a.yaml": content})
    assert bodies(result)[0]["data"] == {"a": True, "b": False, "c": 15, "d": 15, "e": 9007199254740993, "f": "12:30:45", "g": 1000}


async def test_y2_large_objects_and_odd_names_are_told_apart_from_the_good_ones(pool: Pool) -> None:
    """What the API would refuse by its form is a problem of that object; the others stay usable."""
    files = {
        "app/big.yaml": config_map("big", "x" * 1_600_000),
        "app/good.yaml": config_map("good"),
        "app/long.yaml": config_map("n" * 254),
        "app/note.yaml": config_map("note").replace("metadata:\n", f"metadata:\n  annotations: {{a: {'x' * 270_000}}}\n"),
    }
    problems = {one.path: one.problem for one in (await render(pool, files)).objects}
    assert not problems.pop("app/good.yaml")
    assert set(problems) == {"app/big.yaml", "app/long.yaml", "app/note.yaml"}
    assert "253" in problems["app/long.yaml"]


async def test_y2_ten_thousand_objects_are_rendered(pool: Pool) -> None:
    """In one application, within the deadline."""
    result = await render(pool, {f"app/{n:03}.yaml": "---\n".join(config_map(f"s-{n}-{m}") for m in range(100)) for n in range(100)})
    assert len(result.objects) == 10_000


async def test_y2_lists_within_lists_are_expanded(pool: Pool) -> None:
    """`kind: List` is how people put many objects into one document."""
    inner = '{"kind":"List","apiVersion":"v1","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"}}]}'
    outer = '{"kind":"List","apiVersion":"v1","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}},' + inner + "]}"
    assert [one.name for one in (await render(pool, {"app/a.json": outer})).objects] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: null\n", "name|metadata"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: [1]}\n", "labels"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: {a: 1}}\n", "labels"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, annotations: {a: true}}\n", "annotation"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", "name"),
        ("kind: ConfigMap\nmetadata: {name: x}\n", "apiVersion"),
        ("apiVersion: v1\nmetadata: {name: x}\n", "kind"),
        ("apiVersion: 1\nkind: ConfigMap\nmetadata: {name: x}\n", "apiVersion"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 7}\n", "name"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: x-}\n", "generateName|name"),
    ],
)
async def test_y3_an_impossible_object_has_a_problem_and_harms_no_other(pool: Pool, content: str, said: str) -> None:
    """One sentence about that object; the one beside it is as usable as ever."""
    result = await render(pool, {"app/bad.yaml": content, "app/good.yaml": config_map("good")})
    bad, good = result.objects
    assert not good.problem
    assert re.search(said, bad.problem), bad.problem


async def test_y3_what_only_a_server_writes_is_dropped_with_a_warning(pool: Pool) -> None:
    """`status`, `managedFields`, `deletionTimestamp` … in Git come from `kubectl get -o yaml`; they are never sent."""
    content = (
        "apiVersion: v1\nkind: Pod\nstatus: {phase: Running}\nmetadata:\n  name: x\n  uid: abc\n  resourceVersion: '7'\n"
        "  deletionTimestamp: '2026-01-01T00:00:00Z'\n  managedFields: [{manager: kubectl}]\n"
    )
    result = await render(pool, {"app/a.yaml": content})
    assert bodies(result) == [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}]
    said = " ".join(warning.message for warning in result.warnings)
    assert all(field in said for field in ("status", "uid", "resourceVersion", "deletionTimestamp", "managedFields"))
