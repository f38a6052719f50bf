"""What the demo says, in the order of the first five minutes: a word in a column, what it is about, and the answer."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

_INDENT = " " * 13


class Screen:
    """Lines on standard output; a moving sign on a terminal while something takes its time."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    @contextmanager
    def doing(self, word: str, what: str) -> Generator[None]:
        """Show that something is under way, for as long as the block lasts."""
        with self._console.status(f"[bold]{word:<10}[/bold] {escape(what)}"):
            yield

    def say(self, word: str, what: str) -> None:
        """A line with its word."""
        self._console.print(f"  [bold]{word:<10}[/bold] {escape(what)}")

    def good(self, text: str) -> None:
        """A line under a word: as it should be."""
        self._console.print(f"{_INDENT}[green]●[/green] {escape(text)}")

    def bad(self, text: str) -> None:
        """A line under a word: not as it should be."""
        self._console.print(f"{_INDENT}[red]✗[/red] {escape(text)}")

    def line(self, text: str) -> None:
        """A line for people."""
        self._console.print(f"  {escape(text)}")

    def paste(self, command: str, why: str = "") -> None:
        """A line to paste, whole, however narrow the terminal is."""
        self._console.print(f"    [cyan]{escape(command)}[/cyan]" + (f"   [dim]# {escape(why)}[/dim]" if why else ""))
