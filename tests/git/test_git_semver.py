from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.core.errors import InputError
from trimtab.git.semver import Version, parse_range, parse_version

pytestmark = pytest.mark.fast

numbers = st.integers(0, 20)
identifiers = st.from_regex(r"0|[1-9][0-9]{0,3}|[a-z][a-z0-9-]{0,5}", fullmatch=True)
versions = st.builds(Version, numbers, numbers, numbers, st.lists(identifiers, max_size=3).map(tuple))
releases = st.builds(Version, numbers, numbers, numbers)


@pytest.mark.parametrize(
    ("span", "inside", "outside"),
    [
        (">=1.2.0 <2.0.0", "1.2.0 1.99.9", "1.1.9 2.0.0 1.5.0-rc.1 2.0.0-rc.1"),
        ("1.x", "1.0.0 1.9.9", "0.9.9 2.0.0 1.0.0-a"),
        ("1.2", "1.2.0 1.2.9", "1.3.0 1.1.0"),
        ("1.2.x", "1.2.0 1.2.9", "1.3.0"),
        ("*", "0.0.0 99.0.0", "1.0.0-a"),
        ("", "0.0.1", "1.0.0-a"),
        ("^1.2", "1.2.0 1.99.0", "1.1.9 2.0.0"),
        ("^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3.0 1.0.0"),
        ("^0.0.3", "0.0.3", "0.0.4 0.0.2"),
        ("^0", "0.0.0 0.99.9", "1.0.0"),
        ("~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0"),
        ("~1.2", "1.2.0 1.2.9", "1.3.0"),
        ("~1", "1.0.0 1.9.0", "2.0.0"),
        ("1.2.3", "1.2.3 v1.2.3 1.2.3+build.5", "1.2.4"),
        ("=v1.2.3", "1.2.3", "1.2.4"),
        ("!=1.2.3", "1.2.4", "1.2.3"),
        (">1.2", "1.3.0", "1.2.9 1.2.0"),
        ("<=1.2", "1.2.9 0.1.0", "1.3.0"),
        (">1.2.3", "1.2.4", "1.2.3"),
        ("1.2 - 1.4.5", "1.2.0 1.4.5", "1.1.9 1.4.6"),
        ("<1.0.0 || >=2.0.0", "0.9.0 2.0.0", "1.0.0 1.9.9"),
        (">=1.0.0, <1.5.0", "1.4.9", "1.5.0"),
        (">=1.0.0-0", "1.0.0-rc.1 1.1.0-a 2.0.0", "0.9.9"),
        (">=1.0.0-rc.2 <2.0.0", "1.0.0-rc.2 1.0.0-rc.10 1.5.0", "1.0.0-rc.1 2.0.0-rc.1"),
    ],
)
def test_ranges_hold_what_their_users_expect(span: str, inside: str, outside: str) -> None:
    """The examples of the module's table, at their edges."""
    matches = {text: parse_range(span).matches(_version(text)) for text in f"{inside} {outside}".split()}
    assert matches == {text: text in inside.split() for text in matches}


@pytest.mark.parametrize("text", [">>1", "1.2.3.4", "abc", "^", "1..2", ">=1.2.3beta", "1.2.3 ||| 2", "x" * 300, "1" * 30, "١.٢"])
def test_what_is_no_range_is_refused(text: str) -> None:
    """A misspelled range is an error, never a range that matches something else."""
    with pytest.raises(InputError):
        parse_range(text)


@pytest.mark.parametrize("text", ["1.2", "v1", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3 ", "vv1.2.3", "1.2.3\n", "nightly", "", "٣.1.0"])
def test_what_is_no_version_is_passed_over(text: str) -> None:
    """semver.org's grammar to the letter, but for the leading `v`."""
    assert parse_version(text) is None


def test_the_order_is_that_of_semver_org() -> None:
    """The chain of semver.org §11."""
    chain = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0"]
    assert sorted(map(_version, reversed(chain))) == [_version(text) for text in chain]


@settings(deadline=None)
@given(versions)
def test_a_version_reads_back_as_written(version: Version) -> None:
    """Writing and reading are inverse, with and without `v`."""
    assert parse_version(str(version)) == parse_version(f"v{version}") == version


@settings(deadline=None)
@given(versions, versions)
def test_bounds_agree_with_the_order(bound: Version, version: Version) -> None:
    """`>=` and `<` part all releases in two, at the bound."""
    if not version.prerelease:
        at_least, below = parse_range(f">={bound}").matches(version), parse_range(f"<{bound}").matches(version)
        assert (at_least, below) == (bound <= version, version < bound)


@settings(deadline=None)
@given(releases, releases)
def test_a_tilde_range_lies_within_its_caret_range(base: Version, version: Version) -> None:
    """`~` allows patches, `^` minor versions too (from 1.0.0 on)."""
    if base.major and parse_range(f"~{base}").matches(version):
        assert parse_range(f"^{base}").matches(version)


@settings(deadline=None)
@given(st.lists(versions))
def test_the_latest_is_the_highest_within(candidates: list[Version]) -> None:
    """No other version of the range is above it."""
    span = parse_range("*")
    latest = span.latest(candidates)
    assert latest == max((v for v in candidates if not v.prerelease), key=lambda v: v.precedence, default=None)


def _version(text: str) -> Version:
    version = parse_version(text)
    assert version is not None
    return version
