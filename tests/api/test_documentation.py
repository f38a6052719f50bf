"""What the documentation shows is what there is: manifests, commands, flags, links."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from trimtab.api.crds import definitions
from trimtab.api.schema import Schema
from trimtab.cli.main import ALIASES, COMMANDS, VERBOSE, app
from trimtab.core import metrics
from trimtab.sync.health import rules

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language, without what the fence itself is indented by."""
    found: list[list[str]] = []
    fence = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if not fence and line.strip().startswith("```"):
            fence = line.strip()
            if fence == f"```{language}":
                found.append([])
        elif fence and line.strip() == "```":
            fence = ""
        elif fence == f"```{language}":
            found[-1].append(line)
    return ["\n".join(lines) for lines in found]


def specs() -> dict[str, Schema]:
    """The schema of each kind's spec."""
    versions = [(d["spec"]["names"]["kind"], d["spec"]["versions"][0]["schema"]["openAPIV3Schema"]) for d in definitions()]
    return {kind: schema["properties"]["spec"] for kind, schema in versions}


def unknown(value: Any, schema: Schema, path: str) -> Iterator[str]:
    """The fields that the API server would prune, and the values that its enumerations refuse."""
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}={value}"
    if "properties" in schema:
        for name, inner in value.items():
            if name in schema["properties"]:
                yield from unknown(inner, schema["properties"][name], f"{path}.{name}")
            else:
                yield f"{path}.{name}"
    for item in value if "items" in schema else ():
        yield from unknown(item, schema["items"], f"{path}[]")


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_manifests_have_only_fields_that_exist(page: Path) -> None:
    """A reader pastes them; a field that is pruned would be a lie. Fragments that begin with `spec` are an Application's."""
    for block in blocks(page, "yaml"):
        for manifest in yaml.safe_load_all(block):
            kind = manifest.get("kind", "Application")
            if kind in specs():
                assert list(unknown(manifest["spec"], specs()[kind], kind)) == []


def typed() -> Iterator[tuple[str, str]]:
    """(page, line) of each trimtab command in a block."""
    for page, name in zip(PAGES, IDS, strict=True):
        for block in blocks(page, ""):
            lines = (line.removeprefix("$ ") for line in block.splitlines())
            yield from (
                (name, line) for line in lines if re.match(r"trimtab [a-z]+( |$)", line) and "  " not in line.split("#")[0].rstrip()
            )


def flags(command: str) -> set[str]:
    """What a command understands."""
    arguments = app[command].assemble_argument_collection()
    return {"--help", *VERBOSE} | {name for argument in arguments for name in argument.names}


@pytest.mark.parametrize(("page", "line"), sorted(set(typed())))
def test_commands_and_flags_exist(page: str, line: str) -> None:
    """Each line that begins with trimtab could be typed."""
    _, command, *rest = shlex.split(line.replace("…", "x"), comments=True)
    name = next((known for known, alias in ALIASES.items() if alias == command), command)
    assert name in COMMANDS, page
    assert {token.split("=")[0] for token in rest if token.startswith("-")} <= flags(name), page


def test_every_command_is_documented() -> None:
    """In docs/commands.md, with an example."""
    shown = {line.split()[1] for page, line in typed() if page == "docs/commands.md"}
    text = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    assert {name for name in COMMANDS if name not in shown and f"trimtab {name} " not in text} == set()


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading where one is named."""
    for path, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def test_the_example_of_a_health_rule_is_one() -> None:
    """Read by the program's own reader, and it judges."""
    (block,) = blocks(ROOT / "CONTRIBUTING.md", "json")
    (rule,) = rules.decode(block.encode(), "cert-manager.json").rules
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert rules.apply(rule, ready).status == "Healthy"
    assert rules.apply(rule, json.loads(msgspec.json.encode({"status": {}}))).status == "Degraded"


def test_every_metric_is_documented_and_no_other() -> None:
    """In the table of docs/operations.md, under the name that is scraped."""
    told = set(re.findall(r"`(trimtab_\w+)`", (ROOT / "docs/operations.md").read_text(encoding="utf-8")))
    scraped = {f"{m.name}_total" if m.type == "counter" else m.name for m in metrics.REGISTRY.collect()}
    assert told == scraped
