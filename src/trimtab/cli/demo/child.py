"""`python -m trimtab.cli.demo.child …`: a trimtab that ends, in good order, when its standard input does.

Whoever started it holds the other end of that pipe, so it never outlives them, however they end.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from trimtab.cli.main import main


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 1 << 12):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_input, daemon=True, name="end with input").start()
    main()
