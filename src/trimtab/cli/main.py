"""The command line. Commands are loaded when they are called, so that `trimtab --help` costs no more than its text."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, Parameter

import trimtab
from trimtab.cli.errors import guarded

COMMANDS = {
    "demo": "A cluster follows a Git repository on this machine.",
    "run": "The controller.",
    "crds": "Print the custom resource definitions, or apply them.",
    "render": "Print what a folder renders to.",
    "plan": "Show what would change in a cluster if a folder were applied.",
    "apply": "Make a cluster equal to a folder, with no controller.",
    "completion": "Print the completion script of a shell, or install it.",
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
LONG_LIVED = frozenset({"run", "demo"})
VERBOSE = frozenset({"-v", "--verbose"})
"""Understood by every command: an error shows its detail and where it arose."""
JSON = "--json"
"""Understood by every command: logs, where there are any, as JSON lines on standard error."""
HELP = frozenset({"--help", "-h", "--version"})

app = App(
    name="trimtab",
    help=f"{trimtab.__doc__}\n\nAfter any command: -v shows more of an error, --json writes logs as JSON lines.",
    version=trimtab.__version__,
    help_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(show_default=lambda default: default or None),
)
for _name, _help in COMMANDS.items():
    app.command(f"trimtab.cli.{_name}:{_name}", name=_name, alias=ALIASES.get(_name), help=_help)


def main() -> None:
    """Run the command that was typed; an error of ours is one sentence and exit status 1."""
    arguments = sys.argv[1:]
    if arguments and HELP.isdisjoint(arguments):
        _configure_logs(arguments)
    sys.exit(run(arguments))


def _configure_logs(arguments: Sequence[str]) -> None:
    """What lives on logs; a command that answers says it once, as its answer or its error, unless logs are asked for."""
    import logging  # ruff: ignore[import-outside-top-level]  these cost 60 ms, and help logs nothing

    import structlog  # ruff: ignore[import-outside-top-level]  the same

    from trimtab.core import logs  # ruff: ignore[import-outside-top-level]  the same

    logs.configure(json=JSON in arguments, verbose=not VERBOSE.isdisjoint(arguments))
    if arguments[0] not in LONG_LIVED and not {*VERBOSE, JSON}.intersection(arguments):
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status."""
    own = arguments[:1] == ["run"]  # the controller has these flags of its own
    tokens = [a for a in arguments if own or a not in {*VERBOSE, JSON}]
    return guarded(lambda: app(tokens, exit_on_error=False, print_error=False), verbose=not VERBOSE.isdisjoint(arguments))
