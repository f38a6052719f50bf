"""Content addresses: equal values have equal digests, and a secret's digest tells nothing without the key."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.core.digests import canonical, digest, digest_of, keyed_digest

pytestmark = pytest.mark.fast

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4))


def reversed_keys(value: Any) -> Any:
    """The same value, with the keys of each object written in the other order."""
    match value:
        case dict():
            return {k: reversed_keys(v) for k, v in reversed(value.items())}
        case list():
            return [reversed_keys(v) for v in value]
        case _:
            return value


@given(VALUES)
def test_the_order_of_keys_makes_no_difference(value: Any) -> None:
    """Two renderers that write the same object differently give one digest."""
    assert digest_of(reversed_keys(value)) == digest_of(value)


@given(VALUES, VALUES)
def test_different_values_have_different_bytes(one: Any, other: Any) -> None:
    """Canonical JSON is injective (1 and true, "1" and 1 included)."""
    assert (canonical(one) == canonical(other)) == same(one, other)


def same(one: Any, other: Any) -> bool:
    """Equality as JSON sees it: 1 is not true."""
    if type(one) is not type(other):
        return False
    match one:
        case dict():
            return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
        case list():
            return len(one) == len(other) and all(map(same, one, other))
        case _:
            return bool(one == other)


def test_canonical_json_is_compact_and_sorted() -> None:
    """The form is a promise: kept digests outlive the program that made them."""
    assert canonical({"b": [1, True, None], "a": "ü"}) == '{"a":"ü","b":[1,true,null]}'.encode()


def test_digests_are_sha256_in_hex() -> None:
    """Against the standard library, and the test vector of FIPS 180-2 for `abc`."""
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_of({}) == hashlib.sha256(b"{}").hexdigest()


def test_a_keyed_digest_is_hmac_sha256() -> None:
    """Test case 2 of RFC 4231."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert keyed_digest(b"Jefe", b"what do ya want for nothing?") == expected


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.binary())
def test_a_keyed_digest_depends_on_the_key(one: bytes, other: bytes, content: bytes) -> None:
    """Two installations' digests of one secret cannot be compared."""
    assert (keyed_digest(one, content) == keyed_digest(other, content)) == (one == other)
