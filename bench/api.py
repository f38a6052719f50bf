"""A small client of the API server, of the bench's own: nothing of what is measured takes part in the measuring.

One connection a thread, kept open while it is used; plain `http.client`.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON = "application/json"
_IDLE = 20.0
"""Seconds after which a kept connection is not used again."""


class RefusedError(Exception):
    """The API server answered with an error."""

    def __init__(self, method: str, path: str, status: int, body: bytes) -> None:
        super().__init__(f"{method} {path} was answered with {status}: {body[:300].decode(errors='replace')}")
        self.status = status


class Api:
    """The API server that a kubeconfig names, by client certificate. For any number of threads."""

    def __init__(self, kubeconfig: Path, *, agent: str = "bench") -> None:
        config = yaml.safe_load(kubeconfig.read_text("utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._address = urlsplit(cluster["server"]).netloc
        self._context = _context(cluster, user)
        self._agent = agent
        self._own = threading.local()

    def request(self, method: str, path: str, body: bytes | None = None, content_type: str = JSON) -> bytes:
        """One request and its answer's body. Raises RefusedError from status 400 on."""
        connection = self._connection()
        connection.request(method, path, body, {"Content-Type": content_type, "Accept": JSON, "User-Agent": self._agent})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise RefusedError(method, path, answer.status, content)
        return content

    def get(self, path: str) -> Any:
        """An object or list as plain data."""
        return json.loads(self.request("GET", path))

    def create(self, path: str, manifest: Any) -> None:
        """Create one object in the collection at `path`."""
        self.request("POST", path, json.dumps(manifest).encode())

    def apply(self, path: str, body: bytes, manager: str) -> None:
        """Server-side apply of one object, forced."""
        self.request("PATCH", f"{path}?fieldManager={manager}&force=true", body, APPLY)

    def edit(self, path: str, patch: Any, manager: str) -> None:
        """Merge-patch one object, as a client of that name would."""
        self.request("PATCH", f"{path}?fieldManager={manager}", json.dumps(patch).encode(), MERGE)

    def lines(self, path: str) -> Iterator[bytes]:
        """A watch: each line as it comes, until the server ends it."""
        connection = self._open(None)
        connection.request("GET", path, headers={"Accept": JSON, "User-Agent": self._agent})
        answer = connection.getresponse()
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise RefusedError("GET", path, answer.status, answer.read())
        rest = b""
        while chunk := answer.read1(1 << 18):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole

    def _connection(self) -> http.client.HTTPSConnection:
        """This thread's connection: a new one where the last was idle for so long that the server may be closing it."""
        now = time.monotonic()
        if now - getattr(self._own, "used", -_IDLE) >= _IDLE:
            self._own.connection = self._open(60.0)
        self._own.used = now
        known: http.client.HTTPSConnection = self._own.connection
        return known

    def _open(self, timeout: float | None) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._address, timeout=timeout, context=self._context)


def _context(cluster: dict[str, str], user: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile() as file:
        file.write(base64.b64decode(user["client-certificate-data"]) + b"\n" + base64.b64decode(user["client-key-data"]))
        file.flush()
        context.load_cert_chain(file.name)
    return context
