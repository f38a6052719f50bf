"""Row J1 of the bad-input corpus: Jsonnet that imports what it must not, or never ends."""

from __future__ import annotations

import re
import time

import pytest
from tests.render.trees import Link, bodies, config_map, render

from trimtab.core.errors import RenderError
from trimtab.render.errors import RenderFailedError
from trimtab.render.pool import Pool

OBJECT = "{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data: { key: %s } }"


@pytest.mark.parametrize(
    "expression",
    [
        "importstr '/etc/passwd'",
        "importstr '../../../../../etc/passwd'",
        "import 'http://127.0.0.1:1/x.libsonnet'",
        "import 'https://example.com/x.libsonnet'",
        "importbin '/proc/self/environ'",
        "importstr 'link.txt'",
    ],
)
async def test_j1_imports_stay_in_the_tree(pool: Pool, expression: str) -> None:
    """The error names the import; nothing of what is there comes out."""
    with pytest.raises(RenderFailedError) as caught:
        await render(pool, {"app/main.jsonnet": OBJECT % expression, "app/link.txt": Link("/etc/passwd")})
    shown = f"{caught.value} {caught.value.detail}"
    assert expression.split("'")[1].rpartition("/")[2] in shown
    assert "root:" not in shown


async def test_j1_imports_within_the_tree_work(pool: Pool) -> None:
    """Beside, above, through a library path: each a read of its own."""
    files = {
        "app/main.jsonnet": OBJECT % "(import '../lib/a.libsonnet').v + importstr 'b.txt'",
        "lib/a.libsonnet": "{ v: 'a' }",
        "vendor/b.txt": "b",
    }
    result = await render(pool, files, parameters={"libraryPaths": ["../vendor"]})
    assert bodies(result)[0]["data"]["key"] == "ab"
    assert {path for kind, path, _ in result.reads if kind == "f"} == {"app/main.jsonnet", "lib/a.libsonnet", "vendor/b.txt"}
    assert ("a", "app/b.txt", "") in result.reads


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("local f(x) = f(x + 1); f(0)", "stack|stopped after|out of memory"),
        ("local f(x) = f(x + 1) tailstrict; f(0)", "stack|stopped after|out of memory"),
        ("std.foldl(function(a, b) a + a, std.range(1, 40), 'x')", "out of memory|stopped after"),
        ("std.length(std.range(1, 1000000000))", "out of memory|stopped after"),
        ("std.repeat('x', 1000000000)", "out of memory|stopped after|limit"),
        ("local a = { b: a.b }; a.b", "stack|recursion|stopped after"),
    ],
    ids=["recursion", "tail recursion", "doubling", "range", "repeat", "self reference"],
)
async def test_j1_programs_without_end_cost_one_render(strict_pool: Pool, expression: str, said: str) -> None:
    """Over within the limit and a second; the next render is well."""
    began = time.monotonic()
    with pytest.raises(RenderError) as caught:
        await render(strict_pool, {"app/main.jsonnet": OBJECT % expression})
    assert re.search(said, str(caught.value)), caught.value
    assert time.monotonic() - began < 2.5
    assert (await render(strict_pool, {"app/a.yaml": config_map()})).objects


async def test_j1_trace_writes_nowhere(pool: Pool) -> None:
    """`std.trace` is no way into a log."""
    result = await render(pool, {"app/main.jsonnet": OBJECT % "std.trace('hunter2', 'ok')"})
    assert bodies(result)[0]["data"]["key"] == "ok"
    assert "hunter2" not in repr(result)
