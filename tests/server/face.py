"""The HTTP face on a real loopback port, with a sink that remembers; and real-shaped deliveries of each provider."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import aiohttp

from trimtab.server.app import create_app
from trimtab.server.connections import Waiting
from trimtab.server.push import Push
from trimtab.server.serve import bind, run
from trimtab.server.webhooks import HookLimits

SECRET = b"It's a secret to everybody"
COMMIT = "bffeb74224043ba2feb48d137756c8a9331c449a"
PARENT = "28e1879d029cb852e4844d9c718537df08844e03"
NOTHING = "0" * 40


class Sink:
    """Wakes one repository for each URL that it knows, and remembers every push."""

    def __init__(self, *known: str) -> None:
        self.known = set(known)
        self.pushes: list[Push] = []

    def pushed(self, event: Push) -> int:
        """Remember the push."""
        self.pushes.append(event)
        return len(self.known & set(event.urls))


class Health:
    """Problems as a test sets them."""

    def __init__(self) -> None:
        self.unhealthy: list[str] = []
        self.unready: list[str] = []

    def healthy(self) -> Sequence[str]:
        """Problems of liveness."""
        return self.unhealthy

    def ready(self) -> Sequence[str]:
        """Problems of readiness."""
        return self.unready


class Face:
    """A running server, and a client to it."""

    def __init__(
        self,
        client: aiohttp.ClientSession,
        port: int,
        sink: Sink,
        health: Health,
        secrets: dict[str, list[bytes]],
        serving: asyncio.Task[None],
    ) -> None:
        self._serving = serving
        self.client = client
        self.port = port
        self.sink = sink
        self.health = health
        self.secrets = secrets

    async def post(self, provider: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """POST a delivery; status and JSON answer."""
        async with self.client.post(f"/hooks/{provider}", data=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def deliver(self, provider: str, payload: Any, **changes: str) -> tuple[int, dict[str, Any]]:
        """POST a payload as the provider would sign it, with headers changed."""
        body = json.dumps(payload).encode()
        return await self.post(provider, body, {**sign(provider, body), **changes})

    async def stop(self) -> None:
        """Cancel the server, and wait for its end."""
        self._serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._serving

    async def get(self, path: str) -> tuple[int, str]:
        """GET a page; status and text."""
        async with self.client.get(path) as answer:
            return answer.status, await answer.text()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A bare connection, for clients that misbehave; dropped at the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def running(*, known: Sequence[str] = (), limits: HookLimits | None = None, waiting: Waiting | None = None) -> AsyncGenerator[Face]:
    """The face on a free port, for as long as the block lasts."""
    sink, health = Sink(*known), Health()
    secrets = {provider: [SECRET] for provider in ("github", "gitlab", "gitea", "generic")}
    app = create_app(probes=health, hooks=sink, secrets=lambda: secrets, limits=limits)
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    serving = asyncio.create_task(run(app, listener, grace=1, waiting=waiting or Waiting()))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        face = Face(client, port, sink, health, secrets, serving)
        try:
            yield face
        finally:
            await face.stop()


def head(*lines: str) -> bytes:
    """The head of a generic delivery whose proof has the right form, with these header lines."""
    return "\r\n".join(["POST /hooks/generic HTTP/1.1", "Host: x", f"X-Trimtab-Signature: sha256={'0' * 64}", *lines, "", ""]).encode()


def sign(provider: str, body: bytes, secret: bytes = SECRET) -> dict[str, str]:
    """The headers by which the provider proves itself."""
    digest = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return {
        "github": {"X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Event": "push"},
        "gitlab": {"X-Gitlab-Token": secret.decode("latin-1"), "X-Gitlab-Event": "Push Hook"},
        "gitea": {"X-Gitea-Signature": digest, "X-Gitea-Event": "push"},
        "generic": {"X-Trimtab-Signature": f"sha256={digest}"},
    }[provider]


PAYLOADS: dict[str, dict[str, Any]] = {
    "github": {
        "ref": "refs/heads/main",
        "before": PARENT,
        "after": COMMIT,
        "created": False,
        "forced": False,
        "base_ref": None,
        "repository": {
            "id": 186853002,
            "full_name": "acme/fleet",
            "private": True,
            "owner": {"login": "acme", "type": "Organization"},
            "html_url": "https://github.example.com/acme/fleet",
            "git_url": "git://github.example.com/acme/fleet.git",
            "ssh_url": "git@github.example.com:acme/fleet.git",
            "clone_url": "https://github.example.com/acme/fleet.git",
            "topics": [],
        },
        "pusher": {"name": "ada", "email": "ada@example.com"},
        "commits": [{"id": COMMIT, "message": "Three replicas", "added": [], "modified": ["apps/podinfo/replicas.yaml"]}],
    },
    "gitlab": {
        "object_kind": "push",
        "event_name": "push",
        "before": PARENT,
        "after": COMMIT,
        "ref": "refs/heads/main",
        "checkout_sha": COMMIT,
        "user_id": 4,
        "project": {
            "id": 15,
            "web_url": "https://gitlab.example.com/acme/fleet",
            "git_ssh_url": "git@gitlab.example.com:acme/fleet.git",
            "git_http_url": "https://gitlab.example.com/acme/fleet.git",
            "visibility_level": 0,
            "ci_config_path": None,
        },
        "commits": [{"id": COMMIT, "author": {"name": "Ada"}, "modified": ["README.md"]}],
        "total_commits_count": 1,
    },
    "gitea": {
        "ref": "refs/heads/main",
        "before": PARENT,
        "after": COMMIT,
        "compare_url": f"https://gitea.example.com/acme/fleet/compare/{PARENT}...{COMMIT}",
        "commits": [],
        "repository": {
            "id": 140,
            "owner": {"id": 1, "login": "acme"},
            "html_url": "https://gitea.example.com/acme/fleet",
            "ssh_url": "ssh://git@gitea.example.com:2222/acme/fleet.git",
            "clone_url": "https://gitea.example.com/acme/fleet.git",
        },
        "pusher": {"id": 1, "login": "ada"},
    },
    "generic": {"url": "https://git.example.com/acme/fleet.git", "ref": "refs/heads/main", "before": PARENT, "after": COMMIT},
}
"""A push of each provider, cut down to the fields that matter and some that must not."""

CLONE_URLS = {
    "github": "https://github.example.com/acme/fleet.git",
    "gitlab": "https://gitlab.example.com/acme/fleet.git",
    "gitea": "https://gitea.example.com/acme/fleet.git",
    "generic": "https://git.example.com/acme/fleet.git",
}
PROVIDERS = sorted(PAYLOADS)
