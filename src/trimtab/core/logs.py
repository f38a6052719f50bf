"""Logs: one line an event, on standard error, as text for people or JSON for machines. Never a secret's value."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def configure(*, json: bool = False, verbose: bool = False) -> None:
    """Set the process's logging once, at start."""
    plain = structlog.dev.plain_traceback  # a rich one prints the values of local variables: secrets
    console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
    renderer: Any = structlog.processors.JSONRenderer() if json else console
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if json else structlog.processors.StackInfoRenderer(),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def get(name: str) -> Any:
    """The logger of a module."""
    return structlog.get_logger(name)
