from __future__ import annotations

import asyncio
import tempfile
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import repos

from trimtab.git.changes import Change, Differ
from trimtab.git.objects import ObjectReader
from trimtab.git.reads import Read, ReadIndex, evaluate, holds

Shape = dict[str, object]

# Small trees of few names, so that random pairs collide often: files, executables, links, and directories (empty ones too).
leaves = st.sampled_from([("100644", b"1"), ("100644", b"2"), ("100755", b"1"), ("120000", b"1")])
shapes = st.recursive(
    st.dictionaries(st.sampled_from("abc"), leaves, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), leaves | inner, max_size=3),
    max_leaves=8,
)
paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
wishes = st.lists(st.tuples(st.sampled_from("fldta"), paths | st.just("")), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(old=shapes, new=shapes, wanted=st.lists(wishes, min_size=1, max_size=4))
def test_no_application_whose_reads_changed_is_missed(old: Shape, new: Shape, wanted: list[list[tuple[str, str]]]) -> None:
    """Against brute force: whoever's reads evaluate differently in the new tree is concerned; and `holds` says exactly who that is."""
    asyncio.run(_compare(old, new, wanted))


async def _compare(old: Shape, new: Shape, wanted: list[list[tuple[str, str]]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        repository = Path(directory)
        repos.git(repository, "init", "-q", "--bare")
        before, after = _store(repository, old), _store(repository, new)
        reader, differ = ObjectReader(repository), Differ(repository)
        index: ReadIndex[int] = ReadIndex()
        reads: dict[int, list[Read]] = {}
        for key, wish in enumerate(wanted):
            blank = [Read(kind, path, "") for kind, path in wish]
            found = await evaluate(reader, before, blank)
            reads[key] = [Read(read.kind, read.path, oid or "") for read, oid in zip(blank, found, strict=True)]
            index.put(key, reads[key])
        concerned = index.concerned(await differ.changes(before, after))
        for key, entries in reads.items():
            was, now = await evaluate(reader, before, entries), await evaluate(reader, after, entries)
            assert key in concerned or was == now
            assert await holds(reader, after, entries) == (now == [read.id for read in entries])
        await reader.close()
        await differ.close()


def _store(repository: Path, shape: Shape) -> str:
    """Write a shape as trees; the root's id."""
    entries = []
    for name, value in shape.items():
        if isinstance(value, dict):
            entries.append((name + "/", b"40000", name.encode(), _store(repository, value)))
        else:
            assert isinstance(value, tuple)
            mode, content = value
            entries.append((name, mode.encode(), name.encode(), repos.git(repository, "hash-object", "-w", "--stdin", given=content)))
    return repos.raw_tree(repository, [entry[1:] for entry in sorted(entries)])


@pytest.mark.fast
def test_only_the_reader_of_a_changed_file_is_concerned() -> None:
    """One application of ten thousand; a base wakes all that read it; a file that nobody read wakes nobody."""
    index = _ten_thousand()
    assert index.concerned([Change("apps/55/5555/a.yaml", "M")]) == {5555}
    assert index.concerned([Change("base/3.yaml", "M")]) == set(range(3, 10_000, 10))
    assert index.concerned([Change("README.md", "M"), Change("apps/55/5555/notes.txt", "M")]) == set()


@pytest.mark.fast
def test_absent_paths_and_listings_wake_when_something_comes() -> None:
    """A file that was looked for in vain, and a file that joins a listed directory."""
    index = _ten_thousand()
    assert index.concerned([Change("apps/55/5555/kustomization.yml", "A")]) == {5555}
    assert index.concerned([Change("apps/55/5555/kustomization.yml/x", "A")]) == {5555}
    assert index.concerned([Change("apps/55/5555/b.yaml", "A")]) == {5555}


@pytest.mark.fast
def test_removed_and_replaced_readers_are_forgotten() -> None:
    """`put` replaces, `remove` forgets, and nothing is left behind."""
    index: ReadIndex[str] = ReadIndex()
    index.put("one", [Read("f", "a", "1"), Read("t", "dir", "2")])
    index.put("two", [Read("f", "a", "1")])
    index.put("one", [Read("f", "b", "1")])
    assert index.concerned([Change("a", "M"), Change("dir/x", "M")]) == {"two"}
    index.remove("one")
    index.remove("two")
    index.remove("three")
    assert index.statistics() == (0, 0)


def test_the_index_is_small_and_quick() -> None:
    """Ten thousand applications of six reads: at most 1 KB each, and at most 1 ms for a small change."""
    tracemalloc.start()
    try:
        index = _ten_thousand()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held / 10_000 <= 1024
    started = time.perf_counter()
    for _ in range(100):
        index.concerned([Change("apps/55/5555/a.yaml", "M"), Change("apps/1/100/b.yaml", "A")])
    assert (time.perf_counter() - started) / 100 <= 0.001


def _ten_thousand() -> ReadIndex[int]:
    index: ReadIndex[int] = ReadIndex()
    for number in range(10_000):
        home = f"apps/{number // 100}/{number}"
        index.put(
            number,
            [
                Read("f", f"{home}/a.yaml", "1" * 40),
                Read("f", f"{home}/c.yaml", "1" * 40),
                Read("f", f"base/{number % 10}.yaml", "2" * 40),
                Read("d", home, "3" * 64),
                Read("a", f"{home}/kustomization.yml", ""),
                Read("a", f"{home}/Kustomization", ""),
            ],
        )
    return index
