"""Objects by id, through one long-lived `git cat-file --batch-command --buffer` a mirror: git-cat-file(1), BATCH OUTPUT.

Any number of reads are one write and, with `flush`, one answer. Packs that are fetched later are seen: git looks again for what it lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from trimtab.core.errors import InputError, TrimtabError
from trimtab.git.conversation import IDLE_SECONDS, Conversation
from trimtab.git.errors import LimitError, MissingObjectError
from trimtab.git.refs import is_oid

OBJECT_CAP = 64 << 20
_MISSING = (b" missing", b" ambiguous")


class Object(NamedTuple):
    """An object: `blob`, `tree`, `commit` or `tag`, and its content."""

    kind: str
    content: bytes


class Info(NamedTuple):
    """An object without its content; `size` in bytes."""

    oid: str
    kind: str
    size: int


class Reader(Protocol):
    """What trees and renders need of a repository: a mirror's `ObjectReader`, or a folder's `LocalTree`."""

    async def read(self, oid: str) -> Object:
        """One object. Raises MissingObjectError."""
        ...

    async def read_many(self, oids: Sequence[str]) -> list[Object]:
        """The objects in the order asked for. Raises MissingObjectError."""
        ...


class ObjectReader:
    """Reads objects of the repository in `directory`; no object larger than `cap` bytes."""

    def __init__(self, directory: Path, *, cap: int = OBJECT_CAP, idle: float = IDLE_SECONDS) -> None:
        self._conversation = Conversation(directory, ["cat-file", "--batch-command", "--buffer"], idle=idle)
        self._cap = cap

    @property
    def process_id(self) -> int | None:
        """The reading process's id, while there is one."""
        return self._conversation.process_id

    async def read(self, oid: str) -> Object:
        """One object. Raises MissingObjectError, and LimitError when it is over the cap."""
        return (await self.read_many([oid]))[0]

    async def read_many(self, oids: Sequence[str]) -> list[Object]:
        """The objects in the order asked for, in one exchange. Raises MissingObjectError, and LimitError for one over the cap."""
        _check(oids)
        if not oids:
            return []
        answer = _Contents(oids, self._cap)
        await self._conversation.ask(answer)
        if answer.missing:
            raise MissingObjectError(answer.missing)
        return answer.objects

    async def info_many(self, specs: Sequence[str]) -> list[Info | None]:
        """What each of `specs` (an id, `<commit>^{tree}`, `<tree>:path`) names; None where there is no such thing."""
        if any("\n" in spec or "\0" in spec for spec in specs):
            raise InputError("An object's name holds a line break.")
        if not specs:
            return []
        answer = _Infos(specs)
        await self._conversation.ask(answer)
        return answer.infos

    async def close(self) -> None:
        """End the process; a later read starts it anew."""
        await self._conversation.close()


class _Contents:
    """The answer to many `contents`: for each a line `<oid> <kind> <size>`, the bytes, a newline; or `<oid> missing`."""

    def __init__(self, oids: Sequence[str], cap: int) -> None:
        self.objects: list[Object] = []
        self.missing = ""
        self._oids, self._cap, self._taken = oids, cap, 0

    def request(self) -> bytes:
        return _request(b"contents", self._oids[self._taken :])

    def feed(self, buffer: bytearray) -> bool:
        start = 0
        with memoryview(buffer) as view:
            while self._taken < len(self._oids):
                end = buffer.find(b"\n", start)
                if end < 0:
                    break
                line = bytes(view[start:end])
                after = end + 1
                if line.endswith(_MISSING):
                    self.missing = self.missing or self._oids[self._taken]
                else:
                    _, kind, size = line.split(b" ")
                    after += int(size) + 1
                    self._refuse_large(int(size))
                    if after > len(buffer):
                        break
                    self.objects.append(Object(kind.decode(), bytes(view[end + 1 : after - 1])))
                start = after
                self._taken += 1
        del buffer[:start]
        return self._taken == len(self._oids)

    def failure(self) -> TrimtabError:
        return MissingObjectError(self._oids[self._taken])

    def _refuse_large(self, size: int) -> None:
        if size > self._cap:
            raise LimitError(f"Git object {self._oids[self._taken]} has {size} bytes; at most {self._cap} are read.")


class _Infos:
    """The answer to many `info`: for each a line `<oid> <kind> <size>`, or `<spec> missing`."""

    def __init__(self, specs: Sequence[str]) -> None:
        self.infos: list[Info | None] = []
        self._specs = specs

    def request(self) -> bytes:
        return _request(b"info", self._specs[len(self.infos) :])

    def feed(self, buffer: bytearray) -> bool:
        start = 0
        while len(self.infos) < len(self._specs) and (end := buffer.find(b"\n", start)) >= 0:
            line = buffer[start:end].decode()
            self.infos.append(None if line.endswith((" missing", " ambiguous")) else _info(line))
            start = end + 1
        del buffer[:start]
        return len(self.infos) == len(self._specs)

    def failure(self) -> TrimtabError:
        return MissingObjectError(self._specs[len(self.infos)])


def _info(line: str) -> Info:
    oid, kind, size = line.split(" ")
    return Info(oid, kind, int(size))


def _request(verb: bytes, specs: Sequence[str]) -> bytes:
    return b"".join([verb + b" " + spec.encode() + b"\n" for spec in specs]) + b"flush\n"


def _check(oids: Sequence[str]) -> None:
    for oid in oids:
        if not is_oid(oid):
            raise InputError(f"{oid[:80]!r} is not an object id.")
