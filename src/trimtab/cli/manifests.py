"""Objects as text: YAML that every reader takes for the same values, JSON, names.

YAML 1.1 and 1.2 readers disagree on what `yes`, `1e3`, `0o14` or `12:30` are, so a text stands bare only where nobody can take it for
anything else; otherwise it is written as JSON, which is YAML in every version. Text of several lines becomes a block.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

_BARE = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@%+=-]*(?:[ :][A-Za-z0-9_./@%+=-]+)*")
_WORDS = frozenset({"y", "n", "yes", "no", "true", "false", "on", "off", "null", "nan", "inf", "infinity"})
_UNPRINTABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
"""YAML 1.2, 5.1 (a tab may stand in a text, and is shown better by an escape)."""
_LAST_SHORT = 0xFFFF
_INDENT = "  "


def yaml(objects: Iterable[Any]) -> str:
    """A stream of documents."""
    return "".join(f"---\n{document(o)}" for o in objects)


def document(body: Any) -> str:
    """One value as a YAML document."""
    return "\n".join(_lines(body, "")).lstrip("\n") + "\n"


def _lines(body: Any, indent: str) -> Iterator[str]:
    """The lines of a value; the first continues the line that it stands on (after `- `, or at the beginning)."""
    match body:
        case dict() if body:
            for number, (name, held) in enumerate(body.items()):
                yield from _entry(f"{indent if number else ''}{_text(name, key=True)}:", held, indent)
        case list() if body:
            for number, held in enumerate(body):
                first, *rest = _lines(held, indent + _INDENT)
                yield f"{indent if number else ''}- {first}"
                yield from rest
        case str() if _is_block(body):
            yield from _block(body, indent)
        case _:
            yield _scalar(body)


def _entry(head: str, held: Any, indent: str) -> Iterator[str]:
    """A name and its value: a map indented below it, a list at its own level, anything else behind it."""
    below = indent + _INDENT if isinstance(held, dict) else indent
    first, *rest = _lines(held, below if isinstance(held, dict | list) else indent + _INDENT)
    if isinstance(held, dict | list) and held:
        yield head
        yield below + first
    else:
        yield f"{head} {first}"
    yield from rest


def _is_block(text: str) -> bool:
    """Whether a text can stand as a literal block: several lines, no sign that YAML does not print, no blank in front."""
    return "\n" in text and text[0] not in " \n" and not _UNPRINTABLE.search(text)


def _block(text: str, indent: str) -> Iterator[str]:
    content = text.rstrip("\n")
    ends = len(text) - len(content)
    yield "|" + ("-" if not ends else "" if ends == 1 else "+")
    for line in content.split("\n") + [""] * (ends - 1):
        yield indent + line if line else ""


def _scalar(value: Any) -> str:
    return _text(value) if isinstance(value, str) else msgspec.json.encode(value).decode()


def _text(text: str, *, key: bool = False) -> str:
    bare = _BARE.fullmatch(text) and text.lower() not in _WORDS and not (key and " " in text)
    return text if bare else _UNPRINTABLE.sub(_escape, msgspec.json.encode(text).decode())


def _escape(found: re.Match[str]) -> str:
    """A character that JSON allows in a text and YAML does not."""
    code = ord(found[0])
    return f"\\u{code:04x}" if code <= _LAST_SHORT else f"\\U{code:08x}"
