"""Serving the application in the controller's own loop.

Its story: `serve` binds at once (so a taken port is a sentence at start, and port 0 is known) and starts one named task in the caller's
TaskGroup. When that group is cancelled the task lets answers under way finish for `grace` seconds and ends; the program's signals are the
program's, uvicorn's own handlers are left out.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from trimtab.core import tasks
from trimtab.core.errors import InputError
from trimtab.server.connections import Waiting, protocol


class _Server(uvicorn.Server):
    """uvicorn less its signal handlers and its tick of ten a second: at rest nothing runs."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._over = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals to the program."""
        yield

    async def main_loop(self) -> None:
        """Wait for the end; what the tick did, a date for each answer, `PunctualProtocol` does when there is one."""
        await self._over.wait()

    def stop(self) -> None:
        """Accept nothing more, let answers under way finish, and end."""
        self.should_exit = True
        self._over.set()


def serve(app: ASGIApp, *, host: str, port: int, group: asyncio.TaskGroup, grace: float = 5.0, waiting: Waiting | None = None) -> int:
    """Serve `app` for as long as `group` lives; the bound port (`port` 0 takes a free one). Raises InputError when it cannot be bound."""
    listener = bind(host, port)
    tasks.spawn(group, "http server", run(app, listener, grace=grace, waiting=waiting or Waiting()))
    return int(listener.getsockname()[1])


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises InputError with the reason when the address is taken or not ours."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"Cannot listen on {host}:{port}: {reason}.", remedy="Name another with --listen HOST:PORT.") from error


async def run(app: ASGIApp, listener: socket.socket, *, grace: float, waiting: Waiting) -> None:
    """Serve until cancelled, then let answers under way finish."""
    server = _Server(_configuration(app, grace=grace, waiting=waiting))
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="uvicorn")
    try:
        await asyncio.shield(serving)
    finally:
        server.stop()
        await serving


def _configuration(app: ASGIApp, *, grace: float, waiting: Waiting) -> uvicorn.Config:
    return uvicorn.Config(
        cast(Any, app),
        http=cast(Any, protocol(waiting)),
        ws="none",
        lifespan="off",
        log_config=None,  # logging is the program's
        log_level="error",  # a flood of malformed requests must not become a flood of lines
        access_log=False,
        proxy_headers=False,  # the remote is who connected; a header can be anyone's word
        server_header=False,
        date_header=False,  # it would need the tick
        timeout_graceful_shutdown=max(1, round(grace)),
    )
