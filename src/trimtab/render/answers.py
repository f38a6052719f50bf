"""Answering what a worker asks in the middle of a render: Git objects by id, and the plaintext of encrypted files.

An object that cannot be *read* is never passed off as one that is not there: the worker is told something so that it comes to an end,
and afterwards `check` raises what really happened.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from msgspec import Struct

from trimtab.core.errors import TrimtabError, UnavailableError
from trimtab.render.errors import WorkerLostError
from trimtab.render.frames import Frame, encode
from trimtab.render.objects import ObjectSource

Decrypt = Callable[[str, bytes], Awaitable[bytes]]
"""Path and ciphertext → plaintext. Raises InputError when no key fits."""


class Want(Struct):
    """A `want` or `want-decrypted` frame."""

    type: str
    id: int
    oids: tuple[tuple[str, str], ...] = ()
    path: str = ""
    oid: str = ""


class _Object(Struct, tag="object", omit_defaults=True):
    id: int
    oid: str
    kind: str = ""
    error: str = ""
    missing: bool = False


class _Decrypted(Struct, tag="decrypted", omit_defaults=True):
    id: int
    error: str = ""


_header = msgspec.json.Encoder().encode


class Answers:
    """Answers one render's questions out of an object source (at most `most` bytes of it) and, where there is one, a decrypter."""

    def __init__(self, objects: ObjectSource, *, most: int, decrypt: Decrypt | None = None) -> None:
        self._objects = objects
        self._most = most
        self._decrypt = decrypt
        self._served = 0
        self._unreadable: TrimtabError | None = None

    async def answer(self, want: Want) -> bytes:
        """The encoded frames that answer a question."""
        if want.type == "want":
            return await self._give_objects(want)
        return encode(await self._plaintext(want))

    def check(self) -> None:
        """Raise what kept an object from being read, if anything did."""
        if self._unreadable is not None:
            raise self._unreadable

    async def _give_objects(self, want: Want) -> bytes:
        oids = [oid for _, oid in want.oids]
        found = await self._read(oids)
        self._served += sum(len(entry[1]) for entry in found if entry is not None)
        if self._served > self._most:
            raise WorkerLostError("input", f"read more than {self._most / (1 << 20):g} MiB of files")
        return b"".join(encode(_object(want.id, oid, entry)) for oid, entry in zip(oids, found, strict=True))

    async def _read(self, oids: Sequence[str]) -> Sequence[tuple[str, bytes] | None]:
        try:
            found = await self._objects.read_many(oids)
        except TrimtabError as error:
            self._unreadable = error
            return [None] * len(oids)
        absent = next((oid for oid, entry in zip(oids, found, strict=True) if entry is None), None)
        if absent is not None:
            self._unreadable = UnavailableError(f"Git object {absent} is missing from the repository's mirror; it will be fetched again.")
        return found

    async def _plaintext(self, want: Want) -> Frame:
        entry = (await self._read([want.oid]))[0]
        if self._decrypt is None or entry is None:
            return Frame(_header(_Decrypted(want.id, error="it is encrypted, and no key to decrypt it is configured")))
        try:
            return Frame(_header(_Decrypted(want.id)), await self._decrypt(want.path, entry[1]))
        except UnavailableError as error:
            self._unreadable = error
            return Frame(_header(_Decrypted(want.id, error=error.sentence)))
        except TrimtabError as error:
            return Frame(_header(_Decrypted(want.id, error=error.sentence)))


def _object(number: int, oid: str, entry: tuple[str, bytes] | None) -> Frame:
    if entry is None:
        return Frame(_header(_Object(number, oid, error="not found", missing=True)))
    kind, content = entry
    return Frame(_header(_Object(number, oid, kind)), content)
