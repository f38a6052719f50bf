"""A revision: one commit as the rest of the program sees it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from msgspec import Struct

from trimtab.core.errors import InputError

_PERSON = re.compile(r"(?P<who>.*?) (?P<seconds>-?\d{1,12}) [+-]\d{4}")


class Revision(Struct, frozen=True, kw_only=True):
    """A commit, and the name it was resolved by."""

    name: str
    """Branch or tag without its prefix; a bare commit's first twelve digits."""
    commit: str
    tree: str
    parents: tuple[str, ...]
    author: str
    """`Name <address>`."""
    committed_at: datetime
    subject: str
    """The first line of the message, at most 200 characters."""
    signature: str
    """`none`, `gpg`, `ssh` or `x509`: what kind is there, not whether it is good."""

    @property
    def short(self) -> str:
        """`main@6f1c2e9`."""
        return f"{self.name}@{self.commit[:7]}"


def parse_commit(content: bytes, *, oid: str, name: str) -> Revision:
    """Read a commit object. Raises InputError when it is none."""
    head, _, message = content.partition(b"\n\n")
    headers = _headers(head.decode(errors="replace"))
    person = _PERSON.fullmatch(headers.get("committer", [""])[0])
    if "tree" not in headers or person is None:
        raise InputError(f"Git object {oid} is not a well-formed commit.")
    author = _PERSON.fullmatch(headers.get("author", [""])[0])
    return Revision(
        name=name,
        commit=oid,
        tree=headers["tree"][0],
        parents=tuple(headers.get("parent", [])),
        author=author["who"] if author else "",
        committed_at=datetime.fromtimestamp(min(int(person["seconds"]), 253402300799), UTC),
        subject=message.decode(errors="replace").lstrip("\n").split("\n", 1)[0][:200],
        signature=_signature("".join(headers.get("gpgsig", []))),
    )


def _headers(text: str) -> dict[str, list[str]]:
    """`key value` lines; a line that begins with a space continues the value above it."""
    headers: dict[str, list[str]] = {}
    values: list[str] = []
    for line in text.split("\n"):
        if line.startswith(" ") and values:
            values[-1] += "\n" + line[1:]
        else:
            key, _, value = line.partition(" ")
            values = headers.setdefault(key, [])
            values.append(value)
    return headers


def _signature(text: str) -> str:
    for sign, kind in (("-----BEGIN SSH", "ssh"), ("-----BEGIN PGP", "gpg"), ("-----BEGIN SIGNED", "x509")):
        if text.startswith(sign):
            return kind
    return "none"
