"""A connection's data: which API server, how it is known to be the right one, and who we are there.

Made from a kubeconfig (`load_kubeconfig`) or from the files that every pod finds (`in_cluster`). Nothing is sent here.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from msgspec import Struct, structs

from trimtab.cluster import kubeconfig
from trimtab.cluster.credentials import Credential, Credentials, ExecCredentials, Fixed, TokenFile
from trimtab.core.errors import InputError, UnavailableError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Connection(Struct, frozen=True):
    """Everything that a `Client` needs to know. `authority` is the CA bundle as PEM; empty means the system's own authorities."""

    server: str
    """`https://host:port`, perhaps with a path prefix; never with a slash at the end."""
    name: str
    """For people: the context's name, or `in-cluster`."""
    credentials: Credentials = Fixed()
    namespace: str = "default"
    authority: bytes = b""
    verify: bool = True
    server_name: str = ""
    """Checked against the server's certificate instead of the host; empty means the host."""
    proxy: str = ""

    def tls(self, credential: Credential) -> ssl.SSLContext | None:
        """The TLS settings for this server and credential; None for plain http. Raises InputError when a certificate is none."""
        if not self.server.startswith("https://"):
            return None
        try:
            return self._tls(credential)
        except (ssl.SSLError, ValueError) as error:
            raise InputError(f"The certificates for {self.name} ({self.server}) cannot be used: {error}.") from error

    def _tls(self, credential: Credential) -> ssl.SSLContext:
        # With a CA of its own given, no other authority is trusted; without, the system's are.
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cadata=self.authority.decode("ascii") or None)
        # Python 3.13 asks of CAs what RFC 5280 asks; those of many running clusters lack a key identifier.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if credential.certificate:
            _load_certificate(context, credential)
        return context


def load_kubeconfig(path: Path | None = None, context: str | None = None, *, allow_exec: bool = False) -> Connection:
    """The connection that a kubeconfig describes: `path`, else `$KUBECONFIG`, else `~/.kube/config`; `context`, else the current one.

    `allow_exec` lets it name a command that makes the credential; only the command line may, where the user's own file says so.
    Raises InputError, with file and remedy, for whatever is missing or not supported.
    """
    merged = kubeconfig.read(kubeconfig.locate(path))
    name, chosen, (cluster, cluster_file), (user, user_file) = kubeconfig.choose(merged, context)
    if not cluster.server.startswith(("https://", "http://")):
        raise InputError(f"Cluster {chosen.cluster!r} in {cluster_file} has no server URL (found {cluster.server!r}).")
    if cluster.proxy_url and not cluster.proxy_url.startswith(("http://", "https://")):
        raise InputError(f"Cluster {chosen.cluster!r} in {cluster_file} wants a proxy that is neither http nor https.")
    return Connection(
        server=cluster.server.rstrip("/"),
        name=name,
        credentials=_credentials(name, cluster, user, user_file, allow_exec=allow_exec),
        namespace=chosen.namespace or "default",
        authority=_material(cluster.certificate_authority_data, cluster.certificate_authority, cluster_file),
        verify=not cluster.insecure_skip_tls_verify,
        server_name=cluster.tls_server_name,
        proxy=cluster.proxy_url or _environment_proxy(cluster.server),
    )


def in_cluster(root: Path = SERVICE_ACCOUNT, environment: Mapping[str, str] = os.environ) -> Connection:
    """The connection of the pod that we run in: its ServiceAccount's token (read again when it rotates) and CA.

    Raises UnavailableError when this is no pod, or the token is not mounted.
    """
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise UnavailableError("This is no pod: $KUBERNETES_SERVICE_HOST is not set.", remedy="Give a kubeconfig.")
    try:
        authority = (root / "ca.crt").read_bytes()
        namespace = (root / "namespace").read_text("utf-8").strip()
    except OSError as error:
        raise UnavailableError(
            f"The pod's ServiceAccount files under {root} cannot be read: {error.strerror}.",
            remedy="Let the pod mount its token (automountServiceAccountToken: true).",
        ) from error
    return Connection(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        name="in-cluster",
        credentials=TokenFile(root / "token"),
        namespace=namespace,
        authority=authority,
    )


def _credentials(name: str, cluster: kubeconfig.ClusterEntry, user: kubeconfig.UserEntry, file: Path, *, allow_exec: bool) -> Credentials:
    """The user's credential, in kubectl's order of precedence: certificate with token, then token file, then command."""
    if user.username or user.auth_provider:
        kind = "basic authentication" if user.username else "auth-provider"
        raise InputError(
            f"The user of context {name!r} in {file} uses {kind}, which Kubernetes no longer has.", remedy="Use an exec plugin."
        )
    certificate = _material(user.client_certificate_data, user.client_certificate, file)
    key = _material(user.client_key_data, user.client_key, file)
    if bool(certificate) != bool(key):
        raise InputError(f"The user of context {name!r} in {file} has only one of client certificate and client key.")
    if user.token_file:
        return TokenFile(_beside(file, user.token_file))
    if user.token or certificate:
        return Fixed(Credential(user.token, certificate, key))
    if user.exec is None:
        return Fixed()
    if not allow_exec:
        raise InputError(
            f"The user of context {name!r} in {file} runs a command ({user.exec.command}), which only the command line may do."
        )
    if user.exec.api_version not in ExecCredentials.SUPPORTED:
        raise InputError(f"The exec plugin of context {name!r} in {file} speaks {user.exec.api_version}, which is not supported.")
    if os.sep in user.exec.command:  # as kubectl reads it: a bare name is searched on PATH, a path is relative to the file
        user = _with_command(user, str(_beside(file, user.exec.command)))
    assert user.exec is not None
    return ExecCredentials(user.exec, cluster=_cluster_info(cluster))


def _environment_proxy(server: str) -> str:
    """The proxy that $HTTPS_PROXY and $NO_PROXY ask for; loopback is never reached through one."""
    url = urlsplit(server)
    host = url.hostname or ""
    if host == "localhost" or host.startswith("127.") or host == "::1" or proxy_bypass(host):
        return ""
    return getproxies_environment().get(url.scheme, "")


def _with_command(user: kubeconfig.UserEntry, command: str) -> kubeconfig.UserEntry:
    assert user.exec is not None
    return structs.replace(user, exec=structs.replace(user.exec, command=command))


def _cluster_info(cluster: kubeconfig.ClusterEntry) -> dict[str, object]:
    """The cluster as an exec plugin is told of it (client.authentication.k8s.io/v1, Cluster)."""
    return {
        "server": cluster.server,
        "certificate-authority-data": cluster.certificate_authority_data,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "tls-server-name": cluster.tls_server_name,
        "proxy-url": cluster.proxy_url,
    }


def _material(inline: str, path: str, file: Path) -> bytes:
    """Certificate material: given inline as base64, or in a file beside the kubeconfig; empty when neither is said."""
    if inline:
        try:
            return base64.b64decode(inline, validate=False)
        except (binascii.Error, ValueError) as error:
            raise InputError(f"The kubeconfig {file} holds certificate data that is no base64.") from error
    if not path:
        return b""
    try:
        return _beside(file, path).read_bytes()
    except OSError as error:
        raise InputError(f"{_beside(file, path)}, which the kubeconfig {file} names, cannot be read: {error.strerror}.") from error


def _beside(file: Path, path: str) -> Path:
    return file.parent / path


def _load_certificate(context: ssl.SSLContext, credential: Credential) -> None:
    """OpenSSL takes certificate and key from files alone, so they are in one (0600) for the moment of loading."""
    with tempfile.NamedTemporaryFile(prefix="trimtab-") as file:
        file.write(credential.certificate + b"\n" + credential.key)
        file.flush()
        context.load_cert_chain(file.name, password=lambda: "")  # an encrypted key is an error, not a question on the terminal
