"""Start and stop the development control plane (`devcluster/`): for `trimtab demo` and for the tests.

    cluster = start_devcluster(Path(".demo/cluster"))
    ...  # cluster.kubeconfig, cluster.server
    cluster.stop()

The program tells in one line of JSON on its standard output that it is ready, or why not; its log is `devcluster.log` in the
data folder. It stops by itself when the process that started it ends, however that ends.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess  # ruff: ignore[suspicious-subprocess-import] -- the control plane is a program of its own
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from trimtab.core.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_START_SECONDS = 90.0  # on a loaded machine; two to five seconds are usual
_STOP_SECONDS = 15.0  # after it the process is killed: everything worth keeping is on disk
_READY_GRACE_SECONDS = 10.0  # the program gives up by itself before we do
_LOG_LINES = 3


class Ready(msgspec.Struct, frozen=True):
    """What the program says once it can be used, or (with `ready` false) why it cannot."""

    ready: bool
    error: str = ""
    server: str = ""
    kubeconfig: str = ""
    version: str = ""
    nodes: int = 0
    seconds: float = 0.0
    pid: int = 0


def devcluster_binary() -> Path:
    """The program: `TRIMTAB_DEVCLUSTER`, else `build/bin/devcluster` of the repository that this module lies in."""
    named = os.environ.get("TRIMTAB_DEVCLUSTER")
    path = Path(named) if named else Path(__file__).parents[3] / "build" / "bin" / "devcluster"
    if not os.access(path, os.X_OK):
        raise UnavailableError(f"The control plane is not built: {path} is no program.", remedy="make build")
    return path


class DevCluster:
    """A running control plane. As a context manager it is stopped at the end of the block."""

    def __init__(self, data_dir: Path, arguments: Sequence[str]) -> None:
        self.data_dir = data_dir
        self._arguments = tuple(arguments)
        self._process, self.ready = _launch(data_dir, self._arguments)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; needs no other file."""
        return Path(self.ready.kubeconfig)

    @property
    def server(self) -> str:
        """The API server's URL, on loopback."""
        return self.ready.server

    @property
    def pid(self) -> int:
        """The process's id."""
        return self.ready.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Stop it in good order (SIGTERM) and wait for its end. Stopping what has ended does nothing."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it without warning (SIGKILL), as a crash would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop it, if it runs, and start it on the same data and port: the kubeconfig stays good."""
        self.stop()
        port = self.server.rpartition(":")[2]
        self._process, self.ready = _launch(self.data_dir, (*self._arguments, f"--port={port}"))

    def _end(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def start_devcluster(data_dir: Path, *, nodes: int = 1, audit_log: Path | None = None, extra: Sequence[str] = ()) -> DevCluster:
    """Start a control plane on a data folder (made, or used again) and return once it is ready.

    `extra` are further flags of the program. Raises UnavailableError with the program's own sentence when it does not come up.
    """
    audit = () if audit_log is None else (f"--audit-log={audit_log}",)
    return DevCluster(data_dir, (f"--nodes={nodes}", *audit, *extra))


def _launch(data_dir: Path, arguments: Sequence[str]) -> tuple[subprocess.Popen[bytes], Ready]:
    """Start the process and read its line."""
    limit = f"--start-timeout={_START_SECONDS:.0f}s"
    process = subprocess.Popen(
        [devcluster_binary(), f"--data-dir={data_dir}", "--die-with-parent", limit, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches the starter alone, which stops things in order
    )
    try:
        ready = _read_line(process, data_dir)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return process, ready


def _read_line(process: subprocess.Popen[bytes], data_dir: Path) -> Ready:
    """The program's line. One that ends without a line, or says that it failed, is an UnavailableError."""
    assert process.stdout is not None
    answered, _, _ = select.select([process.stdout], [], [], _START_SECONDS + _READY_GRACE_SECONDS)
    line = process.stdout.readline() if answered else b""
    if not line:
        log = _last_lines(data_dir / "devcluster.log")
        raise UnavailableError(f"The control plane in {data_dir} ended, or hung, before it was ready.", detail=log)
    ready = msgspec.json.decode(line, type=Ready)
    if not ready.ready:
        raise UnavailableError(f"The control plane did not start: {ready.error}.")
    return ready


def _last_lines(path: Path) -> str:
    """The end of the log, for `-v`; nothing when there is none."""
    with suppress(OSError):
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:])
    return ""
