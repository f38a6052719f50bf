"""The house rules' own checker: each breach is found where it stands, and prose that only looks like one is not."""

from __future__ import annotations

import pytest
from tools.check_repository import FILE_LINES, FUNCTION_LINES, breaches

pytestmark = pytest.mark.fast


def found(path: str, text: str) -> list[int]:
    """The lines of a file's breaches."""
    return [line for line, _ in breaches(path, text)]


@pytest.mark.parametrize(
    "line",
    [
        "# TO" + "DO: later",
        "FIX" + "ME",
        "see /ro" + "ot/.cache/x",
        "in /home/" + "ada/src/x",
        "https://py" + "pi.org/simple",
        "<" * 7 + " HEAD",
    ],
)
def test_words_that_do_not_belong_are_found(line: str) -> None:
    """On the line where they stand, in any text file."""
    assert found("docs/page.md", f"first\n{line}\n") == [2]


@pytest.mark.parametrize("line", ["a todo list", "~/work/ours", "$HOME/root/x", "https://example.com/root/x", "the network/root/"])
def test_innocent_words_are_not(line: str) -> None:
    """Addresses, relative paths and ordinary words stay."""
    assert found("docs/page.md", line) == []


def test_a_file_has_a_greatest_length() -> None:
    """Code only: a table of versions is as long as it is."""
    assert found("src/long.py", "x = 1\n" * (FILE_LINES + 1)) == [1]
    assert found("src/long.py", "x = 1\n" * FILE_LINES) == []
    assert found("docs/long.md", "x\n" * (FILE_LINES + 1)) == []


@pytest.mark.parametrize(
    ("path", "begin", "line", "end"), [("a.py", "def f():\n", "    x = 1\n", ""), ("a.go", "func (r *R) f() {\n", "\tx()\n", "}\n")]
)
def test_a_function_has_a_greatest_length(path: str, begin: str, line: str, end: str) -> None:
    """First and last line count."""
    lines = FUNCTION_LINES - len((begin + end).splitlines())
    assert found(path, begin + line * lines + end) == []
    assert found(path, begin + line * (lines + 1) + end) == [1]
