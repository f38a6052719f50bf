"""YAML that every reader takes for the same values."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from trimtab.cli import manifests
from trimtab.core.clock import SystemClock
from trimtab.render.find import find_worker
from trimtab.render.pool import Pool

NASTY = """yes No on Y null Null ~ true .inf .NaN nan 1e3 1E3 0o14 014 0x1F 0b1 1_000 12:30 2026-01-02 2026-01-02T03:04:05Z
1. .5 +1 -1 a: a:b
- ? # a#b &a *a !a | > %a @a `a 'a' "a" {a [a a] --- ... << = key é 日本"""
BLANKS = [
    "",
    " ",
    " a",
    "a ",
    "a: b",
    "a :b",
    "- a",
    "? a",
    "a #b",
    "a, b",
    "a\tb",
    "a\r\nb",
    "a\x07b",
    "\x7f",
    "\u2028",
    "\x85",
    "\ufeff",
    "--- a",
]
BLOCKS = [
    "a\nb",
    "a\nb\n",
    "a\n\n\n",
    "\na",
    " a\nb",
    "a\n b\n",
    "a\n\n b\n\nc",
    "a \nb",
    "a\n\tb\n",
    "a\n---\nb",
    "a\n# b\n",
    "a\n \nb",
    "\n",
    "\n\n",
]
TABLE = [*NASTY.split(), *BLANKS, *BLOCKS]
TEXT = st.text(max_size=12) | st.sampled_from(TABLE)
LINES = st.lists(TEXT, max_size=4).map("\n".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT | LINES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_printed_is_read_back(value: Any) -> None:
    """By a YAML 1.1 reader, which takes more for something else than any other."""
    assert yaml.safe_load(manifests.document({"value": value})) == {"value": value}


@given(st.dictionaries(TEXT, TEXT, max_size=4))
def test_names_are_read_back(names: dict[str, str]) -> None:
    """Whatever they are."""
    assert yaml.safe_load(manifests.document(names)) == names


async def test_kubernetes_reads_it_back() -> None:
    """By the reader that reads manifests: every nasty text, as a value, in a list, and as a name."""
    data = {f"k{n}": text for n, text in enumerate(TABLE)}
    named = {text: text for text in TABLE if text and "\ufeff" not in text}
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}, "data": named},
        {
            "apiVersion": "a.b/v1",
            "kind": "Till",
            "metadata": {"name": "c"},
            "spec": [TABLE, [[1, -2, None, True, [], {}]], {"a": [{"b": []}]}],
        },
    ]
    async with Pool(find_worker(), clock=SystemClock(), size=1) as pool:
        read = await pool.yaml(manifests.yaml(objects).encode())
    assert [json.loads(o.body) for o in read.objects] == objects


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": {"b": [{"c": 1, "d": "x"}, "z"]}}, "a:\n  b:\n  - c: 1\n    d: x\n  - z\n"),
        ({"a": "one\ntwo\n"}, "a: |\n  one\n  two\n"),
        ({"a": "one\ntwo"}, "a: |-\n  one\n  two\n"),
        ({"a": {}, "b": [], "c": None}, "a: {}\nb: []\nc: null\n"),
        ({"image": "ghcr.io/a/b:6.5.0", "v": "6.5.0"}, 'image: ghcr.io/a/b:6.5.0\nv: "6.5.0"\n'),
    ],
)
def test_it_reads_like_a_manifest(value: Any, text: str) -> None:
    """As people write it: no quotes where none are needed, text as blocks, lists at their name's own level."""
    assert manifests.document(value) == text
