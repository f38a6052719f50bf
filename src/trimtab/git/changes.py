"""What differs between two trees, through one long-lived `git diff-tree --stdin` a mirror.

For a pair of trees git prints `<old> <new> LF`, then `:<mode> <mode> <oid> <oid> <letter> NUL <path> NUL` for each difference. It does not
flush after a pair, but it does when it copies through a line that is no object id: that line, written after each pair, is the end mark.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from trimtab.core.errors import InputError, TrimtabError
from trimtab.git.conversation import IDLE_SECONDS, Conversation
from trimtab.git.errors import LimitError, MissingObjectError
from trimtab.git.refs import is_oid

CHANGE_CAP = 1_000_000
_MARK = b"--\n"
_TREE = b"040000"
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""The empty tree, which git knows without storing it: as old tree it makes everything an addition."""


class Change(NamedTuple):
    """One difference. `status` is A added, D deleted, M content changed, T kind changed (file, executable, link, submodule).

    A directory is named only where one comes or goes (A, D); what is in it is named as well.
    """

    path: str
    status: str
    is_directory: bool = False


class Differ:
    """Compares trees of the repository in `directory`."""

    def __init__(self, directory: Path, *, cap: int = CHANGE_CAP, idle: float = IDLE_SECONDS) -> None:
        arguments = ["diff-tree", "--stdin", "-r", "-t", "-z", "--no-renames", "--raw", "--no-abbrev", "--ignore-submodules=none"]
        self._conversation = Conversation(directory, arguments, idle=idle)
        self._cap = cap

    async def changes(self, old_tree: str, new_tree: str) -> list[Change]:
        """All differences, complete, in path order. Raises MissingObjectError when a tree cannot be read, LimitError past the cap."""
        for oid in (old_tree, new_tree):
            if not is_oid(oid):
                raise InputError(f"{oid[:80]!r} is not an object id.")
        if old_tree == new_tree:
            return []
        answer = _Differences(old_tree, new_tree, self._cap)
        await self._conversation.ask(answer)
        return answer.changes

    async def close(self) -> None:
        """End the process; a later question starts it anew."""
        await self._conversation.close()


class _Differences:
    """The answer to one pair of trees."""

    def __init__(self, old: str, new: str, cap: int) -> None:
        self.changes: list[Change] = []
        self._old, self._new, self._cap = old, new, cap
        self._begun = False

    def request(self) -> bytes:
        self.changes, self._begun = [], False
        return f"{self._old} {self._new}\n".encode() + _MARK

    def feed(self, buffer: bytearray) -> bool:
        if not self._begun and not self._begin(buffer):
            return False
        pieces = bytes(buffer).split(b"\0")
        whole = (len(pieces) - 1) // 2 * 2
        for index in range(0, whole, 2):
            self._take(pieces[index], pieces[index + 1])
        rest = b"\0".join(pieces[whole:])
        done = rest == _MARK
        buffer[:] = b"" if done else rest
        return done

    def failure(self) -> TrimtabError:
        return MissingObjectError(f"{self._old} or {self._new}, or a tree in them,")

    def _begin(self, buffer: bytearray) -> bool:
        """Take the line that names the pair. git prints none for an id that is no tree here: "could not read" is never "no change"."""
        end = buffer.find(b"\n")
        if end < 0:
            return False
        if buffer[: end + 1] == _MARK:
            raise self.failure()
        self._begun = True
        del buffer[: end + 1]
        return True

    def _take(self, meta: bytes, path: bytes) -> None:
        old_mode, new_mode, _, _, letter = meta.removeprefix(b":").split(b" ")
        if old_mode == new_mode == _TREE:
            return
        if len(self.changes) >= self._cap:
            raise LimitError(f"More than {self._cap} files differ between two revisions.")
        status = "T" if letter == b"M" and old_mode != new_mode else letter.decode()
        self.changes.append(Change(path.decode(errors="surrogateescape"), status, _TREE in {old_mode, new_mode}))
