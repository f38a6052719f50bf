"""`trimtab completion`: what a shell needs to complete our commands and flags."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

Shell = Literal["bash", "zsh", "fish"]


def completion(
    shell: Annotated[Shell, Parameter(help="Which shell.")],
    *,
    install: Annotated[
        bool, Parameter(help="Write it where the shell looks for it, and load it from its startup file.", negative="")
    ] = False,
) -> None:
    """Print the completion script of a shell, or install it. To try it:  source <(trimtab completion bash)."""
    from trimtab.cli.main import app  # ruff: ignore[import-outside-top-level]  that module registers this one

    if install:
        print(f"installed {app.install_completion(shell=shell)}; open a new shell to use it")
    else:
        print(app.generate_completion(prog_name="trimtab", shell=shell), end="")
