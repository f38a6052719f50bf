"""Bad input, through the whole program: each row is told on its own application, and costs the healthy one beside it nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from tests.controllers.beside import CANARY, Beside, canary_file
from tests.support import repos
from tests.support.fleet import CONFIG_MAPS, Fleet, config_map

from trimtab.controllers.own import REPOSITORIES

CHART = "apiVersion: v2\nname: app\nversion: 1.0.0\n"
HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n"


@pytest.fixture
async def beside(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]) -> Beside:
    """A healthy application at its pace; the canary is in the environment of this process, too."""
    monkeypatch.setenv("TRIMTAB_CANARY", CANARY)
    fleet: Fleet = request.getfixturevalue("fleet")
    made = Beside(fleet, capfd)
    await made.begin()
    return made


def chart(template: str, values: str = "", **more: str) -> dict[str, str]:
    """A chart's files; `more` are further files of its folder."""
    return {"Chart.yaml": CHART, "values.yaml": values, "templates/a.yaml": template, **more}


def holding(expression: str, name: str) -> str:
    """A template that shows an expression's outcome."""
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: {{{{ {expression} | toString | quote }}}}\n"


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


async def test_g2_hostile_trees(beside: Beside) -> None:
    """A tree that no honest client writes is refused at the fetch, on its own Repository."""
