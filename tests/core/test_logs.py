"""Logs: one line an event, on standard error."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from trimtab.core import logs

pytestmark = [pytest.mark.fast, pytest.mark.usefixtures("unconfigured")]


@pytest.fixture
def unconfigured() -> Iterator[None]:
    """Leave the process's logging as it was."""
    yield
    structlog.reset_defaults()


def test_machines_read_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With level, time and what was given; standard output stays free for answers."""
    logs.configure(json=True)
    logs.get("test").info("reconciled", key="trimtab/podinfo")
    out, err = capsys.readouterr()
    line = json.loads(err)
    assert (out, line["event"], line["level"], line["key"]) == ("", "reconciled", "info", "trimtab/podinfo")
    assert line["timestamp"].endswith("Z")


def test_an_exception_stays_within_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback over twenty lines would be twenty events to a collector."""
    logs.configure(json=True)
    try:
        int("broken")
    except ValueError:
        logs.get("test").exception("task failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


@pytest.mark.parametrize(("verbose", "lines"), [(False, 0), (True, 1)])
def test_small_things_are_said_only_on_request(verbose: bool, lines: int, capsys: pytest.CaptureFixture[str]) -> None:
    """`-v` shows them."""
    logs.configure(json=True, verbose=verbose)
    logs.get("test").debug("looked")
    assert len(capsys.readouterr().err.splitlines()) == lines


def test_people_read_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Without colours where it is no terminal."""
    logs.configure()
    logs.get("test").info("leading", identity="a")
    text = capsys.readouterr().err
    assert "leading" in text
    assert "identity=a" in text
    assert "\x1b" not in text
