"""The Kubernetes API over bare HTTPS: nothing of Trimtab between a test and the control plane."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
import tempfile
import time
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

JSON = dict[str, Any]
PODS = "/api/v1/namespaces/default/pods"


class StatusError(Exception):
    """The server answered with a failure; `code` is its HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class RawApi:
    """One connection a request, with the client certificate of a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._address = cluster["server"].removeprefix("https://")
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile() as pair:
            for key in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(user[key]))
            pair.flush()
            self._tls.load_cert_chain(pair.name)

    def call(self, method: str, path: str, body: JSON | None = None, kind: str = "application/json") -> JSON:
        """One request; the answer, or StatusError."""
        connection = http.client.HTTPSConnection(self._address, context=self._tls, timeout=20)
        try:
            headers = {"Content-Type": kind, "User-Agent": "devcluster-tests"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise StatusError(answer.status, data.decode(errors="replace"))
        result: JSON = json.loads(data)
        return result

    @contextlib.contextmanager
    def watch(self, path: str) -> Generator[http.client.HTTPResponse]:
        """An open watch on a collection, as the server's answer."""
        connection = http.client.HTTPSConnection(self._address, context=self._tls, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", f"{path}?watch=true")
            yield connection.getresponse()

    def get(self, path: str) -> JSON:
        """The object, or list, at a path."""
        return self.call("GET", path)

    def create(self, path: str, body: JSON) -> JSON:
        """POST to a collection."""
        return self.call("POST", path, body)

    def delete(self, path: str) -> JSON:
        """DELETE an object."""
        return self.call("DELETE", path)

    def until(self, path: str, holds: Callable[[JSON], object], *, within: float = 10.0) -> JSON:
        """The object at a path once something holds of it; an AssertionError with its last state when it does not in time."""
        deadline = time.monotonic() + within
        while True:
            state = self.get(path)
            if holds(state):
                return state
            assert time.monotonic() < deadline, json.dumps(state.get("status"), indent=1)
            time.sleep(0.02)

    def until_gone(self, path: str, *, within: float) -> None:
        """Return once the path answers 404."""
        deadline = time.monotonic() + within
        while True:
            try:
                state = self.get(path)
            except StatusError as error:
                if error.code == http.HTTPStatus.NOT_FOUND:
                    return
                raise
            assert time.monotonic() < deadline, json.dumps(state, indent=1)
            time.sleep(0.02)


def annotated(annotations: dict[str, str]) -> dict[str, str]:
    """Annotations with the control plane's prefix."""
    return {f"dev.trimtab.dev/{key}": value for key, value in annotations.items()}


def pod(name: str, annotations: dict[str, str] | None = None, **spec: Any) -> JSON:
    """A pod of one container, `app`."""
    return {
        "metadata": {"name": name, "labels": {"app": name}, "annotations": annotated(annotations or {})},
        "spec": {"containers": [{"name": "app", "image": "example/app:1"}], **spec},
    }


def container(of: JSON, name: str = "app") -> JSON:
    """The status of one container of a pod; empty when there is none yet."""
    statuses = [*of["status"].get("containerStatuses", []), *of["status"].get("initContainerStatuses", [])]
    return next((status for status in statuses if status["name"] == name), {})


def waiting(of: JSON, name: str = "app") -> str:
    """Why a container waits; empty when it does not."""
    reason: str = container(of, name).get("state", {}).get("waiting", {}).get("reason", "")
    return reason


def condition(of: JSON, kind: str) -> JSON:
    """A condition of an object; empty when there is none."""
    return next((c for c in of.get("status", {}).get("conditions", []) if c["type"] == kind), {})


def ready(of: JSON) -> bool:
    """Whether the object's Ready condition is True."""
    return condition(of, "Ready").get("status") == "True"
