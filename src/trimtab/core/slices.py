"""Long computations leave the event loop (design: rule 13): nothing holds it for more than some 20 ms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

FEW = 200
"""Objects that are worked on at once; more go to a thread."""


async def off_loop(count: int, work: Callable[P, R], *arguments: P.args, **keywords: P.kwargs) -> R:
    """`work(…)`, in a thread when it is about more than a few objects."""
    if count <= FEW:
        return work(*arguments, **keywords)
    return await asyncio.to_thread(work, *arguments, **keywords)
