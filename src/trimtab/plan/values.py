"""Values as text for people: short, on one line, and the part that differs in sight. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from trimtab.plan.model import Change

WIDTH = 60
"""The longest text of one value, in characters."""


def sides(change: Change) -> tuple[str, str]:
    """Both sides of a change as text; "" for a side that does not exist. Two images of one repository show it once."""
    before = "" if change.added else render_value(change.before)
    after = "" if change.removed else render_value(change.after)
    if isinstance(change.before, str) and isinstance(change.after, str) and change.path.endswith("image"):
        return render_value(change.before), _tag(change.before, change.after)
    if type(change.before) is not type(change.after) and before == after:
        return render_value(change.before, quoted=True), render_value(change.after, quoted=True)
    return before, after


def render_value(content: Any, *, quoted: bool = False, width: int = WIDTH) -> str:
    """One value on one line: text as it is (quoted where it would not read as text), longer things as JSON, cut at `width`."""
    if isinstance(content, str):
        plain = content and content == content.strip() and content.isprintable() and not quoted
        return cut(content if plain else _json(content), width)
    text = _json(content)
    if len(text) <= width:
        return text
    match content:
        case dict():
            return cut(printable("{" + ", ".join(content) + "}"), width)
        case list():
            return f"[{len(content)} items]"
        case _:
            return cut(text, width)


def _json(content: Any) -> str:
    return printable(msgspec.json.encode(content).decode())


def printable(text: str) -> str:
    """The text with each sign that does not print (controls, escapes, direction marks) as its JSON escape."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)


def cut(text: str, width: int) -> str:
    """The head and the tail of a text that is too long: what differs is as often at the end as at the beginning."""
    if len(text) <= width:
        return text
    head = (width - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def _tag(before: str, after: str) -> str:
    """The new image; of the same repository, `…:6.5.0` alone."""
    name, sign, _ = _split_image(before)
    other, other_sign, version = _split_image(after)
    return cut(f"…{other_sign}{version}", WIDTH) if sign and name == other and version else cut(after, WIDTH)


def _split_image(image: str) -> tuple[str, str, str]:
    """Name, the sign before the version (`:` or `@`), and the version. A colon before the last slash is a port."""
    if "@" in image:
        return image.partition("@")
    head, slash, last = image.rpartition("/")
    name, sign, tag = last.partition(":")
    return head + slash + name, sign, tag
