"""The Git server of the command line, as tests import it."""

from __future__ import annotations

from trimtab.cli.gitserver import GitServer, Push

__all__ = ["GitServer", "Push"]
