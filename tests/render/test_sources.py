from __future__ import annotations

from itertools import starmap
from pathlib import Path

import pytest
from tests.render.trees import ENDLESS, ask, config_map, raw
from tests.support import repos

from trimtab.core.errors import UnavailableError
from trimtab.git.local import LocalTree
from trimtab.git.objects import ObjectReader
from trimtab.git.reads import Read, holds
from trimtab.render.errors import RenderStoppedError
from trimtab.render.pool import Pool

FILES: dict[str, bytes | None] = {
    "app/kustomization.yaml": b"resources: [../base]\n",
    "base/kustomization.yaml": b"resources: [a.yaml]\n",
    "base/a.yaml": config_map().encode(),
}


async def test_a_git_repository_is_rendered_without_a_checkout(pool: Pool, tmp_path: Path) -> None:
    """The mirror's object reader serves the worker; what was read holds until it changes, whatever else is committed."""
    directory = repos.init(tmp_path / "repo")
    commits: list[dict[str, bytes | None]] = [FILES, {"elsewhere": b"1"}, {"base/a.yaml": b"changed"}]
    trees = [repos.git(directory, "rev-parse", f"{repos.commit(directory, files)}^{{tree}}") for files in commits]
    reader = ObjectReader(directory / ".git")
    try:
        reads = list(starmap(Read, (await pool.render(ask(trees[0]), reader, who="team/demo")).reads))
        assert [await holds(reader, tree, reads) for tree in trees] == [True, True, False]
        with pytest.raises(UnavailableError):
            await pool.render(ask("1" * 40), reader, who="team/demo")
    finally:
        await reader.close()


async def test_a_folder_on_disk_goes_the_same_road(pool: Pool, tmp_path: Path) -> None:
    """`trimtab render ./folder` gives what the controller would give, bases beside it included, and the same render key."""
    directory = repos.init(tmp_path / "repo")
    commit = repos.commit(directory, FILES)
    local = LocalTree(directory / "app")
    reader = ObjectReader(directory / ".git")
    try:
        there = await pool.render(ask(repos.git(directory, "rev-parse", f"{commit}^{{tree}}")), reader, who="team/demo")
    finally:
        await reader.close()
    here = await pool.render(ask(local.tree, local.path), local, who="team/demo")
    assert here.objects == there.objects
    assert here.key == there.key


async def test_a_stopped_render_is_not_tried_again_on_the_same_tree(strict_pool: Pool, tmp_path: Path) -> None:
    """What it may have read is the whole tree: that holds for the same tree, and for no other."""
    directory = repos.init(tmp_path / "repo")
    bomb: dict[str, bytes | None] = {name: raw(content) for name, content in ENDLESS.items()}
    commits: list[dict[str, bytes | None]] = [bomb, {"elsewhere": b"1"}]
    trees = [repos.git(directory, "rev-parse", f"{repos.commit(directory, files)}^{{tree}}") for files in commits]
    reader = ObjectReader(directory / ".git")
    try:
        with pytest.raises(RenderStoppedError) as caught:
            await strict_pool.render(ask(trees[0]), reader, who="team/demo")
        reads = list(starmap(Read, caught.value.reads))
        assert [await holds(reader, tree, reads) for tree in trees] == [True, False]
    finally:
        await reader.close()
