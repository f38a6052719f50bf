"""Semantic versions and ranges over them, as Helm, Flux and npm users write them. Pure.

A version is `1.2.3`, `1.2.3-rc.1` or `1.2.3+build`, with an optional leading `v`, ordered by semver.org §11.
A range is comparators joined by spaces or commas (all must hold), and alternatives joined by `||` (one must hold):

    *  1.x  1.2.x        any, any 1, any 1.2
    1.2.3  =1.2.3        exactly that; `1.2` alone means `1.2.x`
    >=1.2.0 <2.0.0       bounds
    ^1.2  ~1.2           up to the next left-most non-zero number; up to the next minor number
    1.2 - 1.4            both ends included, to `1.4.x`

Prereleases match only an alternative that names a prerelease itself (`>=1.0.0-0`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from trimtab.core.errors import InputError

_NUMBER = r"(?:0|[1-9]\d{0,17})"
_IDENTIFIER = r"(?:0|[1-9]\d{0,17}|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION = re.compile(
    rf"v?({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
_PARTIAL = re.compile(
    rf"(\^|~>?|>=|<=|!=|>|<|=)?\s*v?({_NUMBER}|[xX*])(?:\.({_NUMBER}|[xX*]))?(?:\.({_NUMBER}|[xX*]))?"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9A-Za-z.-]+)?",
    re.ASCII,
)
_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")
_LONGEST = 256
_FULL = 3  # numbers in a full version


class Version(Struct, frozen=True):
    """One version; build metadata does not take part in the order and is dropped."""

    major: int
    minor: int
    patch: int
    prerelease: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`1.2.3` or `1.2.3-rc.1`."""
        return f"{self.major}.{self.minor}.{self.patch}" + (f"-{'.'.join(self.prerelease)}" if self.prerelease else "")

    @property
    def precedence(self) -> tuple[object, ...]:
        """A key to sort by: numbers below words, fewer identifiers below more, a prerelease below its release."""
        identifiers = tuple((0, int(i), "") if i.isdecimal() else (1, 0, i) for i in self.prerelease)
        return (self.major, self.minor, self.patch, not self.prerelease, identifiers)

    def __lt__(self, other: Version) -> bool:
        return self.precedence < other.precedence

    def __le__(self, other: Version) -> bool:
        return self.precedence <= other.precedence


Test = Callable[[Version], bool]


class Range(Struct, frozen=True):
    """Alternatives; each is a list of tests that must all hold, and whether it admits prereleases."""

    text: str
    alternatives: tuple[tuple[tuple[Test, ...], bool], ...]

    def matches(self, version: Version) -> bool:
        """Whether `version` lies within."""
        return any(
            all(test(version) for test in tests) for tests, prereleases in self.alternatives if prereleases or not version.prerelease
        )

    def latest(self, versions: Iterable[Version]) -> Version | None:
        """The highest version within, if there is one."""
        return max((v for v in versions if self.matches(v)), key=lambda v: v.precedence, default=None)


def parse_version(text: str) -> Version | None:
    """The version that `text` is in full (a leading `v` allowed), or None."""
    match = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    major, minor, patch, prerelease = match.groups()
    return Version(int(major), int(minor), int(patch), tuple(prerelease.split(".")) if prerelease else ())


def parse_range(text: str) -> Range:
    """The range that `text` writes. Raises InputError."""
    if len(text) > _LONGEST:
        raise InputError(f"The version range is longer than {_LONGEST} characters.")
    return Range(text, tuple(_alternative(part, text) for part in text.split("||")))


def _alternative(part: str, whole: str) -> tuple[tuple[Test, ...], bool]:
    spelled = _HYPHEN.sub(r">=\1 <=\2", part.strip()) or "*"
    position, tests, prereleases = 0, list[Test](), False
    while position < len(spelled):
        match = _PARTIAL.match(spelled, position)
        if match is None or (match.end() < len(spelled) and spelled[match.end()] not in " ,\t"):
            raise InputError(
                f"{whole!r} is not a version range.", remedy="Write one such as `>=1.2.0 <2.0.0`, `^1.2`, `~1.2`, `1.x` or `*`."
            )
        tests.extend(_comparator(match.groups()))
        prereleases = prereleases or match.group(5) is not None
        position = match.end()
        while position < len(spelled) and spelled[position] in " ,\t":
            position += 1
    return tuple(tests), prereleases


def _comparator(groups: Sequence[str | None]) -> list[Test]:
    """The tests of one comparator: operator, then up to three numbers or wildcards, then a prerelease."""
    operator, *parts, prerelease = groups
    numbers: list[int] = []
    for part in parts:
        if part is None or part in "xX*":
            break
        numbers.append(int(part))
    full = len(numbers) == _FULL
    low = _filled(numbers, tuple(prerelease.split(".")) if prerelease and full else ())
    beyond = _next(numbers)  # the first version after all that the partial version stands for
    match operator:
        case ">=":
            return [low.__le__]
        case "<":
            return [_below(low)] if numbers else [_never]
        case ">":
            return [low.__lt__] if full else [beyond.__le__] if beyond else [_never]
        case "<=":
            return [_at_most(low)] if full else _bound(beyond)
        case "!=":
            return [_not(_within(low, beyond, numbers))]
        case "^":
            return [low.__le__, *_bound(_next(_significant(numbers)))]
        case "~" | "~>":
            return [low.__le__, *_bound(_next(numbers[:2]))]
        case _:
            return [_within(low, beyond, numbers)]


def _next(numbers: Sequence[int]) -> Version | None:
    """The lowest release beyond every version that begins with `numbers`; None when that is all of them."""
    if not numbers:
        return None
    return _filled([*numbers[:-1], numbers[-1] + 1])


def _filled(numbers: Sequence[int], prerelease: tuple[str, ...] = ()) -> Version:
    """The version that begins with `numbers`, with zeros for the rest."""
    major, minor, patch = [*numbers, 0, 0, 0][:_FULL]
    return Version(major, minor, patch, prerelease)


def _significant(numbers: Sequence[int]) -> Sequence[int]:
    """The numbers up to the first that is not zero: what `^` holds fixed."""
    for index, number in enumerate(numbers):
        if number:
            return numbers[: index + 1]
    return numbers


def _within(low: Version, beyond: Version | None, numbers: Sequence[int]) -> Test:
    if len(numbers) == _FULL:
        return lambda v: v == low
    return lambda v: low <= v and (beyond is None or _release(v) < beyond)


def _release(version: Version) -> Version:
    """The release that a prerelease leads to: `2.0.0-rc.1` is beyond `<2.0.0`, as people mean it."""
    return Version(version.major, version.minor, version.patch)


def _bound(beyond: Version | None) -> list[Test]:
    return [_below(beyond)] if beyond else []


def _below(bound: Version) -> Test:
    if bound.prerelease:
        return lambda v: v < bound
    return lambda v: _release(v) < bound


def _at_most(bound: Version) -> Test:
    return lambda v: v <= bound


def _not(test: Test) -> Test:
    return lambda v: not test(v)


def _never(_: Version) -> bool:
    return False
