"""The controller of the demo: `trimtab run` as a child in a process group of its own, its log in a file.

Its story: one task copies the child's log, line by line, to the file, and hears in it at which address it listens. The child ends with
SIGTERM; also when its standard input ends, so that it does not outlive a demo that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from msgspec import Struct

from trimtab.core.errors import UnavailableError

_LISTEN_SECONDS = 60.0
_STOP_SECONDS = 10.0


class Running(Struct, frozen=True):
    """The controller as it runs: where it takes webhooks, `HOST:PORT`, and the task that ends with it."""

    address: str
    ended: asyncio.Task[None]
    log: Path

    async def must_live(self) -> None:
        """Raises UnavailableError when it ends."""
        await asyncio.wait([self.ended])
        raise UnavailableError(f"The controller has ended; {self.log} says why.")


@asynccontextmanager
async def controller(*, kubeconfig: Path, context: str, namespace: str, directory: Path, log: Path) -> AsyncGenerator[Running]:
    """Run the controller for the block. Raises UnavailableError when it does not come up."""
    arguments = [
        *("-m", "trimtab.cli.demo.child", "run", "--json", "--listen", "127.0.0.1:0", "--identity", "demo"),
        *("--kubeconfig", str(kubeconfig), "--namespace", namespace, "--data-dir", str(directory)),
        *(("--context", context) if context else ()),
    ]
    child = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=PIPE, stdout=DEVNULL, stderr=PIPE, start_new_session=True
    )
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    with log.open("ab") as file:
        copying = asyncio.create_task(_copy(child, file, address), name="controller log")
        try:
            yield Running(await _listening(address, log), copying, log)
        finally:
            await _stop(child)
            await copying


async def _listening(address: asyncio.Future[str], log: Path) -> str:
    try:
        return await asyncio.wait_for(address, _LISTEN_SECONDS)
    except TimeoutError as error:
        raise UnavailableError(f"The controller does not listen after {_LISTEN_SECONDS:.0f} s; {log} says why.") from error


async def _copy(child: Process, file: IO[bytes], address: asyncio.Future[str]) -> None:
    assert child.stderr is not None
    while line := await child.stderr.readline():
        file.write(line)
        file.flush()
        if not address.done() and b'"listening"' in line:
            address.set_result(json.loads(line)["address"])
    if not address.done():
        address.set_exception(UnavailableError(f"The controller ended before it was ready; {file.name} says why."))


async def _stop(child: Process) -> None:
    """SIGTERM, and after a while SIGKILL to its whole group: render workers and git processes are in it."""
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        await asyncio.wait_for(child.wait(), _STOP_SECONDS)
    except (TimeoutError, asyncio.CancelledError):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()
