"""The demo's folder `.demo/`: one demo at a time; each begins afresh and leaves its logs alone behind.

A demo that was killed leaves its run behind; the next one takes it away. Its control plane ends by itself.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from trimtab.core.errors import RefusedError

_RUN = "run-"


@contextmanager
def place(home: Path) -> Generator[Path]:
    """A fresh folder within `home` for this run; gone afterwards. Raises RefusedError while another demo has `home`."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RefusedError(
                f"A demo runs in {home} already.", remedy="Stop it with Ctrl-C, or name another folder with --data-dir."
            ) from error
        _sweep(home)
        try:
            yield Path(tempfile.mkdtemp(prefix=_RUN, dir=home.absolute()))  # absolute: hooks run elsewhere
        finally:
            _sweep(home)


def _sweep(home: Path) -> None:
    """Take away what runs left: also the clone that the first thing to try makes."""
    for path in (*home.glob(f"{_RUN}*"), home / "fleet"):
        shutil.rmtree(path, ignore_errors=True)
    (home / "kubeconfig").unlink(missing_ok=True)
