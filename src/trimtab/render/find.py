"""Where the worker binaries are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import trimtab
from trimtab.core.errors import InputError

RENDER = "trimtab-render-worker"
DECRYPT = "trimtab-decrypt-worker"


def find_worker(name: str = RENDER) -> Path:
    """The binary `name`: from the environment (`TRIMTAB_RENDER_WORKER`, `TRIMTAB_DECRYPT_WORKER`), beside the package, or in the checkout.

    Raises InputError when it is nowhere, or when the environment names something that is none.
    """
    variable = name.removesuffix("-worker").replace("-", "_").upper() + "_WORKER"
    told = os.environ.get(variable)
    if told:
        if not _runs(Path(told)):
            raise InputError(f"{variable} names {told}, which is no program.", remedy="Correct it or unset it.")
        return Path(told)
    found = next((path for path in _places(name) if _runs(path)), None)
    if found is None:
        raise InputError(f"The program {name} is missing; it renders manifests.", remedy="Build it:  make build")
    return found


def _places(name: str) -> Iterator[Path]:
    package = Path(trimtab.__file__).resolve().parent
    yield package / "_bin" / name
    yield package.parents[1] / "build" / "bin" / name


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
