"""A table as text: columns two spaces apart, nothing cut, no lines. A program reads it as well as a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from trimtab.cli.words import Said

Cell = str | Said


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Text:
    """The table, with the cells' colours. The last column is not padded."""
    widths = [max(len(str(cell)) for cell in column) for column in zip(head, *rows, strict=True)]
    lines = [_line(cells, widths) for cells in (head, *rows)]
    return Text("\n").join(lines)


def _line(cells: Sequence[Cell], widths: Sequence[int]) -> Text:
    line = Text()
    for cell, width in zip(cells, widths, strict=True):
        line.append(f"{cell!s:<{width}}  ", style=cell.colour if isinstance(cell, Said) else "")
    line.rstrip()
    return line


def show(texts: Iterable[Text]) -> None:
    """Print texts to standard output, whole, in colours where it is a terminal that takes them."""
    console = Console(highlight=False)
    for text in texts:
        console.print(text, no_wrap=True, overflow="ignore", crop=False)


def cropped(text: Text) -> Text:
    """The text cut to the terminal's width: for what is drawn in place."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
