"""A git process that stays: asked on its standard input, it answers in order on its standard output.

The story of its tasks: `ask` appends an exchange to the queue and writes its request at once, so any number of callers are pipelined.
Whatever arrives goes to the exchange at the head, which says when its answer is complete. No task of ours waits on the process; the
loop calls us. When the process ends while exchanges wait, it is started again and what waits is asked again, once; the exchange at the head
at the second end is the one that cannot be answered. After a minute of silence the process is ended, and started by the next question.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from trimtab.core.errors import TrimtabError
from trimtab.git.errors import GitError
from trimtab.git.process import bounded, environment, kill_group

IDLE_SECONDS = 60.0
_ATTEMPTS = 2


class Answer(Protocol):
    """What an exchange waits for."""

    def request(self) -> bytes:
        """What to write to the process for all that is still lacking: after a restart some of it may be here."""
        ...

    def feed(self, buffer: bytearray) -> bool:
        """Take from the front of `buffer`; whether the answer is complete.

        Raises a TrimtabError when it cannot be had: the process is ended.
        """
        ...

    def failure(self) -> TrimtabError:
        """The error when the process ended over this exchange twice."""
        ...


class _Exchange:
    """The answer awaited, and how often it was asked for."""

    __slots__ = ("answer", "attempts", "future")

    def __init__(self, answer: Answer) -> None:
        self.answer, self.attempts = answer, 0
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(self, error: TrimtabError | None = None) -> None:
        """Tell the caller, unless it has gone."""
        if self.future.done():
            return
        if error:
            self.future.set_exception(error)
        else:
            self.future.set_result(None)


class Conversation:
    """One long-lived `git <arguments>` over the repository in `directory`."""

    def __init__(self, directory: Path, arguments: Sequence[str], *, idle: float = IDLE_SECONDS) -> None:
        self._command = ("git", f"--git-dir={directory}", *arguments)
        self._idle = idle
        self._pending: deque[_Exchange] = deque()
        self._buffer = bytearray()
        self._transport: asyncio.SubprocessTransport | None = None
        self._starting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Future[None]] = set()

    @property
    def process_id(self) -> int | None:
        """The process's id while there is one."""
        return self._transport.get_pid() if self._transport else None

    async def ask(self, answer: Answer) -> None:
        """Ask; returns once `answer` is complete. Raises what it raised."""
        exchange = _Exchange(answer)
        self._pending.append(exchange)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._transport:
            self._send(exchange)
        elif self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._start(), name="start git")
        await exchange.future

    async def close(self) -> None:
        """End the process and see it gone; who still waits gets an error, who asks later starts it anew."""
        if self._starting:
            await asyncio.wait([self._starting])
        self._end()
        while self._pending:
            self._pending.popleft().end(GitError("The reader of the mirror was closed."))
        if self._ending:
            await asyncio.wait(self._ending)

    async def _start(self) -> None:
        try:
            transport, listener = await asyncio.get_running_loop().subprocess_exec(
                lambda: _Listener(self), *bounded(self._command), env=environment(), start_new_session=True
            )
        except OSError as error:
            while self._pending:
                self._pending.popleft().end(GitError(f"git could not be started: {error.strerror}."))
            return
        finally:
            self._starting = None
        self._transport = transport
        self._ending.add(listener.gone)
        listener.gone.add_done_callback(self._ending.discard)
        for exchange in self._pending:
            self._send(exchange)

    def _send(self, exchange: _Exchange) -> None:
        exchange.attempts += 1
        assert self._transport
        pipe = self._transport.get_pipe_transport(0)
        assert isinstance(pipe, asyncio.WriteTransport)
        pipe.write(exchange.answer.request())

    def received(self, listener: _Listener, data: bytes) -> None:
        """Called by the loop with standard output."""
        if self._transport is None or listener.transport is not self._transport:
            return
        self._buffer += data
        try:
            while self._pending and self._pending[0].answer.feed(self._buffer):
                self._pending.popleft().end()
        except TrimtabError as error:
            self._pending.popleft().end(error)
            self._restart()
            return
        if not self._pending and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._idle, self._end)

    def ended(self, listener: _Listener) -> None:
        """Called by the loop when the process is gone."""
        if listener.transport is self._transport:
            self._restart()

    def _restart(self) -> None:
        """Ask again what still waits, of a new process; give up on the head when it was asked often enough."""
        self._end()
        if self._pending and self._pending[0].attempts >= _ATTEMPTS:
            exchange = self._pending.popleft()
            exchange.end(exchange.answer.failure())
        for exchange in self._pending:
            exchange.attempts = min(exchange.attempts, _ATTEMPTS - 1)
        if self._pending and self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._start(), name="start git")

    def _end(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._buffer.clear()
        transport, self._transport = self._transport, None
        if transport:
            kill_group(transport.get_pid())


class _Listener(asyncio.SubprocessProtocol):
    """Hands the loop's calls to the conversation."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.transport: asyncio.SubprocessTransport | None = None
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self.transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 1:
            self.conversation.received(self, data)

    def process_exited(self) -> None:
        self.conversation.ended(self)
        if self.transport:
            self.transport.close()  # not before: closing looks for the exit status, which the loop's own watcher must find

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.gone.done():
            self.gone.set_result(None)
