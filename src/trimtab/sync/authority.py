"""The one authorisation function, in front of the one write function: sync, prune, drift correction, rollback and deletion all pass it.

Until Project exists the rule is short: an identity is never empty, only Applications of the control namespace are served, and no
application writes Trimtab's own kept state.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from trimtab.core.errors import RefusedError
from trimtab.plan.model import Key
from trimtab.plan.owner import Owner

Purpose = Literal["Sync", "Prune", "Drift", "Rollback", "Teardown"]
STATE_PREFIX = "trimtab."


class Write(Struct, frozen=True):
    """One write that is asked for."""

    owner: Owner
    purpose: Purpose
    key: Key


class Authority(Struct, frozen=True):
    """Who may write what."""

    served: str = ""
    """The namespace whose Applications are served; empty for the command line, where the user's own credential limits the write."""

    def check(self, write: Write) -> None:
        """Raises RefusedError where the write is not allowed."""
        if not (write.owner.installation and write.owner.namespace and write.owner.name):
            raise RefusedError(f"A write of {write.key} names no owner, so it is refused.")
        if self.served and write.owner.namespace != self.served:
            sentence = f"Application {write.owner.key} is not served: only those in namespace {self.served} are."
            raise RefusedError(sentence, remedy=f"Move it to {self.served}.")
        if write.key.kind == "Secret" and write.key.name.startswith(STATE_PREFIX) and write.key.namespace == self.served:
            raise RefusedError(f"{write.key} is Trimtab's own kept state; no application may write it.")
