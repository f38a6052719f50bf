from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support import repos

from trimtab.core.errors import InputError
from trimtab.git.errors import LimitError, MissingObjectError
from trimtab.git.local import LocalTree
from trimtab.git.objects import ObjectReader
from trimtab.git.reads import Read, evaluate
from trimtab.git.trees import entry, parse_tree


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A work tree with every kind of entry."""
    directory = repos.init(tmp_path / "work")
    (directory / "link").symlink_to("a/one")
    (directory / "run").write_bytes(b"#!/bin/sh\n")
    (directory / "run").chmod(0o755)
    repos.commit(directory, {"a/one": b"1", "a.txt": b"2", "a/b/two": b"2", "überall": b""})
    return directory


READS = [Read("f", "a/one", ""), Read("f", "run", ""), Read("l", "link", ""), Read("d", "", ""), Read("d", "a", ""), Read("a", "none", "")]


async def test_a_folder_gives_the_reads_that_its_repository_gives(work: Path) -> None:
    """Ids of files and links, and digests of listings, compare with the mirror's."""
    reader = ObjectReader(work / ".git")
    local = LocalTree(work)
    assert await evaluate(local, local.tree, READS) == await evaluate(reader, repos.tree_of(work), READS)
    await reader.close()


async def test_entries_come_in_gits_order(work: Path) -> None:
    """A directory sorts as if its name ended in a slash: a.txt before a."""
    local = LocalTree(work)
    names = [e.name for e in parse_tree((await local.read(local.tree)).content)]
    assert names == ["a.txt", "a", "link", "run", "überall"]


async def test_a_folder_inside_a_work_tree_can_read_beside_itself(work: Path) -> None:
    """The root is the enclosing work tree, so that ../base resolves; `path` says where we are."""
    local = LocalTree(work / "a" / "b")
    assert (local.root, local.path) == (work, "a/b")
    assert await entry(local, local.tree, "a/one")


async def test_a_folder_outside_any_work_tree_is_its_own_root(tmp_path: Path) -> None:
    """Hidden folders too."""
    (tmp_path / ".hidden").mkdir()
    local = LocalTree(tmp_path / ".hidden")
    assert (local.root, local.path) == (tmp_path / ".hidden", "")
    assert (await local.read(local.tree)).content == b""


async def test_only_what_is_asked_for_is_read(work: Path) -> None:
    """Files of a directory that nobody lists may be anything, a pipe that would hang among them."""
    os.mkfifo(work / "pipe")
    (work / "a" / "b" / "secret").write_bytes(b"x")
    local = LocalTree(work)
    tree = await local.read(local.tree)
    assert "pipe" not in [e.name for e in parse_tree(tree.content)]
    assert not [path for path in local._paths.values() if path.startswith("a/")]


async def test_a_file_that_changes_under_a_render_is_an_error(work: Path) -> None:
    """A render is of one state of the folder, or of none."""
    local = LocalTree(work)
    found = await entry(local, local.tree, "a/one")
    assert found
    (work / "a/one").write_bytes(b"other")
    with pytest.raises(InputError, match="changed"):
        await local.read(found.oid)


async def test_large_and_broken_files_are_errors_only_for_who_reads_them(work: Path) -> None:
    """A listing goes past them."""
    (work / "large").write_bytes(b"x" * 2000)
    local = LocalTree(work, cap=1000)
    found = await entry(local, local.tree, "large")
    assert found
    with pytest.raises(LimitError, match="2000"):
        await local.read(found.oid)


async def test_what_was_never_named_cannot_be_read(work: Path) -> None:
    """Ids come from listings alone, so nothing outside the root can be reached."""
    with pytest.raises(MissingObjectError):
        await LocalTree(work).read("1" * 40)
    with pytest.raises(InputError, match="no folder"):
        LocalTree(work / "nowhere")
