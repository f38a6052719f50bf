"""What an Application has in the cluster, as the controller keeps it: its inventory, read from the kept state.

"Nothing is kept yet" and "it cannot be read" are two things: the first is an empty inventory, the second an error.
"""

from __future__ import annotations

from msgspec import Struct

from trimtab.api.application import Application
from trimtab.cluster.client import Client
from trimtab.plan.model import Entry
from trimtab.plan.owner import Owner
from trimtab.sync.installation import find
from trimtab.sync.keeper import Keeper


class Inventory(Struct, frozen=True):
    """The owner (None where no controller has run in the namespace), and the entries in the order in which they were written."""

    owner: Owner | None
    entries: tuple[Entry, ...] = ()


async def inventory_of(client: Client, app: Application) -> Inventory:
    """The kept inventory. Raises an ApiError, or UnavailableError, where it cannot be read."""
    namespace = app.metadata.namespace
    installation = await find(client, namespace)
    if installation is None:
        return Inventory(None)
    owner = Owner(installation.id, namespace, app.metadata.name)
    state = await Keeper(client, namespace).load(owner)
    return Inventory(owner, state.inventory if state is not None else ())
