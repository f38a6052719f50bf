"""The command line. Commands are loaded when they are called, so that `trimtab --help` costs no more than its text."""

from __future__ import annotations

import sys

from cyclopts import App

import trimtab
from trimtab.cli.errors import guarded

COMMANDS = {
    "demo": "A cluster follows a Git repository on this machine.",
    "run": "The controller.",
    "crds": "Print the custom resource definitions, or apply them.",
    "render": "Print what a folder renders to.",
    "plan": "Show what would change in a cluster.",
    "apply": "Make a cluster equal to a folder, with no controller.",
    "get": "Show the Applications: synced, healthy, at which revision.",
    "tree": "Show an Application's objects and their children.",
    "sync": "Ask the controller to look now.",
    "wait": "Wait until Applications are ready.",
    "approve": "Approve a plan that waits.",
    "history": "Show the last deployments.",
    "rollback": "Go back to an earlier version.",
    "suspend": "Leave an Application alone for a while.",
    "resume": "End a suspension or a rollback.",
    "delete": "Delete an Application.",
    "version": "Show the versions, and which controller leads.",
}
ALIASES = {"plan": "diff"}

app = App(name="trimtab", help=trimtab.__doc__, version=trimtab.__version__)
for _name in COMMANDS:
    app.command(f"trimtab.cli.{_name}:{_name}", name=_name, alias=ALIASES.get(_name))


def main() -> None:
    """Run the command that was typed; an error of ours is one sentence and exit status 1."""
    sys.exit(guarded(app, verbose="-v" in sys.argv))
