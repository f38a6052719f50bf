"""Where a render's files come from: Git objects by id, from whoever has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class ObjectSource(Protocol):
    """Reads Git objects by id; a mirror's object reader and a folder on disk both do."""

    async def read_many(self, oids: Sequence[str]) -> Sequence[tuple[str, bytes] | None]:
        """Kind ("blob" or "tree") and raw content of each object, in the order asked; None for one that is not there.

        Raises UnavailableError when it cannot be told.
        """
        ...
