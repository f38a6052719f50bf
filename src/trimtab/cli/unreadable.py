"""An Application that this version cannot read is shown as such, beside all others: it is neither left out nor the end of the command."""

from __future__ import annotations

from trimtab.api.application import Application, ApplicationSpec, ApplicationStatus, Source
from trimtab.api.repository import RepositoryRef
from trimtab.controllers.own import Read


def shown(read: Read[Application]) -> Application:
    """The Application; where it cannot be read, one that says so in its status."""
    if read.value is not None:
        return read.value
    status = ApplicationStatus(synced="Failed", message=str(read.error))
    return Application(read.metadata, ApplicationSpec(sources=[Source(RepositoryRef("unknown"))]), status)
