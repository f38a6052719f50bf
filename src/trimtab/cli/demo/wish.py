"""What was asked of the demo."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class Wish(Struct, frozen=True):
    """What was asked for. `kubeconfig` None: a control plane of our own."""

    home: Path
    kubeconfig: Path | None
    context: str
    namespace: str
    patience: float
    """Seconds that workloads may take to become ready: fake nodes need none, real ones fetch images."""
