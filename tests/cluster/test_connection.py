"""Kubeconfigs and pods' files: what is read from them, and the sentence for each thing that can be wrong."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import stat
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support import cluster as support
from tests.support.clock import EPOCH, SkippingClock
from tests.support.scripted import connect_proxy

from trimtab.cli.devcluster import DevCluster
from trimtab.cluster import errors, kubeconfig
from trimtab.cluster.client import Client
from trimtab.cluster.connection import in_cluster, load_kubeconfig
from trimtab.cluster.credentials import Credential, ExecCredentials, ExecPlugin, TokenFile
from trimtab.core.clock import rfc3339
from trimtab.core.errors import InputError, UnavailableError


def config(user: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None, name: str = "one") -> dict[str, Any]:
    """A kubeconfig with one of each."""
    return {
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example:6443/", **(cluster or {})}}],
        "users": [{"name": name, "user": user or {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": f"ns-{name}"}}],
    }


def write(path: Path, content: Any) -> Path:
    """A kubeconfig file."""
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def test_a_context_names_server_user_and_namespace(tmp_path: Path) -> None:
    """The parts of the current context."""
    connection = load_kubeconfig(write(tmp_path / "c", config({"token": "t"})))
    assert (connection.server, connection.name, connection.namespace) == ("https://one.example:6443", "one", "ns-one")
    assert connection.credentials.cached() == Credential("t")


def test_files_are_merged_and_the_first_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$KUBECONFIG is a list: the first current-context and the first entry of a name win; missing files are skipped."""
    first, second = config({"token": "first"}), config({"token": "second"}, name="two")
    second["users"].append({"name": "one", "user": {"token": "late"}})
    paths = [tmp_path / "missing", write(tmp_path / "a", first), write(tmp_path / "b", second)]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, paths)))
    assert load_kubeconfig().credentials.cached() == Credential("first")
    assert load_kubeconfig(context="two").credentials.cached() == Credential("second")


def test_paths_are_relative_to_their_file(tmp_path: Path) -> None:
    """A certificate's path is meant from the kubeconfig's folder."""
    (tmp_path / "ca.pem").write_bytes(b"CA")
    connection = load_kubeconfig(write(tmp_path / "c", config(cluster={"certificate-authority": "ca.pem"})))
    assert connection.authority == b"CA"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({}, "sets no current-context"),
        ({**config(), "current-context": "two"}, "has no context 'two'"),
        ({**config(), "clusters": []}, "names the cluster 'one', which is not there"),
        ({**config(), "users": []}, "names the user 'one', which is not there"),
        (config(cluster={"server": "one.example"}), "has no server URL"),
        (config(cluster={"certificate-authority": "nowhere.pem"}), "nowhere.pem, which the kubeconfig .* names, cannot be read"),
        (config(cluster={"proxy-url": "socks5://p.example"}), "wants a proxy that is neither"),
        (config({"username": "u", "password": "p"}), "basic authentication"),
        (config({"auth-provider": {"name": "gcp"}}), "auth-provider"),
        (config({"client-certificate-data": "QQ=="}), "only one of client certificate and client key"),
        (config({"exec": {"command": "login", "apiVersion": "client.authentication.k8s.io/v1"}}), "only the command line may"),
        ({"clusters": "none"}, "is not valid"),
        (config({"token": 12345}), "Expected `str`, got `int`"),
        ("a: [", "is no YAML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: Any, sentence: str) -> None:
    """Each defect has its sentence, with the file in it."""
    path = write(tmp_path / "c", content)
    with pytest.raises(InputError, match=sentence) as wrong:
        load_kubeconfig(path)
    assert str(tmp_path) in str(wrong.value)


def test_no_kubeconfig_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither $KUBECONFIG nor ~/.kube/config: the sentence names the place and the ways out."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"looked at .*/\.kube/config.*--kubeconfig PATH"):
        load_kubeconfig()


def test_a_token_is_in_no_repr(tmp_path: Path) -> None:
    """Nothing that is printed shows a credential."""
    path = write(tmp_path / "c", config({"token": "tiger", "exec": {"command": "login", "env": [{"name": "K", "value": "tiger"}]}}))
    user, _ = kubeconfig.read((path,)).users["one"]
    assert "tiger" not in f"{load_kubeconfig(path)!r} {user!r} {user.exec!r}"


def test_a_pods_files_make_a_connection(tmp_path: Path) -> None:
    """Server from the environment, CA, namespace and token from the mounted files; an IPv6 address gets its brackets."""
    for name, content in {"ca.crt": "CA", "namespace": "system\n", "token": "t\n"}.items():
        (tmp_path / name).write_text(content)
    connection = in_cluster(tmp_path, {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"})
    assert (connection.server, connection.namespace, connection.authority) == ("https://[fd00::1]:443", "system", b"CA")
    assert connection.credentials.cached() == Credential("t")


async def test_a_pod_is_known_by_its_service_account(devcluster: DevCluster, cluster: Client, tmp_path: Path) -> None:
    """With the mounted files of a real ServiceAccount the server knows us by its name."""
    account = await support.service_account_connection(cluster, "default", "default")
    credential = account.credentials.cached()
    assert credential is not None
    for name, content in {"ca.crt": account.authority.decode(), "namespace": "default", "token": credential.token}.items():
        (tmp_path / name).write_text(content)
    host, port = devcluster.server.removeprefix("https://").split(":")
    async with Client(in_cluster(tmp_path, {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port})) as client:
        with pytest.raises(errors.ForbiddenError, match=r'"system:serviceaccount:default:default" cannot list .*Grant it with a Role'):
            await client.request("GET", "/api/v1/secrets")


def test_outside_a_pod_is_said(tmp_path: Path) -> None:
    """No pod, or no mounted token: each its sentence."""
    with pytest.raises(UnavailableError, match="This is no pod"):
        in_cluster(tmp_path, {})
    with pytest.raises(UnavailableError, match="automountServiceAccountToken"):
        in_cluster(tmp_path, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})


def test_a_rotated_token_is_seen(tmp_path: Path) -> None:
    """The file is looked at again after ten seconds, not before; while it is missing the known token stays."""
    path, clock = tmp_path / "token", SkippingClock()
    path.write_text("one")
    source = TokenFile(path, clock=clock)
    assert source.cached() == Credential("one")
    path.write_text("second")
    assert source.cached() == Credential("one")
    clock.skip(10)
    assert source.cached() == Credential("second")
    path.unlink()
    clock.skip(10)
    assert source.cached() == Credential("second")


def test_a_token_file_that_never_was_is_said(tmp_path: Path) -> None:
    """Nothing is sent without the credential that was meant."""
    with pytest.raises(errors.NotSentError, match="cannot be read"):
        TokenFile(tmp_path / "token").cached()


def plugin(tmp_path: Path, status: dict[str, Any] | None, code: int = 0) -> ExecPlugin:
    """A credential command that counts its calls, shows its environment and answers `status`."""
    script = tmp_path / "login"
    answer = json.dumps({"kind": "ExecCredential", "status": status})
    script.write_text(
        f"#!{sys.executable}\nimport os, sys\nopen({str(tmp_path / 'calls')!r}, 'a').write(os.environ['KUBERNETES_EXEC_INFO'] + '\\n')\n"
        f"sys.stderr.write('please log in')\nprint({answer!r})\nsys.exit({code})\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return ExecPlugin(command=str(script), provide_cluster_info=True)


def calls(tmp_path: Path) -> list[dict[str, Any]]:
    """What the command was told, call by call."""
    path = tmp_path / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_a_command_is_run_once_until_its_credential_ends(tmp_path: Path) -> None:
    """Kept until the expiry that it named; then run again. It is told of the cluster."""
    clock = SkippingClock()
    until = rfc3339(EPOCH + timedelta(minutes=5))
    source = ExecCredentials(
        plugin(tmp_path, {"token": "t", "expirationTimestamp": until}), cluster={"server": "https://one.example"}, clock=clock
    )
    assert source.cached() is None
    await asyncio.gather(*(source.renew() for _ in range(5)))
    assert source.cached() == Credential("t")
    assert len(calls(tmp_path)) == 1
    assert calls(tmp_path)[0]["spec"]["cluster"]["server"] == "https://one.example"
    clock.skip(300)
    assert source.cached() is None


async def test_a_refused_credential_is_made_anew(tmp_path: Path) -> None:
    """After a 401 the command runs again, though its credential had not ended."""
    source = ExecCredentials(plugin(tmp_path, {"token": "t"}), cluster={})
    await source.renew(await source.renew())
    assert len(calls(tmp_path)) == 2


async def test_a_failing_command_is_quoted(tmp_path: Path) -> None:
    """Exit status and what it said on standard error."""
    with pytest.raises(errors.NotSentError, match="exit status 3: please log in"):
        await ExecCredentials(plugin(tmp_path, None, code=3), cluster={}).renew()


async def test_a_command_without_credential_is_said(tmp_path: Path) -> None:
    """An answer with neither token nor certificate is none."""
    with pytest.raises(errors.NotSentError, match="neither token nor certificate"):
        await ExecCredentials(plugin(tmp_path, {}), cluster={}).renew()


async def test_a_missing_command_gives_its_hint() -> None:
    """The install hint of the kubeconfig is the remedy."""
    missing = ExecPlugin(command="no-such-login-command", install_hint="Install it from login.example.")
    with pytest.raises(errors.NotSentError, match=r"cannot be run: .* Install it from login\.example\."):
        await ExecCredentials(missing, cluster={}).renew()


def test_the_command_line_may_run_a_command(tmp_path: Path) -> None:
    """`allow_exec` makes the stanza a source of credentials; an unknown version of it is refused."""
    stanza = {"command": "./login", "apiVersion": "client.authentication.k8s.io/v1beta1"}
    connection = load_kubeconfig(write(tmp_path / "c", config({"exec": stanza})), allow_exec=True)
    assert isinstance(connection.credentials, ExecCredentials)
    stanza["apiVersion"] = "client.authentication.k8s.io/v1alpha1"
    with pytest.raises(InputError, match="v1alpha1, which is not supported"):
        load_kubeconfig(write(tmp_path / "c", config({"exec": stanza})), allow_exec=True)


async def test_an_unknown_authority_is_refused(devcluster: DevCluster, tmp_path: Path) -> None:
    """Without the cluster's CA its certificate is not believed; nothing is sent, and the way out is said."""
    content = yaml.safe_load(devcluster.kubeconfig.read_text())
    del content["clusters"][0]["cluster"]["certificate-authority-data"]
    async with Client(load_kubeconfig(write(tmp_path / "c", content))) as client:
        with pytest.raises(errors.UnreachableError, match=r"certificate is not accepted.*certificate-authority") as refused:
            await client.request("POST", "/api/v1/namespaces", body=b"{}")
    assert not refused.value.ambiguous


async def test_verification_can_be_left_out_or_renamed(devcluster: DevCluster, tmp_path: Path) -> None:
    """insecure-skip-tls-verify and tls-server-name do what they say."""
    content = yaml.safe_load(devcluster.kubeconfig.read_text())
    entry = content["clusters"][0]["cluster"]
    entry["tls-server-name"] = "kubernetes.default.svc"
    async with Client(load_kubeconfig(write(tmp_path / "a", content))) as client:
        await client.request("GET", "/version")
    entry["tls-server-name"] = "elsewhere.example"
    async with Client(load_kubeconfig(write(tmp_path / "b", content))) as client:
        with pytest.raises(errors.UnreachableError):
            await client.request("GET", "/version")
    del entry["certificate-authority-data"]
    entry["insecure-skip-tls-verify"] = True
    async with Client(load_kubeconfig(write(tmp_path / "c", content))) as client:
        await client.request("GET", "/version")


async def test_a_certificate_can_come_from_a_command(devcluster: DevCluster, tmp_path: Path) -> None:
    """An exec plugin may answer with a client certificate; the server knows us by it."""
    content = yaml.safe_load(devcluster.kubeconfig.read_text())
    user = content["users"][0]["user"]
    status = {
        "clientCertificateData": base64.b64decode(user["client-certificate-data"]).decode(),
        "clientKeyData": base64.b64decode(user["client-key-data"]).decode(),
    }
    content["users"][0]["user"] = {"exec": {"command": plugin(tmp_path, status).command, "apiVersion": "client.authentication.k8s.io/v1"}}
    async with Client(load_kubeconfig(write(tmp_path / "c", content), allow_exec=True)) as client:
        await client.request("GET", "/api/v1/namespaces/default")


async def test_a_proxy_is_used(devcluster: DevCluster, tmp_path: Path) -> None:
    """proxy-url: the server is reached through it, and its certificate is checked all the same."""
    content = yaml.safe_load(devcluster.kubeconfig.read_text())
    async with connect_proxy() as (url, asked):
        content["clusters"][0]["cluster"]["proxy-url"] = url
        async with Client(load_kubeconfig(write(tmp_path / "c", content))) as client:
            await client.request("GET", "/version")
        assert asked == [f"CONNECT {devcluster.server.removeprefix('https://')} HTTP/1.1"]


def test_the_environments_proxy_is_used_but_not_for_loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$HTTPS_PROXY and $NO_PROXY count, as they do for kubectl."""
    monkeypatch.setenv("HTTPS_PROXY", "http://p.example:3128")
    monkeypatch.setenv("NO_PROXY", "near.example")
    servers = {"https://one.example": "http://p.example:3128", "https://near.example": "", "https://127.0.0.1:6443": ""}
    for server, proxy in servers.items():
        assert load_kubeconfig(write(tmp_path / "c", config(cluster={"server": server}))).proxy == proxy


@pytest.mark.parametrize("parts", [{"certificate-authority-data": "bm9uZQ=="}, {"certificate-authority-data": "/w=="}])
async def test_certificates_that_are_none_are_said_on_opening(tmp_path: Path, parts: dict[str, str]) -> None:
    """Before anything is sent."""
    client = Client(load_kubeconfig(write(tmp_path / "c", config(cluster=parts))))
    with pytest.raises(InputError, match=r"certificates for one .* cannot be used"):
        async with client:
            pass


async def test_a_given_authority_is_the_only_one(devcluster: DevCluster) -> None:
    """With a CA in the kubeconfig the system's authorities are not trusted besides."""
    context = load_kubeconfig(devcluster.kubeconfig).tls(Credential())
    assert context is not None
    assert len(context.get_ca_certs()) == 1
