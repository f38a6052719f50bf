"""`trimtab demo`, the command: a real Kubernetes API server follows a real Git repository, on this machine, with one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

OWN_PATIENCE, YOUR_PATIENCE = 30.0, 300.0
"""Seconds in which workloads must be ready: on fake nodes, on real ones."""


def demo(
    *,
    tour: Annotated[
        bool, Parameter(help="Do the three things to try, print their times, and end; exit 1 if one did not hold.", negative="")
    ] = False,
    kubeconfig: Annotated[Path | None, Parameter(help="A cluster that you have, instead of a control plane of its own.")] = None,
    context: Annotated[str, Parameter(help="A context of the kubeconfig.")] = "",
    data_dir: Annotated[Path, Parameter(help="What the demo keeps while it runs, and its logs afterwards.")] = Path(".demo"),
    by_hand: Annotated[
        bool, Parameter(help="Delete the Deployment of a demo that runs, as a person would, and time its return.", negative="")
    ] = False,
) -> int:
    """A cluster follows a Git repository on this machine."""
    from trimtab.cli.demo.show import change_by_hand, show  # ruff: ignore[import-outside-top-level] -- `--help` need not pay for it
    from trimtab.cli.demo.wish import Wish  # ruff: ignore[import-outside-top-level] -- the same

    if by_hand:
        change_by_hand(kubeconfig or data_dir / "kubeconfig", context)
        return 0
    own = kubeconfig is None
    wish = Wish(data_dir, kubeconfig, context, "trimtab" if own else "trimtab-demo", OWN_PATIENCE if own else YOUR_PATIENCE)
    return 0 if show(wish, with_tour=tour) else 1
