"""Where a repository is fetched from, and with which credentials. No secret value is ever part of a repr, a URL or an error."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit, urlunsplit

from msgspec import Struct

from trimtab.core.errors import InputError

_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22}
_SCP_LIKE = re.compile(r"(?:(?P<user>[\w.-]+)@)?(?P<host>[\w.-]+|\[[0-9a-fA-F:.]+\]):(?P<path>(?!//)\S+)", re.ASCII)
_USERINFO = re.compile(r"(?<=://)[^/@\s]*@")
_HOSTS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*|\[?[0-9a-fA-F:.]+\]?", re.ASCII)
_USERS = re.compile(r"[\w.][\w.@+-]*", re.ASCII)


class Remote(Struct, frozen=True, kw_only=True):
    """A repository's address and credentials. Raises InputError when the address is not one that we fetch from.

    https and http take `username` and `password`, or `bearer`, and a private `ca` (PEM). ssh takes `ssh_private_key` (OpenSSH or PEM)
    and must have `known_hosts`: an unknown host key is refused, never learnt. `local` admits a path or `file://` (the command line only).
    """

    url: str
    username: str = ""
    password: str = ""
    bearer: str = ""
    ssh_private_key: str = ""
    known_hosts: str = ""
    ca: str = ""
    local: bool = False

    def __post_init__(self) -> None:
        _check(self.url, local=self.local)
        if any(sign in self.username + self.password + self.bearer for sign in "\r\n\0"):
            raise InputError("The credentials hold a line break.", remedy="Write the Secret's values without a trailing newline.")

    def __repr__(self) -> str:
        """The address alone."""
        return f"Remote({scrub(self.url)!r})"

    @property
    def scheme(self) -> str:
        """`https`, `http`, `ssh` or `file`."""
        return _scheme(self.url)

    @property
    def has_password(self) -> bool:
        """Whether there are basic credentials; some forges take a token as user name alone."""
        return bool(self.username or self.password)

    @property
    def secrets(self) -> list[str]:
        """The values that must not be seen, for scrubbing what others print."""
        return [value for value in (self.password, self.bearer) if value]


def normalise_url(url: str) -> str:
    """One spelling for all the spellings of one repository: for finding a Repository by what a webhook calls it.

    Scheme, user, default port, letter case of the host, a trailing slash and `.git` do not tell repositories apart:
    `git@git.example.com:acme/fleet.git` and `https://Git.Example.com:443/acme/fleet/` both give `git.example.com/acme/fleet`.
    """
    scp = _SCP_LIKE.fullmatch(url) if "://" not in url else None
    if scp:
        host, port, path = scp["host"].lower(), None, scp["path"]
    else:
        parts = urlsplit(url)
        host, port, path = (parts.hostname or "").lower(), _port(url), unquote(parts.path)
        port = None if port == _DEFAULT_PORTS.get(parts.scheme) else port
    path = re.sub(r"/+", "/", path).strip("/").removesuffix(".git").rstrip("/")
    return f"{host}:{port}/{path}" if port else f"{host}/{path}"


def scrub(text: str, secrets: list[str] | None = None) -> str:
    """`text` without the user part of any URL in it, and without the given values."""
    for secret in secrets or []:
        text = text.replace(secret, "***")
    return _USERINFO.sub("***@", text)


def without_user(url: str) -> str:
    """`url` without its user part."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _scheme(url: str) -> str:
    if "://" in url:
        return url.split("://", 1)[0].lower()
    return "file" if url.startswith(("/", ".")) else "ssh"


def _check(url: str, *, local: bool) -> None:
    """Refuse every address that git would read as an option, a helper (`ext::`) or a place we do not fetch from."""
    shown = repr(scrub(url)[:120])
    if not url or url.startswith("-") or not url.isprintable() or " " in url or "::" in url.split("/", 1)[0]:
        raise InputError(f"{shown} is not a repository URL.", remedy="Write https://host/path or ssh://user@host/path.")
    scheme = _scheme(url)
    if scheme == "file":
        if not local:
            raise InputError(f"{shown} is a local path; repositories are fetched over https or ssh.")
        return
    if scheme not in _DEFAULT_PORTS:
        raise InputError(f"{shown} uses {scheme!r}; repositories are fetched over https, http or ssh.")
    _check_host(url, scheme, shown)


def _check_host(url: str, scheme: str, shown: str) -> None:
    scp = _SCP_LIKE.fullmatch(url) if "://" not in url else None
    if "://" not in url:
        if scp is None or scp["host"].startswith("-") or scp["path"].startswith("-"):
            raise InputError(f"{shown} is not a repository URL.", remedy="Write https://host/path or ssh://user@host/path.")
        return
    parts = urlsplit(url)
    _port(url)
    if not parts.hostname or not _HOSTS.fullmatch(parts.hostname) or (parts.username and not _USERS.fullmatch(parts.username)):
        raise InputError(f"{shown} names no usable host.", remedy="Write https://host/path or ssh://user@host/path.")
    if parts.password is not None or (parts.username and scheme != "ssh"):
        raise InputError(f"{shown} carries credentials.", remedy="Take them out of the URL and put them in a Secret (secretRef).")
    if parts.query or parts.fragment or len(parts.path) < 2:  # ruff: ignore[magic-value-comparison] - a slash and a name
        raise InputError(f"{shown} has no path to a repository, or more than one.", remedy="Write https://host/path.")


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        raise InputError(f"{scrub(url)[:120]!r} has no valid port.") from None
