from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.git.conftest import MirrorMaker

from trimtab.core.errors import InputError
from trimtab.git.errors import RefNotFoundError
from trimtab.git.refs import Ref, choose, is_valid_name

HOSTILE = [
    "--upload-pack=touch /tmp/owned",
    "-c x",
    "refs/../../x",
    "@{-1}",
    "@",
    "a" * 65536,
    "a b",
    "a\x00b",
    "a\nb",
    "a..b",
    "a.lock",
    "x/.y",
    "a//b",
    "a/",
    "a.",
    "a~1",
    "a^",
    "a:b",
    "a?",
    "a*",
    "a[",
    "a\\b",
    "main\u202e\n",
    "\udc80",
]


@pytest.mark.fast
@pytest.mark.parametrize("name", HOSTILE)
def test_g4_hostile_refs_are_refused(name: str) -> None:
    """A name that git would refuse, or take for an option, is an error of the Repository."""
    for kind in ("branch", "tag", "commit", "semver"):
        with pytest.raises(InputError):
            Ref(**{kind: name})


async def test_g4_no_process_is_started_for_a_hostile_ref(
    make_mirror: MirrorMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a PATH whose git leaves a mark, refusing leaves none; resolving a good ref does."""
    mark = tmp_path / "mark"
    (tmp_path / "git").write_text(f"#!/bin/sh\ntouch {mark}\nexit 1\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    mirror = make_mirror("https://127.0.0.1:1/x", command=True)
    for name in HOSTILE:
        with pytest.raises(InputError):
            await mirror.resolve(Ref(branch=name))
    assert not mark.exists()
    with pytest.raises(Exception, match="failed"):
        await mirror.resolve(Ref(branch="main"))
    assert mark.exists()


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab/.@{}-~^:?*[\\ \t\x7flock\u0430\u202e"), min_size=1, max_size=12))
@example("a.lock/b")
@example("a/.b")
def test_names_are_judged_as_git_check_ref_format_does(name: str) -> None:
    """Our rules are git's; only `@`, which git reads as HEAD, is refused by us alone."""
    finished = subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True, check=False, cwd="/")
    assert is_valid_name(name) == (finished.returncode == 0 and name != "@")


@pytest.mark.fast
def test_a_ref_names_one_thing() -> None:
    """Branch and tag together are refused."""
    with pytest.raises(InputError, match="more than one"):
        Ref(branch="main", tag="v1")


@pytest.mark.fast
def test_choosing_names_what_is_missing() -> None:
    """Each way of not being there has its own sentence."""
    advertised = {"refs/heads/main": "1" * 40, "refs/tags/v1.0.0": "2" * 40, "refs/tags/v1.0.0^{}": "3" * 40}
    assert choose(Ref(branch="main"), advertised) == ("refs/heads/main", "1" * 40)
    assert choose(Ref(tag="v1.0.0"), advertised).oid == "3" * 40
    assert choose(Ref(semver="1.x"), advertised) == ("refs/tags/v1.0.0", "3" * 40)
    assert choose(Ref(commit="4" * 40), {}).short == "4" * 12
    for ref, sentence in ((Ref(branch="x"), "no branch"), (Ref(tag="x"), "no tag"), (Ref(semver="2.x"), "within"), (Ref(), "empty")):
        with pytest.raises(RefNotFoundError, match=sentence):
            choose(ref, advertised)
