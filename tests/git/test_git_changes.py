from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support import repos

from trimtab.git.changes import EMPTY_TREE, Change, Differ
from trimtab.git.errors import LimitError, MissingObjectError


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A repository to change."""
    directory = repos.init(tmp_path / "work")
    repos.commit(directory, {"a/one": b"1", "a/two": b"2", "b": b"3", "--\nodd": b"4"})
    return directory


@pytest.fixture
async def differ(work: Path) -> AsyncIterator[Differ]:
    """Compares its trees."""
    made = Differ(work / ".git", cap=1000)
    yield made
    await made.close()


async def test_each_kind_of_change_is_told(work: Path, differ: Differ) -> None:
    """Added, deleted, modified, kind changed (also by the executable bit); directories where they come and go; no renames."""
    old = repos.tree_of(work)
    (work / "b").unlink()
    (work / "b").symlink_to("a")
    (work / "a/two").chmod(0o755)
    repos.commit(work, {"a/one": b"changed", "c/new": b"1", "--\nodd": None})
    assert await differ.changes(old, repos.tree_of(work)) == [
        Change("--\nodd", "D"),
        Change("a/one", "M"),
        Change("a/two", "T"),
        Change("b", "T"),
        Change("c", "A", is_directory=True),
        Change("c/new", "A"),
    ]


async def test_a_file_that_becomes_a_directory_is_gone_and_come(work: Path, differ: Differ) -> None:
    """Both sides of it are named."""
    old = repos.tree_of(work)
    repos.commit(work, {"b": None})
    repos.commit(work, {"b/inside": b""})
    changes = await differ.changes(old, repos.tree_of(work))
    assert changes == [Change("b", "D"), Change("b", "A", is_directory=True), Change("b/inside", "A")]


async def test_equal_trees_have_no_changes_and_the_empty_tree_makes_all_new(work: Path, differ: Differ) -> None:
    """The two ends of the scale."""
    tree = repos.tree_of(work)
    assert await differ.changes(tree, tree) == []
    added = await differ.changes(EMPTY_TREE, tree)
    assert {c.path for c in added if not c.is_directory} == {"a/one", "a/two", "b", "--\nodd"}


async def test_a_tree_that_cannot_be_read_is_an_error_never_no_change(work: Path, differ: Differ) -> None:
    """Neither a missing tree nor a missing part of one passes for "nothing changed"; the next question is answered."""
    tree = repos.tree_of(work)
    for old, new in (("1" * 40, tree), (tree, "1" * 40)):
        with pytest.raises(MissingObjectError):
            await differ.changes(old, new)
    broken = repos.raw_tree(work, [(b"40000", b"a", "2" * 40)])
    with pytest.raises(MissingObjectError):
        await differ.changes(tree, broken)
    assert await differ.changes(tree, tree) == []


async def test_more_changes_than_the_cap_are_an_error(work: Path, differ: Differ) -> None:
    """Never a part of them."""
    old = repos.tree_of(work)
    repos.commit(work, {f"many/{number}": b"" for number in range(1001)})
    with pytest.raises(LimitError, match="1000"):
        await differ.changes(old, repos.tree_of(work))


async def test_answers_larger_than_a_pipe_are_whole(work: Path, differ: Differ) -> None:
    """A thousand long paths arrive in many pieces."""
    old = repos.tree_of(work)
    repos.commit(work, {f"{'long' * 50}/{number}": b"" for number in range(900)})
    assert len(await differ.changes(old, repos.tree_of(work))) == 901


async def test_a_killed_process_is_started_again(work: Path, differ: Differ) -> None:
    """Kill -9 is not seen by who asks."""
    old = repos.tree_of(work)
    repos.commit(work, {"b": b"new"})
    new = repos.tree_of(work)
    await differ.changes(old, new)
    process = differ._conversation.process_id
    assert process
    os.kill(process, signal.SIGKILL)
    assert await differ.changes(old, new) == [Change("b", "M")]
