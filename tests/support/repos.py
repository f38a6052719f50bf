"""Commits for tests, made by git itself with fixed author and dates."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "gc.auto",
    "GIT_CONFIG_VALUE_0": "0",
    "LC_ALL": "C",
}


def git(directory: Path, *arguments: str, given: bytes = b"") -> str:
    """Run git in `directory`; its output without the last newline. Raises CalledProcessError."""
    finished = subprocess.run(
        ["git", "-C", str(directory), *arguments],
        input=given,
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"], **_IDENTITY},
    )
    if finished.returncode:
        raise AssertionError(f"git {' '.join(arguments)}: {finished.stderr.decode(errors='replace')}")
    return finished.stdout.decode(errors="surrogateescape").rstrip("\n")


def init(directory: Path, *, remote: str = "") -> Path:
    """A work tree on branch main, with `origin` set where given."""
    directory.mkdir(parents=True, exist_ok=True)
    git(directory, "init", "--quiet", "--initial-branch=main")
    if remote:
        git(directory, "remote", "add", "origin", remote)
    return directory


def commit(repo_dir: Path, files: dict[str, bytes | None], message: str = "A change") -> str:
    """Write `files` (None deletes one), commit, and give the commit's id."""
    for name, content in files.items():
        path = repo_dir / name
        if content is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    git(repo_dir, "add", "--all", "--force", ".")
    git(repo_dir, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(repo_dir, "rev-parse", "HEAD")


def push(repo_dir: Path, *refspecs: str, force: bool = False) -> None:
    """Push to origin (branch main where nothing is named)."""
    git(repo_dir, "push", "--quiet", *(["--force"] if force else []), "origin", *(refspecs or ("HEAD:refs/heads/main",)))


def tree_of(repo_dir: Path, revision: str = "HEAD") -> str:
    """The id of a revision's root tree."""
    return git(repo_dir, "rev-parse", f"{revision}^{{tree}}")


def raw_tree(repo_dir: Path, entries: list[tuple[bytes, bytes, str]]) -> str:
    """Store a tree of `(mode, name, oid)` as it is, however hostile; its id."""
    content = b"".join(mode + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    return git(repo_dir, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", given=content)


def raw_commit(repo_dir: Path, tree: str) -> str:
    """A commit of `tree`, with no parent; its id."""
    content = f"tree {tree}\nauthor Ada <ada@example.com> 1 +0000\ncommitter Ada <ada@example.com> 1 +0000\n\nHostile\n".encode()
    return git(repo_dir, "hash-object", "-t", "commit", "-w", "--literally", "--stdin", given=content)
