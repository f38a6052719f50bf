from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import os
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.git.conftest import Fleet, MirrorMaker
from tests.support import repos
from tests.support.gitserver import GitServer
from tests.support.sshserver import SshServer

from trimtab.core.errors import InputError
from trimtab.git.errors import GitError
from trimtab.git.refs import Ref
from trimtab.git.remote import Remote

MAIN = Ref(branch="main")
BOTH = pytest.mark.parametrize("command", [False, True], ids=["own", "command"])


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[tuple[Fleet, GitServer]]:
    """A server that asks for a password, filled through one beside it that does not."""
    open_server = GitServer(tmp_path / "served")
    await open_server.start()
    url = await open_server.create("fleet")
    fleet = Fleet(open_server, url, await asyncio.to_thread(repos.init, tmp_path / "work", remote=url))
    await fleet.push({"a": b"1"})
    await open_server.stop()
    server = GitServer(tmp_path / "served", auth=("ada", "s3cret"))
    await server.start()
    yield fleet, server
    await server.stop()


@BOTH
async def test_a_password_opens_and_a_wrong_one_is_told(guarded: tuple[Fleet, GitServer], make_mirror: MirrorMaker, command: bool) -> None:
    """Basic credentials; the error for wrong or none says where to look and never repeats them."""
    url = f"{guarded[1].url}/fleet.git"
    good = make_mirror(Remote(url=url, username="ada", password="s3cret"), "good", command=command)
    assert (await good.resolve(MAIN)).subject == "A change"
    for name, remote in (("bad", Remote(url=url, username="ada", password="wr0ng")), ("none", Remote(url=url))):
        with pytest.raises(GitError, match=r"secretRef|Secret") as caught:
            await make_mirror(remote, name, command=command).resolve(MAIN)
        assert "wr0ng" not in f"{caught.value} {caught.value.detail}"


async def test_credentials_are_in_no_argument(
    guarded: tuple[Fleet, GitServer], make_mirror: MirrorMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A git that writes its arguments down sees neither password nor key, and no file of them is left behind."""
    log = tmp_path / "arguments"
    (tmp_path / "git").write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {shutil.which("git")} "$@"\n', encoding="utf-8")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    remote = Remote(url=f"{guarded[1].url}/fleet.git", username="ada", password="s3cret")
    await make_mirror(remote, command=True).resolve(MAIN)
    assert "fetch" in log.read_text(encoding="utf-8")
    assert "s3cret" not in log.read_text(encoding="utf-8")
    assert not list((tmp_path / "temporary").iterdir())


@BOTH
@pytest.mark.parametrize("kind", ["password", "bearer"])
async def test_g6_credentials_never_cross_to_another_host(fleet: Fleet, make_mirror: MirrorMaker, command: bool, kind: str) -> None:
    """A server that redirects elsewhere does not make us show our credentials there."""
    await fleet.push({"a": b"1"})
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})

    other = await _serve(elsewhere)

    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"{_base(other)}{request.path_qs}".replace("127.0.0.1", "localhost"))

    first = await _serve(redirect)
    url = f"{_base(first)}/fleet.git"
    remote = Remote(url=url, username="ada", password="s3cret") if kind == "password" else Remote(url=url, bearer="s3cret")
    with pytest.raises(GitError):
        await make_mirror(remote, command=command).resolve(MAIN)
    assert not [value for value in seen if value]
    await first._runner.cleanup()
    await other._runner.cleanup()


async def test_g6_a_renamed_repository_is_followed_on_its_host(fleet: Fleet, make_mirror: MirrorMaker) -> None:
    """A forge redirects an old name; git follows that, and so do we."""
    oid = await fleet.push({"a": b"1"})

    async def renamed(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/old"):
            raise web.HTTPMovedPermanently(request.path_qs.replace("/old", "/fleet.git"))
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            headers = {k: v for k, v in request.headers.items() if k.lower() not in {"host", "content-length", "transfer-encoding"}}
            async with session.request(
                request.method, fleet.server.url + request.path_qs, data=await request.read(), headers=headers
            ) as answer:
                return web.Response(body=await answer.read(), status=answer.status, content_type=answer.content_type)

    site = await _serve(renamed)
    assert (await make_mirror(f"{_base(site)}/old").resolve(MAIN)).commit == oid
    await site._runner.cleanup()


@BOTH
async def test_r8_tls_is_verified_and_a_private_ca_is_taken(fleet: Fleet, make_mirror: MirrorMaker, tmp_path: Path, command: bool) -> None:
    """A certificate of an unknown authority is refused with the way out; with its CA given it is trusted."""
    oid = await fleet.push({"a": b"1"})
    context, ca = _certificate(tmp_path)
    server = GitServer(fleet.server.root, tls=context)
    await server.start()
    url = f"{server.url}/fleet.git"
    with pytest.raises(GitError, match=r"ca\.crt"):
        await make_mirror(Remote(url=url), "untrusted", command=command).resolve(MAIN)
    assert (await make_mirror(Remote(url=url, ca=ca), "trusted", command=command).resolve(MAIN)).commit == oid
    with pytest.raises((InputError, GitError)):
        await make_mirror(Remote(url=url, ca="no PEM"), "broken", command=command).resolve(MAIN)
    await server.stop()


@pytest.fixture
async def ssh(fleet: Fleet) -> AsyncIterator[SshServer]:
    """The fleet over SSH."""
    server = SshServer(fleet.server.root)
    await server.start()
    yield server
    await server.stop()


async def test_a_repository_is_fetched_over_ssh(fleet: Fleet, ssh: SshServer, make_mirror: MirrorMaker) -> None:
    """With the client's key and the host's; a push is followed."""
    remote = Remote(url=ssh.url("fleet"), ssh_private_key=ssh.client_key, known_hosts=ssh.known_hosts)
    mirror = make_mirror(remote)
    for content in (b"1", b"2"):
        oid = await fleet.push({"a": content})
        assert (await mirror.resolve(MAIN)).commit == oid


async def test_g7_an_unknown_or_changed_host_key_is_refused(fleet: Fleet, ssh: SshServer, make_mirror: MirrorMaker) -> None:
    """Host keys are given, never learnt."""
    await fleet.push({"a": b"1"})
    other = SshServer(fleet.server.root)
    await other.start()
    changed = f"[127.0.0.1]:{ssh.port} {other.known_hosts.split(' ', 1)[1]}"
    for name, known in (("unknown", ""), ("changed", changed)):
        remote = Remote(url=ssh.url("fleet"), ssh_private_key=ssh.client_key, known_hosts=known)
        with pytest.raises(GitError, match="known_hosts"):
            await make_mirror(remote, name).resolve(MAIN)
    await other.stop()


async def test_a_refused_ssh_key_is_told(fleet: Fleet, ssh: SshServer, make_mirror: MirrorMaker) -> None:
    """The sentence speaks of the key; the key itself is not in it."""
    stranger = SshServer(fleet.server.root)
    remote = Remote(url=ssh.url("fleet"), ssh_private_key=stranger.client_key, known_hosts=ssh.known_hosts)
    with pytest.raises(GitError, match="SSH key") as caught:
        await make_mirror(remote).resolve(MAIN)
    assert "PRIVATE KEY" not in f"{caught.value} {caught.value.detail}"


async def _serve(handler: object) -> web.TCPSite:
    application = web.Application(client_max_size=1 << 26)
    application.router.add_route("*", "/{tail:.*}", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    site._port = runner.addresses[0][1]
    return site


def _certificate(directory: Path) -> tuple[ssl.SSLContext, str]:
    """A server's context and the authority's certificate in PEM: one self-signed certificate is both."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = built.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (directory / "server.pem").write_bytes(pem + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    return context, pem.decode()


def _base(site: web.TCPSite) -> str:
    return f"http://127.0.0.1:{site._port}"
