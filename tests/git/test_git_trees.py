from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import repos

from trimtab.git.errors import HostileTreeError
from trimtab.git.objects import ObjectReader
from trimtab.git.trees import Entry, case_clashes, entries_many, entry, listing_digest, parse_tree

BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
HOSTILE = [
    b"..",
    b".",
    b"",
    b"a/../../b",
    b"a/b",
    b".git",
    b".GIT",
    b".Git",
    b"git~1",
    b"GIT~1",
    b".git ",
    b".git...",
    b".git::$INDEX_ALLOCATION",
    ".g\u200cit".encode(),
    "\u200c.git".encode(),
    ".git\ufeff".encode(),
    b"x" * 4096,
]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A repository with every kind of entry."""
    directory = repos.init(tmp_path / "work")
    (directory / "link").symlink_to("a/one")
    (directory / "run").write_bytes(b"#!/bin/sh\n")
    (directory / "run").chmod(0o755)
    repos.commit(directory, {"a/one": b"1", "a/b/two": b"2", "ä": b"3"})
    return directory


@pytest.fixture
async def reader(work: Path) -> AsyncIterator[ObjectReader]:
    """A reader of it."""
    made = ObjectReader(work / ".git")
    yield made
    await made.close()


@pytest.mark.parametrize("name", HOSTILE)
async def test_g2_hostile_names_are_refused(work: Path, reader: ObjectReader, name: bytes) -> None:
    """A tree that git itself stored with such a name is not read."""
    oid = repos.raw_tree(work, [(b"100644", name, BLOB)])
    with pytest.raises(HostileTreeError):
        parse_tree((await reader.read(oid)).content)


@pytest.mark.fast
@pytest.mark.parametrize("mode", [b"100000", b"0100644", b"", b"40755", b"x"])
def test_g2_unknown_modes_are_refused(mode: bytes) -> None:
    """Only what git writes is an entry."""
    with pytest.raises(HostileTreeError):
        parse_tree(mode + b" name\0" + bytes(20))


@pytest.mark.fast
@pytest.mark.parametrize("content", [b"100644 a", b"100644 a\0short", b"\0", b"100644", b"garbage" * 9])
def test_g2_cut_off_trees_are_refused(content: bytes) -> None:
    """Half a tree is never a smaller tree."""
    with pytest.raises(HostileTreeError):
        parse_tree(content)


@pytest.mark.fast
@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_are_read_as_a_name_that_leaves_its_directory(content: bytes) -> None:
    """Whatever a tree holds, names that come out of it are plain."""
    try:
        names = [parsed.name for parsed in parse_tree(content)]
    except HostileTreeError:
        return
    assert not [name for name in names if name in {"", ".", ".."} or "/" in name or "\0" in name]


@pytest.mark.fast
@pytest.mark.parametrize("name", [".gitignore", ".github", "git", "..a", "a..", ".gitmodules", "git~10", "…", ".g"])
def test_innocent_names_are_taken(name: str) -> None:
    """Names that only resemble the hostile ones are ordinary."""
    assert parse_tree(b"100644 " + name.encode() + b"\0" + bytes(20))[0].name == name


@pytest.mark.fast
def test_names_that_differ_by_case_are_told() -> None:
    """They are a warning: we write no files."""
    entries = [Entry("100644", name, BLOB) for name in ("Makefile", "makefile", "x")]
    assert case_clashes(entries) == [("Makefile", "makefile")]


async def test_entries_are_found_by_path(work: Path, reader: ObjectReader) -> None:
    """Files, directories, links and the root; nothing where nothing is, nor behind a file or a link."""
    tree = repos.tree_of(work)
    paths = ["a/one", "a/b", "link", "", "run", "nothing", "a/one/x", "link/x", "no/where", "ä"]
    found = [e.mode_class if e else None for e in await entries_many(reader, tree, paths)]
    assert found == ["f", "d", "l", "d", "x", None, None, None, None, "f"]
    assert await entry(reader, tree, "a/one") == ("100644", "one", repos.git(work, "rev-parse", "HEAD:a/one"))


async def test_a_listing_digest_is_over_kinds_and_names(work: Path, reader: ObjectReader) -> None:
    """The rule of the render worker: SHA-256 over the sorted records `class SP name NUL`."""
    listing = parse_tree((await reader.read(repos.tree_of(work))).content)
    records = [b"d a\0", b"f \xc3\xa4\0", b"l link\0", b"x run\0"]
    assert listing_digest(listing) == hashlib.sha256(b"".join(records)).hexdigest()
