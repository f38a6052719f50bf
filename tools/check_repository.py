"""The house rules that no linter knows: sizes of files and functions, and words that do not belong in the repository.

Prints one line a breach, `path:line: what`, and exits 1 when there is one. Looks at what Git tracks or would add.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES = 500
FUNCTION_LINES = 60
CODE = {".py", ".go", ".sh", ".ts", ".tsx", ""}
LISTS = {"go.sum", "LICENSE"}
"""Files whose length and words are not of our choosing."""

WORDS = [
    (re.compile(r"\bTO[D]O\b|\bFIX[M]E\b|\bXX[X]\b"), "unfinished work is an issue, not a comment"),
    (re.compile(r"(?<![\w.$}~-])/(?:work|root|home/\w+|Users/\w+)/"), "a path of one machine"),
    (
        re.compile(r"\bpypi\.org\b|\bfiles\.pythonhosted\.org\b|\b(?:proxy|sum)\.golang\.org\b|\bregistry\.npmjs\.org\b"),
        "the host of a package registry; the clients know it",
    ),
    (re.compile(r"^(?:<{7}|>{7}) "), "a merge conflict"),
]
"""Patterns that stand nowhere in the repository, and why."""

Breach = tuple[int, str]
"""A line, 1-based, and what is wrong there."""


def breaches(path: str, text: str) -> Iterator[Breach]:
    """Every rule that the file `path` with this `text` breaks."""
    name, suffix = Path(path).name, Path(path).suffix
    if name in LISTS:
        return
    lines = text.splitlines()
    yield from ((number, why) for number, line in enumerate(lines, 1) for pattern, why in WORDS if pattern.search(line))
    if suffix in CODE and len(lines) > FILE_LINES:
        yield 1, f"{len(lines)} lines; {FILE_LINES} at most, split it by concept"
    lengths = {".py": python_functions, ".go": go_functions}.get(suffix)
    for number, function, length in lengths(text) if lengths else ():
        if length > FUNCTION_LINES:
            yield number, f"function {function} has {length} lines; {FUNCTION_LINES} at most"


def python_functions(text: str) -> Iterator[tuple[int, str, int]]:
    """(line, name, length) of each function, docstring included."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def go_functions(text: str) -> Iterator[tuple[int, str, int]]:
    """(line, name, length) of each function; gofmt puts the closing brace in the first column."""
    begun: tuple[int, str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"func (?:\([^)]*\) )?(\w+)", line):
            begun = None if line.endswith("}") else (number, match[1])
        elif line == "}" and begun:
            yield begun[0], begun[1], number - begun[0] + 1
            begun = None


def repository_files() -> Iterator[Path]:
    """What Git tracks or would add, and is there."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    yield from (path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file() and not path.is_symlink())


def main() -> None:
    """Print every breach; exit 1 when there is one."""
    count = 0
    for path in repository_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a binary has no lines
        shown = path.relative_to(ROOT)
        for line, what in breaches(str(shown), text):
            print(f"{shown}:{line}: {what}")
            count += 1
    sys.exit(f"{count} breaches of the house rules" if count else 0)


if __name__ == "__main__":
    main()
