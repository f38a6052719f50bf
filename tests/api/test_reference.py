"""The reference in the documentation: generated, complete, and found out when it is stale."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools import reference
from trimtab.api.crds import definitions
from trimtab.api.schema import RULES

pytestmark = pytest.mark.fast


def names(node: dict[str, Any]) -> Iterator[str]:
    """Every field's name in a schema."""
    for name, inner in node.get("properties", {}).items():
        yield name
        yield from names(inner)
    if "items" in node:
        yield from names(node["items"])


@pytest.mark.parametrize("kind", sorted(reference.KINDS))
def test_every_field_that_the_api_server_knows_has_its_line(kind: str) -> None:
    """With the schema as the witness."""
    page = reference.page(reference.KINDS[kind])
    (schema,) = (d["spec"]["versions"][0]["schema"] for d in definitions() if d["spec"]["names"]["singular"] == kind)
    properties = schema["openAPIV3Schema"]["properties"]
    fields = {name for part in ("spec", "status") for name in names(properties[part])}
    assert not {name for name in fields if f"| `{name}` |" not in page}


def test_every_rule_is_told() -> None:
    """In the words that a person gets when it is broken."""
    pages = "".join(reference.page(kind) for kind in reference.KINDS.values())
    assert all(sentence in pages for rules in RULES.values() for _, sentence in rules)


def test_a_field_is_told_with_its_type_default_and_bounds() -> None:
    """One line of each sort, as it is read."""
    page = reference.page(reference.KINDS["application"])
    assert "| `maxPercent` | integer | `50` | 0–100 | Percent of the inventory. |" in page
    assert "| `timeout` | duration | `5m` | as in `30s`, `5m`, `1h30m` | After that the version counts as failed. |" in page
    assert "| `sources` | list of [Source](#source) | **required** | 1–32 items |" in page


def test_a_stale_page_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--check` names it and what to type; a fresh one passes, and nothing is written."""
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    monkeypatch.setattr(reference, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["reference.py"])
    reference.main()
    monkeypatch.setattr(sys, "argv", ["reference.py", "--check"])
    reference.main()
    (tmp_path / "repository.md").write_text("old")
    with pytest.raises(SystemExit, match=r"repository\.md .* Type:  \.venv/bin/python -m tools\.reference"):
        reference.main()
    assert (tmp_path / "repository.md").read_text() == "old"
