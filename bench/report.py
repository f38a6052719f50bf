"""The results: `results.json` for machines, `results.md` for people, and a table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.result import Row

_HEAD = ("", "metric", "value", "bound", "floor", "holds", "note")


def write(directory: Path, machine: Mapping[str, str | int | float], rows: Sequence[Row]) -> None:
    """Write both files."""
    directory.mkdir(parents=True, exist_ok=True)
    whole = msgspec.json.encode({"machine": machine, "results": rows})
    (directory / "results.json").write_bytes(msgspec.json.format(whole, indent=2) + b"\n")
    about = [f"- {name}: {value}" for name, value in machine.items()]
    table = [_row(_HEAD), _row(["---"] * len(_HEAD)), *(_row(_cells(row)) for row in rows)]
    (directory / "results.md").write_text("\n".join(["# Results", "", *about, "", *table, ""]), "utf-8")


def line(row: Row) -> str:
    """A row as it is told while the run goes on."""
    bound = "" if row.bound is None else f" (bound {row.bound:g})"
    return f"{row.scenario:7}{row.metric}: {row.value:.4g}{bound}{'' if row.holds else '  DOES NOT HOLD'}"


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    table = Table(*_HEAD)
    for row in rows:
        table.add_row(*_cells(row), style=None if row.holds else "red")
    Console(width=200).print(table)


def _cells(row: Row) -> list[str]:
    holds = "" if row.bound is None else "yes" if row.holds else "NO"
    return [row.scenario, row.metric, _number(row.value), _number(row.bound), _number(row.floor), holds, row.note]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
