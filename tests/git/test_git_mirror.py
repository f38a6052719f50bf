from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.git.conftest import Fleet, MirrorMaker
from tests.support import repos

from trimtab.core.errors import InputError
from trimtab.git.errors import RefNotFoundError
from trimtab.git.mirror import Mirror
from trimtab.git.refs import Ref
from trimtab.git.remote import Remote
from trimtab.git.transport import MirrorLimits

MAIN = Ref(branch="main")


async def test_a_pushed_commit_is_resolved_and_readable(fleet: Fleet, mirror: Mirror) -> None:
    """A branch resolves to its commit, tree, author, date and subject; its tree can be read."""
    oid = await fleet.push({"apps/a.yaml": b"a: 1\n"})
    revision = await mirror.resolve(MAIN)
    assert (revision.commit, revision.name, revision.author) == (oid, "main", "Ada <ada@example.com>")
    assert revision.tree == repos.tree_of(fleet.work)
    assert (revision.subject, revision.signature) == ("A change", "none")
    assert (await mirror.objects.read(revision.tree)).kind == "tree"


async def test_without_a_ref_the_head_of_the_remote_is_followed(fleet: Fleet, mirror: Mirror) -> None:
    """The default is the remote's HEAD, under the name of its branch."""
    await fleet.push({"a": b"1"})
    assert (await mirror.resolve(Ref())).name == "main"


async def test_a_resolve_of_what_is_here_fetches_nothing(fleet: Fleet, mirror: Mirror) -> None:
    """An interval without a push costs one listing."""
    await fleet.push({"a": b"1"})
    await mirror.resolve(MAIN)
    fetched_at = mirror.fetched_at
    await mirror.resolve(MAIN)
    assert mirror.fetched_at == fetched_at


async def test_a_hint_decides_nothing(fleet: Fleet, mirror: Mirror) -> None:
    """A replayed webhook names an old commit, or none at all; the branch's own is resolved."""
    old = await fleet.push({"a": b"1"})
    new = await fleet.push({"a": b"2"})
    for hint in (old, "1" * 40, new):
        assert (await mirror.resolve(MAIN, oid_hint=hint)).commit == new


async def test_annotated_tags_resolve_to_their_commit(fleet: Fleet, mirror: Mirror) -> None:
    """A tag object is peeled."""
    oid = await fleet.push({"a": b"1"})
    await fleet.git("tag", "-a", "v1.0.0", "-m", "One")
    await fleet.git("push", "-q", "origin", "v1.0.0")
    revision = await mirror.resolve(Ref(tag="v1.0.0"))
    assert (revision.commit, revision.name) == (oid, "v1.0.0")


async def test_the_highest_version_in_range_is_followed(fleet: Fleet, mirror: Mirror) -> None:
    """Tags are versions, with or without `v`; others are passed over."""
    for number, tag in enumerate(("v1.2.0", "1.10.0", "v2.0.0", "nightly", "1.11.0-rc.1")):
        await fleet.push({"a": b"%d" % number})
        await fleet.git("tag", tag)
    await fleet.git("push", "-q", "--tags", "origin")
    assert (await mirror.resolve(Ref(semver="^1.2"))).name == "1.10.0"
    with pytest.raises(RefNotFoundError, match="No tag"):
        await mirror.resolve(Ref(semver=">=3"))


async def test_a_commit_is_fetched_by_its_id(fleet: Fleet, mirror: Mirror) -> None:
    """A commit that no branch is at any more can be pinned."""
    old = await fleet.push({"a": b"1"})
    await fleet.push({"a": b"2"})
    assert (await mirror.resolve(Ref(commit=old))).commit == old
    with pytest.raises(RefNotFoundError, match="no such commit"):
        await mirror.resolve(Ref(commit="1" * 40))


async def test_r9_force_push_is_followed_and_the_old_commit_stays_readable(fleet: Fleet, mirror: Mirror) -> None:
    """A rewound branch is followed; a rollback to the commit that it left behind still works."""
    first = await fleet.push({"a": b"1"})
    await fleet.push({"a": b"2"})
    left = await mirror.resolve(MAIN)
    await fleet.git("reset", "-q", "--hard", first)
    new = await fleet.push({"a": b"3"}, force=True)
    assert (await mirror.resolve(MAIN)).commit == new
    assert (await mirror.revision(left.commit)).tree == left.tree


async def test_r9_deleted_branch_is_an_error_not_an_empty_set(fleet: Fleet, mirror: Mirror) -> None:
    """A branch that is gone says so, and what was fetched stays readable; recreated, it is followed again."""
    oid = await fleet.push({"a": b"1"}, branch="next")
    await mirror.resolve(Ref(branch="next"))
    await fleet.git("push", "-q", "origin", ":next")
    with pytest.raises(RefNotFoundError, match="no branch 'next'"):
        await mirror.resolve(Ref(branch="next"))
    assert (await mirror.revision(oid)).commit == oid
    again = await fleet.push({"a": b"2"}, branch="next")
    assert (await mirror.resolve(Ref(branch="next"))).commit == again


async def test_r9_moved_tag_is_followed(fleet: Fleet, mirror: Mirror) -> None:
    """A tag that was moved resolves to its new commit."""
    await fleet.push({"a": b"1"})
    await fleet.git("push", "-q", "origin", "HEAD:refs/tags/stable")
    await mirror.resolve(Ref(tag="stable"))
    new = await fleet.push({"a": b"2"})
    await fleet.git("push", "-q", "--force", "origin", "HEAD:refs/tags/stable")
    assert (await mirror.resolve(Ref(tag="stable"))).commit == new


async def test_r9_empty_repository_says_so_and_its_first_push_is_followed(fleet: Fleet, mirror: Mirror) -> None:
    """Nothing was pushed yet: a clear error, and no error once there is a commit."""
    with pytest.raises(RefNotFoundError, match="empty"):
        await mirror.resolve(Ref())
    with pytest.raises(RefNotFoundError, match="no branch 'main'"):
        await mirror.resolve(MAIN)
    oid = await fleet.push({"a": b"1"})
    assert (await mirror.resolve(Ref())).commit == oid


async def test_r9_repository_replaced_by_unrelated_history_is_followed(fleet: Fleet, mirror: Mirror, tmp_path: Path) -> None:
    """Another history under the same URL is resolved to its own trees."""
    await fleet.push({"a": b"1"})
    await mirror.resolve(MAIN)
    other = repos.init(tmp_path / "other", remote=fleet.url)
    oid = repos.commit(other, {"b": b"2"}, "Another beginning")
    await asyncio.to_thread(repos.push, other, force=True)
    revision = await mirror.resolve(MAIN)
    assert (revision.commit, revision.tree) == (oid, repos.tree_of(other))


async def test_r10_pushes_during_fetches_never_mix_commits(fleet: Fleet, mirror: Mirror) -> None:
    """Whatever is resolved while pushes arrive is one commit with its own tree, never older than before, and the last one in the end."""
    pushed: list[str] = []

    async def push_many() -> None:
        for number in range(12):
            oid = await fleet.push({"a": b"%d" % number, f"dir/{number}": b"x"})
            pushed.append(oid)

    pushing = asyncio.create_task(push_many())
    seen: list[str] = []
    while not pushing.done():
        if fleet.server.pushes:
            revision = await mirror.resolve(MAIN, oid_hint=fleet.server.pushes[-1].after)
            assert revision.tree == repos.tree_of(fleet.work, revision.commit)
            seen.append(revision.commit)
        await asyncio.sleep(0)
    await pushing
    assert [oid for oid in pushed if oid in seen] == list(dict.fromkeys(seen))
    assert (await mirror.resolve(MAIN)).commit == pushed[-1]


async def test_many_callers_fetch_a_commit_once(fleet: Fleet, make_mirror: MirrorMaker) -> None:
    """One fetch at a time, and who waited finds the commit there."""
    mirror = make_mirror(fleet.url)
    await fleet.push({"a": b"1"})
    revisions = await asyncio.gather(*(mirror.resolve(MAIN) for _ in range(8)))
    assert len({revision.commit for revision in revisions}) == 1
    fetched_at = mirror.fetched_at
    await mirror.resolve(MAIN)
    assert mirror.fetched_at == fetched_at


async def test_a_later_process_takes_the_mirror_up(fleet: Fleet, make_mirror: MirrorMaker) -> None:
    """After a restart nothing is fetched that is here."""
    oid = await fleet.push({"a": b"1"})
    first = make_mirror(fleet.url)
    await first.resolve(MAIN)
    await first.close()
    second = make_mirror(fleet.url)
    assert (await second.resolve(MAIN)).commit == oid
    assert not second.fetched_at


async def test_commits_in_use_outlive_the_history_cap(fleet: Fleet, make_mirror: MirrorMaker) -> None:
    """Of old commits the latest few stay, and those that applications use."""
    mirror = make_mirror(fleet.url, limits=MirrorLimits(history=2))
    oids = []
    for number in range(5):
        oids.append(await fleet.push({"a": b"%d" % number}))
        mirror.retain({oids[0]})
        await mirror.resolve(MAIN)
    kept = {path.name for path in (mirror.directory / "refs/trimtab/kept").iterdir()}
    assert kept == {oids[0], oids[3], oids[4]}


@pytest.mark.parametrize("command", [False, True], ids=["own", "command"])
async def test_many_pushes_are_rolled_up(fleet: Fleet, make_mirror: MirrorMaker, monkeypatch: pytest.MonkeyPatch, command: bool) -> None:
    """Small packs and loose objects do not pile up, and all stays readable meanwhile."""
    monkeypatch.setattr("trimtab.git.mirror._PACKS", 3)
    monkeypatch.setattr("trimtab.git.mirror._LOOSE_IN_SAMPLE", -1)
    mirror = make_mirror(fleet.url, command=command)
    oids = []
    for number in range(8):
        oids.append(await fleet.push({"a": b"%d" % number}))
        await mirror.resolve(MAIN)
        assert mirror._tidying
        await mirror._tidying
    assert len(list((mirror.directory / "objects/pack").glob("*.pack"))) <= 4
    assert not [path for path in (mirror.directory / "objects").iterdir() if len(path.name) == 2]
    for oid in oids:
        await mirror.revision(oid)


async def test_a_local_repository_is_fetched_only_where_that_is_allowed(fleet: Fleet, make_mirror: MirrorMaker) -> None:
    """The command line may name a path; a Repository may not."""
    oid = await fleet.push({"a": b"1"})
    assert (await make_mirror(Remote(url=str(fleet.bare), local=True)).resolve(MAIN)).commit == oid
    with pytest.raises(InputError, match="local path"):
        Remote(url=str(fleet.bare))
