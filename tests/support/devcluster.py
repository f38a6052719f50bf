"""The control plane of the command line, as tests import it."""

from __future__ import annotations

from trimtab.cli.devcluster import DevCluster, start_devcluster

__all__ = ["DevCluster", "start_devcluster"]
