"""Printing: bytes to standard output, remarks to standard error, colours where a terminal shows them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from typing import TextIO

from trimtab.core.errors import Place
from trimtab.plan.model import Notice
from trimtab.plan.text import Paint, Style, plain
from trimtab.plan.values import printable

_COLOURS: dict[Style, str] = {
    "heading": "1",
    "create": "32",
    "patch": "33",
    "replace": "35",
    "delete": "31",
    "adopt": "36",
    "keep": "2",
    "path": "36",
    "dim": "2",
    "before": "31",
    "after": "32",
    "problem": "1;31",
}
"""ECMA-48 "select graphic rendition" parameters."""


def colourful(stream: TextIO) -> bool:
    """Whether a stream takes colours: a terminal, unless NO_COLOR (no-color.org) or TERM=dumb speaks against it."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint_for(stream: TextIO) -> Paint:
    """How a plan's text is coloured on a stream."""
    return _coloured if colourful(stream) else plain


def _coloured(style: Style, text: str) -> str:
    code = _COLOURS.get(style)
    return f"\x1b[{code}m{text}\x1b[0m" if code else text


def width() -> int:
    """The terminal's width, in columns; 100 where there is none."""
    return shutil.get_terminal_size((100, 24)).columns


def remark(text: str, place: Place | None = None) -> None:
    """A line beside the output, on standard error."""
    print(f"! {printable(f'{place}: {text}' if place else text)}", file=sys.stderr)


def remark_all(notices: Iterable[Notice]) -> None:
    """Notices as remarks."""
    for notice in notices:
        remark(f"{notice.key}: {notice.text}" if notice.key else notice.text, notice.place)
