"""Repositories behind credentials, encrypted manifests, and revisions that move: seen through the status of the resources."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.controllers.beside import EVENTS, fetched, shown
from tests.git.test_git_credentials import _certificate
from tests.render import sops
from tests.support import repos
from tests.support.fleet import CONFIG_MAPS, SECRETS, Fleet, config_map
from tests.support.gitserver import GitServer
from tests.support.sshserver import SshServer

from trimtab.cluster import objects
from trimtab.controllers.own import REPOSITORIES

PASSWORD = "pass-3f5d8e1a"
PLAINTEXT = "plain-77c1d0aa"


async def _secret(fleet: Fleet, name: str, data: dict[str, str]) -> None:
    """Create or rotate a Secret of the control namespace."""
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
    await objects.apply(fleet.admin, SECRETS, fleet.control, name, json.dumps(body).encode(), manager="kubectl", force=True)


async def _follow(fleet: Fleet, **spec: Any) -> None:
    """A Repository `private` and the application `a` of its folder `app`."""
    await fleet.create(REPOSITORIES, "private", {"interval": "10m", **spec})
    await fleet.application("a", sources=[{"repositoryRef": {"name": "private"}, "path": "app"}])


async def _ready(fleet: Fleet, status: str, text: str = "") -> str:
    """Wait until the Repository `private` has that status and says that; its message."""

    async def condition() -> dict[str, str]:
        found = await fleet.get(REPOSITORIES, "private", fleet.control) or {}
        return next((c for c in found.get("status", {}).get("conditions", []) if c["type"] == "Ready"), {})

    async def said() -> bool:
        seen = await condition()
        return seen.get("status") == status and text in seen.get("message", "")

    await fleet.until(said, 20, condition)
    return (await condition())["message"]


async def _look(fleet: Fleet, url: str) -> None:
    assert fleet.manager is not None
    fleet.manager.pushed((url,), "")


class Private:
    """A second Git server over HTTPS with a password, and a work tree that reaches its repository by the file system."""

    def __init__(self, server: GitServer, ca: str, url: str, work: Path) -> None:
        self.server, self.ca, self.url, self.work = server, ca, url, work

    async def push(self, value: str, *refspecs: str, force: bool = False) -> str:
        """Commit a ConfigMap and push it; the commit's id."""
        oid = await asyncio.to_thread(repos.commit, self.work, {"app/a.yaml": config_map("a", k=value).encode()})
        await asyncio.to_thread(repos.push, self.work, *refspecs, force=force)
        return oid


@pytest.fixture
async def private(tmp_path: Path) -> AsyncIterator[Private]:
    """The server, up, with one commit."""
    context, ca = _certificate(tmp_path)
    server = GitServer(tmp_path / "private", auth=("bot", PASSWORD), tls=context)
    await server.start()
    url = await server.create("private")
    work = await asyncio.to_thread(repos.init, tmp_path / "private-work", remote=str(tmp_path / "private/private.git"))
    made = Private(server, ca, url, work)
    await made.push("1")
    yield made
    await server.stop()


async def test_https_with_a_password_and_a_private_authority(fleet: Fleet, private: Private, capfd: pytest.CaptureFixture[str]) -> None:
    """Refused with the way out, then let in by rotating the Secret alone; a wrong password later leaves the last good revision."""
    await _secret(fleet, "read", {"username": "bot", "password": "wrong", "ca.crt": private.ca})
    await _follow(fleet, url=private.url, secretRef={"name": "read"})
    told = await _ready(fleet, "False", "authentication refused")
    assert told.startswith(f"Repository {fleet.control}/private: authentication refused by 127.0.0.1")
    assert told.endswith('for user "bot" (secret read).')
    await _secret(fleet, "read", {"username": "bot", "password": PASSWORD, "ca.crt": private.ca})
    await fleet.until_data("a", {"k": "1"})
    await _secret(fleet, "read", {"username": "bot", "password": "stale", "ca.crt": private.ca})
    assert "stays in force" in await _ready(fleet, "False", "authentication refused")
    await fleet.patch(CONFIG_MAPS, "a", {"data": {"k": "9"}})
    await fleet.until_data("a", {"k": "1"})
    await private.push("2")
    await _secret(fleet, "read", {"username": "bot", "password": PASSWORD, "ca.crt": private.ca})
    await fleet.until_data("a", {"k": "2"})
    captured = capfd.readouterr()
    assert PASSWORD not in await shown(fleet) + captured.out + captured.err


async def test_https_without_the_authority(fleet: Fleet, private: Private) -> None:
    """An unknown certificate is refused, and the sentence names the key of the Secret that mends it."""
    await _secret(fleet, "read", {"username": "bot", "password": PASSWORD})
    await _follow(fleet, url=private.url, secretRef={"name": "read"})
    await _ready(fleet, "False", "ca.crt")
    await _secret(fleet, "read", {"username": "bot", "password": PASSWORD, "ca.crt": private.ca})
    await fleet.until_data("a", {"k": "1"})


async def test_a_secret_that_does_not_exist_yet(fleet: Fleet, private: Private) -> None:
    """It is named, and its creation is enough."""
    await _follow(fleet, url=private.url, secretRef={"name": "later"})
    await _ready(fleet, "False", f"Secret {fleet.control}/later")
    await _secret(fleet, "later", {"username": "bot", "password": PASSWORD, "ca.crt": private.ca})
    await fleet.until_data("a", {"k": "1"})


async def test_ssh_with_a_key_and_known_hosts(fleet: Fleet, private: Private, capfd: pytest.CaptureFixture[str]) -> None:
    """Refused while the host is unknown, followed once it is; the key is seen nowhere."""
    ssh = SshServer(private.server.root)
    await ssh.start()
    await _secret(fleet, "key", {"identity": ssh.client_key})
    await _follow(fleet, url=ssh.url("private"), secretRef={"name": "key"})
    await _ready(fleet, "False", "known_hosts")
    await _secret(fleet, "key", {"identity": ssh.client_key, "known_hosts": ssh.known_hosts})
    await fleet.until_data("a", {"k": "1"})
    await private.push("2")
    await _look(fleet, ssh.url("private"))
    await fleet.until_data("a", {"k": "2"})
    captured = capfd.readouterr()
    lines = [line for line in ssh.client_key.splitlines() if len(line) > 20 and "KEY" not in line]
    seen = await shown(fleet) + captured.out + captured.err
    assert not [line for line in lines if line in seen]
    await ssh.stop()


async def test_an_encrypted_secret_is_applied_decrypted(fleet: Fleet, capfd: pytest.CaptureFixture[str]) -> None:
    """With the key in Secret `trimtab-decryption`; a wrong one is an error that names the file; neither key nor plaintext is seen."""
    (right, recipient), (wrong, _) = sops.identity(), sops.identity()
    await _secret(fleet, "trimtab-decryption", {"age.agekey": wrong})
    await fetched(fleet, await fleet.push({"apps/a/s.yaml": sops.secret("s", {"password": PLAINTEXT}, recipient)}))
    await fleet.application("a")
    told = await fleet.settled("a", "Failed", "Unknown")
    assert "apps/a/s.yaml" in told["message"]
    assert await fleet.get(SECRETS, "s") is None
    await _secret(fleet, "trimtab-decryption", {"age.agekey": right})
    await fleet.annotate("a", {"trimtab.dev/requested": "sync@1"})
    await fleet.settled("a")
    found = await fleet.get(SECRETS, "s")
    assert found is not None
    assert found["data"] == {"password": "cGxhaW4tNzdjMWQwYWE="}
    await fleet.quiet(0.3)
    captured = capfd.readouterr()
    seen = await shown(fleet) + captured.out + captured.err
    assert not [secret for secret in (PLAINTEXT, "cGxhaW4tNzdjMWQwYWE=", right, wrong) if secret in seen]
    assert EVENTS.kind == "Event"


async def test_a_branch_that_is_deleted(fleet: Fleet, private: Private) -> None:
    """An error, never an empty set: what is deployed stays and is defended; the branch pushed again is followed."""
    await _secret(fleet, "read", {"username": "bot", "password": PASSWORD, "ca.crt": private.ca})
    await private.push("1", "HEAD:refs/heads/live")
    await _follow(fleet, url=private.url, ref={"branch": "live"}, secretRef={"name": "read"})
    await fleet.until_data("a", {"k": "1"})
    await asyncio.to_thread(repos.push, private.work, ":refs/heads/live")
    await _look(fleet, private.url)
    assert "stays in force" in await _ready(fleet, "False", "no branch 'live'")
    await fleet.patch(CONFIG_MAPS, "a", {"data": {"k": "9"}})
    await fleet.until_data("a", {"k": "1"})
    await private.push("2", "HEAD:refs/heads/live")
    await _look(fleet, private.url)
    await fleet.until_data("a", {"k": "2"})


async def test_history_that_is_rewritten_and_tags_that_move(fleet: Fleet, private: Private) -> None:
    """A force-push, a moved tag and a newer version within a range are followed; the status names what is in force."""
    await _secret(fleet, "read", {"username": "bot", "password": PASSWORD, "ca.crt": private.ca})
    await _follow(fleet, url=private.url, ref={"branch": "main"}, secretRef={"name": "read"})
    await fleet.until_data("a", {"k": "1"})
    repos.git(private.work, "checkout", "-q", "--orphan", "other")
    await private.push("forced", "HEAD:refs/heads/main", force=True)
    await _look(fleet, private.url)
    await fleet.until_data("a", {"k": "forced"})
    await private.push("tagged", "HEAD:refs/tags/v1.0.0")
    await fleet.create(REPOSITORIES, "private", {"url": private.url, "ref": {"tag": "v1.0.0"}, "secretRef": {"name": "read"}})
    await fleet.until_data("a", {"k": "tagged"})
    await private.push("moved", "HEAD:refs/tags/v1.0.0", force=True)
    await _look(fleet, private.url)
    await fleet.until_data("a", {"k": "moved"})
    await fleet.create(REPOSITORIES, "private", {"url": private.url, "ref": {"semver": ">=1.0.0 <2.0.0"}, "secretRef": {"name": "read"}})
    await _ready(fleet, "True", "v1.0.0")
    await private.push("newer", "HEAD:refs/tags/v1.1.0")
    await private.push("too new", "HEAD:refs/tags/v2.0.0")
    await _look(fleet, private.url)
    await fleet.until_data("a", {"k": "newer"})
    await _ready(fleet, "True", "v1.1.0")


async def test_a_repository_without_a_commit(fleet: Fleet) -> None:
    """It is told as such, on both resources; the first push is followed."""
    url = await fleet.server.create(f"{fleet.control}-empty")
    work = await asyncio.to_thread(repos.init, fleet.directory / "empty", remote=url)
    await _follow(fleet, url=url, ref={"branch": "main"})
    told = await _ready(fleet, "False")
    assert (await fleet.settled("a", "Waiting", "Unknown"))["message"] == told
    await asyncio.to_thread(repos.commit, work, {"app/a.yaml": config_map("a", k="1").encode()})
    await asyncio.to_thread(repos.push, work)
    await _look(fleet, url)
    await fleet.until_data("a", {"k": "1"})
