"""A client whose process dies at a write: the server has carried the write out, the program never learns of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from trimtab.cluster.client import Client, Response

Counts = Callable[[str, str], bool]
"""Whether a write (method, path) counts."""


class Crashing(Client):
    """Writes normally until `at` more writes that count have been carried out; then `crashed` is set and nothing returns any more."""

    def arm(self, at: int, counts: Counts = lambda _method, _path: True) -> None:
        """Die after so many more writes; 0 for never."""
        self._at, self._counts, self.crashed = at, counts, asyncio.Event()

    async def request(self, method: str, path: str, **options: Any) -> Response:
        """As any client, until the end."""
        if self.crashed.is_set() and options.get("verb") != "lease":
            await asyncio.Event().wait()
        answer = await super().request(method, path, **options)
        if method != "GET" and options.get("verb") != "lease" and self._counts(method, path):
            self._at -= 1
            if self._at == 0:
                self.crashed.set()
                await asyncio.Event().wait()
        return answer
