"""The stage of a scenario: a control plane, a Git server, the controller as users run it, and the independent watcher, each a process.

The Application objects are there before the push that brings their paths.
"""

from __future__ import annotations

import base64
import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from bench import meters
from bench.api import Api
from bench.objects import KINDS, Kind, Manifest, application
from bench.repos import GitServer, Push, WorkingCopy
from bench.watcher import Watcher
from trimtab.cli.devcluster import start_devcluster

NAMESPACE = "apps"
"""Where the applications' objects go."""
CONTROL = "trimtab"
FLOOR = "floor"
"""Where the floor's objects go."""
PROGRAM = Path(sys.executable).with_name("trimtab")
"""The command, as installed beside this Python."""
_OURS = f"/apis/trimtab.dev/v1alpha1/namespaces/{CONTROL}"
_SECRET = "bench"
_QUIET = 0.03
"""Below this share of a core the controller counts as at rest."""


class Stage:
    """Everything that runs; use it as a context manager. `applications` are made by `prepare`, deployed by `install`."""

    def __init__(self, directory: Path, *, repositories: int = 1) -> None:
        self.directory = directory
        self._names = ["fleet", *(f"small-{n}" for n in range(repositories - 1))]
        self._stack = ExitStack()
        self.applications = self.objects = 0
        self.installed = False

    def __enter__(self) -> Self:
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        with ExitStack() as stack:
            self._build(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _build(self, stack: ExitStack) -> None:
        cluster = stack.enter_context(start_devcluster(self.directory / "cluster", audit_log=self.directory / "audit.log"))
        self.cluster_pid, self.kubeconfig = cluster.pid, cluster.kubeconfig
        self.api = Api(self.kubeconfig)
        self.audit = meters.Audit(self.directory / "audit.log")
        self.address = f"127.0.0.1:{_free_port()}"
        for namespace in (CONTROL, NAMESPACE, FLOOR):
            self.api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        self.api.create(f"/api/v1/namespaces/{CONTROL}/secrets", _webhook_secret())
        subprocess.run([PROGRAM, "crds", "--apply", "--kubeconfig", str(self.kubeconfig)], check=True, stdout=subprocess.DEVNULL)
        hooks = f"http://{self.address}/hooks/generic"
        self.git = stack.enter_context(GitServer(self.directory / "git", self._names, hooks, _SECRET))
        self.fleet = WorkingCopy(self.git, "fleet", self.directory / "fleet")
        self.fleet.push("An empty fleet")
        self.add_repository("fleet", interval="10m")
        paths = [kind.path(NAMESPACE) for kind in KINDS]
        self.watcher = stack.enter_context(Watcher(self.kubeconfig, [*paths, f"{_OURS}/repositories", KINDS[0].path(FLOOR)]))
        self.start_controller()
        stack.callback(self.stop_controller)

    def start_controller(self) -> None:
        """Start `trimtab run`, as users do, and return at once."""
        data, log = self.directory / "data", self.directory / "controller.log"
        options = ["--kubeconfig", str(self.kubeconfig), "--data-dir", str(data), "--listen", self.address, "--identity", "bench"]
        with log.open("ab") as out:
            self.controller = subprocess.Popen([PROGRAM, "run", *options], stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def stop_controller(self) -> None:
        """End it in good order."""
        self.controller.terminate()
        self.controller.wait(30)

    def kill_controller(self) -> None:
        """End it as a crash would."""
        self.controller.send_signal(signal.SIGKILL)
        self.controller.wait()

    def add_repository(self, name: str, *, interval: str) -> None:
        """A Repository object for one of the server's repositories."""
        spec = {"url": self.git.urls[name], "ref": {"branch": "main"}, "interval": interval}
        self.api.create(f"{_OURS}/repositories", _resource("Repository", name, spec))

    def prepare(self, applications: int, objects: int) -> None:
        """Make the Application objects; return when the controller has seen that their paths are not there yet."""
        self.applications, self.objects = applications, objects
        with ThreadPoolExecutor(8) as threads:
            for made in [threads.submit(self._create_application, number) for number in range(applications)]:
                made.result()
        self.rest(seconds=600)

    def _create_application(self, number: int) -> None:
        source = {"repositoryRef": {"name": "fleet"}, "path": f"apps/{number}"}
        spec = {"sources": [source], "destination": {"namespace": NAMESPACE}}
        self.api.create(f"{_OURS}/applications", _resource("Application", f"app-{number}", spec))

    def all_objects(self, mark: str) -> list[tuple[Kind, Manifest]]:
        """Every object of every application."""
        return [made for number in range(self.applications) for made in application(number, self.objects, mark).values()]

    def write(self, number: int, mark: str, *, beside: Sequence[str] = ()) -> None:
        """Write one application's files with a mark; they go out with the next push."""
        self.fleet.write(number, application(number, self.objects, mark), beside=beside)

    def install(self, mark: str = "first", *, beside: Sequence[str] = (), seconds: float = 900) -> tuple[Push, float]:
        """One push that brings every application; the push, and the seconds from its hook to the last object's event."""
        for number in range(self.applications):
            self.write(number, mark, beside=beside)
        wanted = {f"{kind.name}/{manifest['metadata']['name']}" for kind, manifest in self.all_objects(mark)}
        since, push = self.watcher.mark(), self.fleet.push("Every application")
        last = self.watcher.wait_for_all(wanted, since=since, seconds=seconds)
        self.installed = True
        return push, last.time - push.started

    def ensure_installed(self) -> None:
        """Install what was prepared, unless another scenario has done so."""
        if not self.installed:
            self.install()
        self.rest()

    def cpu(self) -> float:
        """Processor seconds of the controller and its workers so far."""
        return meters.cpu(self.controller.pid)

    def counters(self) -> Counter[str]:
        """The controller's own counters; empty while it does not answer."""
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            return meters.counters(self.address)
        return Counter()

    def ready(self) -> bool:
        """Whether /readyz says so."""
        with contextlib.suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(f"http://{self.address}/readyz") as answer:
            return bool(answer.status == 200)
        return False

    def rest(self, *, seconds: float = 120.0) -> None:
        """Wait until the controller has nothing to do for a second and a half. Raises TimeoutError when it never rests."""
        end, quiet = time.monotonic() + seconds, 0
        while quiet < 3:
            before = self.cpu()
            time.sleep(0.5)
            quiet = quiet + 1 if self.cpu() - before < _QUIET * 0.5 else 0
            if time.monotonic() > end:
                raise TimeoutError(f"The controller is still at work after {seconds:.0f} seconds.")
        if self.controller.poll() is not None:
            raise RuntimeError(f"The controller has ended; its log is {self.directory / 'controller.log'}.")


def _resource(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "trimtab.dev/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": CONTROL}, "spec": spec}


def _webhook_secret() -> dict[str, Any]:
    data = {"generic": base64.b64encode(_SECRET.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "trimtab-webhooks"}, "data": data}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
