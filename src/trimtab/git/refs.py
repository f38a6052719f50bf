"""Which commit of a repository is meant: a branch, a tag, a commit, a version range, or what the remote's HEAD names.

Names are checked here by git-check-ref-format's rules before any process starts, so a hostile one never reaches a command line.
`advertised` maps full names to object ids, as the server lists them: `refs/heads/main`, `refs/tags/v1` and, for an annotated tag,
`refs/tags/v1^{}` with the commit that it names. `HEAD`, where the server tells, is symbolic as in a HEAD file: `ref: refs/heads/main`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from trimtab.core.errors import InputError
from trimtab.git.errors import RefNotFoundError
from trimtab.git.semver import Version, parse_range, parse_version

_OID = re.compile(r"[0-9a-f]{40}")
# git-check-ref-format(1): control characters, space, ~ ^ : ? * [ \, "..", "@{", "//", and components that begin with "." or end in ".lock".
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(?:^|/)\.|\.lock(?:/|$)|^/|/$|\.$|^-|^@$")
_LONGEST = 255
_SYMBOLIC = "ref: "
_PEELED = "^{}"


class Ref(Struct, frozen=True, forbid_unknown_fields=True):
    """What to follow; at most one field is set, none means the remote's HEAD. Raises InputError when a value is unfit."""

    branch: str = ""
    tag: str = ""
    commit: str = ""
    semver: str = ""

    def __post_init__(self) -> None:
        if len([v for v in (self.branch, self.tag, self.commit, self.semver) if v]) > 1:
            raise InputError("A ref names more than one of branch, tag, commit and semver.", remedy="Keep one.")
        for kind, name in (("branch", self.branch), ("tag", self.tag)):
            if name and not is_valid_name(name):
                raise InputError(f"{name[:80]!r} is not a valid {kind} name.", remedy="See git-check-ref-format.")
        if self.commit and not is_oid(self.commit):
            raise InputError(f"{self.commit[:80]!r} is not a commit id.", remedy="Write all 40 hexadecimal digits.")
        if self.semver:
            parse_range(self.semver)

    def __str__(self) -> str:
        """For people: `branch main`, `tag v1`, `commit 6f1c…`, `version ^1.2` or `HEAD`."""
        if self.branch:
            return f"branch {self.branch}"
        if self.tag:
            return f"tag {self.tag}"
        if self.commit:
            return f"commit {self.commit[:8]}"
        return f"version {self.semver}" if self.semver else "HEAD"

    @property
    def prefixes(self) -> list[str]:
        """What to ask a server for, so that it does not list 50,000 refs. Empty for a commit: no listing is needed."""
        if self.branch:
            return [f"refs/heads/{self.branch}"]
        if self.tag:
            return [f"refs/tags/{self.tag}"]
        if self.commit:
            return []
        return ["refs/tags/"] if self.semver else ["HEAD"]


class Choice(NamedTuple):
    """What a ref came to: the full ref name (empty for a bare commit) and the commit's id."""

    name: str
    oid: str

    @property
    def short(self) -> str:
        """The name without `refs/heads/` or `refs/tags/`; a bare commit's first twelve digits."""
        return self.name.removeprefix("refs/heads/").removeprefix("refs/tags/") or self.oid[:12]


def is_oid(text: str) -> bool:
    """Whether `text` is a full SHA-1 object id."""
    return _OID.fullmatch(text) is not None


def is_valid_name(name: str) -> bool:
    """Whether git would take `name` as a branch or tag; more than 255 bytes, or bytes that are no text, are refused as well."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return False
    return 0 < length <= _LONGEST and not _FORBIDDEN.search(name)


def choose(ref: Ref, advertised: Mapping[str, str]) -> Choice:
    """The commit that `ref` names among what the remote advertises. Raises RefNotFoundError; nothing deployed is touched by that."""
    if ref.commit:
        return Choice("", ref.commit)
    if ref.semver:
        return _latest(ref.semver, advertised)
    if ref.tag:
        return _named(f"refs/tags/{ref.tag}", f"The remote has no tag {ref.tag!r}.", advertised)
    if ref.branch:
        return _named(f"refs/heads/{ref.branch}", f"The remote has no branch {ref.branch!r} (any more).", advertised)
    return _head(advertised)


def _named(name: str, otherwise: str, advertised: Mapping[str, str]) -> Choice:
    oid = advertised.get(name + _PEELED) or advertised.get(name)
    if oid is None:
        raise RefNotFoundError(otherwise, remedy="What is deployed stays; push it, or change the Repository's ref.")
    return Choice(name, oid)


def _head(advertised: Mapping[str, str]) -> Choice:
    target = advertised.get("HEAD", "")
    if not target.startswith(_SYMBOLIC) and target:
        return Choice("HEAD", target)
    name = target.removeprefix(_SYMBOLIC)
    if name in advertised:
        return Choice(name, advertised[name])
    raise RefNotFoundError(
        "The repository is empty: its HEAD names no commit.", remedy="Push a first commit, or name a branch in the Repository's ref."
    )


def _latest(wanted: str, advertised: Mapping[str, str]) -> Choice:
    span = parse_range(wanted)
    best: tuple[Version, str] | None = None
    for name in sorted(advertised):
        if not name.startswith("refs/tags/") or name.endswith(_PEELED):
            continue
        version = parse_version(name.removeprefix("refs/tags/"))
        if version and span.matches(version) and (best is None or best[0] <= version):
            best = (version, name)
    if best is None:
        raise RefNotFoundError(
            f"No tag of the remote is a version within {wanted!r}.", remedy="What is deployed stays; push such a tag, or widen the range."
        )
    return _named(best[1], "", advertised)
