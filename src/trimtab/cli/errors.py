"""Where every error of a command ends: one sentence on standard error, and an exit status.

0 all is well, or equal · 1 an error · 2 there are differences (`trimtab plan`) · 130 interrupted · 141 nobody reads our output.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable

from cyclopts import CycloptsError

from trimtab.core.errors import TrimtabError
from trimtab.plan.values import printable

EQUAL, FAILED, DIFFERENT = 0, 1, 2
INTERRUPTED = 128 + signal.SIGINT
UNREAD = 128 + signal.SIGPIPE


def guarded(command: Callable[[], object], *, verbose: bool) -> int:
    """Run a command; its exit status. Never raises. `verbose` shows an error's detail and its traceback."""
    try:
        status = command()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Python would try to flush once more at its end, and complain: there is nobody to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except CycloptsError as error:
        told = str(error).strip()
        complain(f"{told if told.endswith(('.', '?', '!')) else f'{told}.'} See: trimtab --help")
        return FAILED
    except Exception as error:  # ruff: ignore[blind-except]  the last door: an unexpected error is a sentence, too
        tell(error, verbose=verbose)
        return FAILED
    return status if isinstance(status, int) else EQUAL


def tell(error: BaseException, *, verbose: bool = False) -> None:
    """One sentence; of several errors at once (a task group's) each one's."""
    for one in _single(error):
        complain(sentence(one))
        if verbose and isinstance(one, TrimtabError) and one.detail:
            print(one.detail.rstrip(), file=sys.stderr)
    if verbose:
        traceback.print_exception(error, file=sys.stderr)


def sentence(error: BaseException) -> str:
    """What an error says to people."""
    if isinstance(error, TrimtabError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{f'{error.filename}: ' if error.filename else ''}{error.strerror}."
    return f"Unexpected {type(error).__name__}: {error}. This is a fault of Trimtab; -v shows where, for a report."


def complain(text: str) -> None:
    """One line on standard error, without a control character: what a manifest or a server says must not steer a terminal."""
    print(f"✗ {printable(' '.join(text.splitlines()))}", file=sys.stderr)


def _single(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [one for inner in error.exceptions for one in _single(inner)]
    return [error]
