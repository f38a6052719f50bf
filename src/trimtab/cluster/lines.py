"""Splitting a stream of bytes into lines of any length, at a cost that stays linear however the chunks fall."""

from __future__ import annotations


class LineSplitter:
    """Feed it chunks; it hands back whole lines, without their ends, and keeps what has begun."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes; empty ones are left out."""
        first, *rest = chunk.split(b"\n")
        self._parts.append(first)
        if not rest:
            return []
        whole = b"".join(self._parts)
        self._parts = [rest.pop()]
        return [line for line in (whole, *rest) if line]

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished line are kept."""
        return sum(map(len, self._parts))
