from __future__ import annotations

import pytest

from trimtab.core.errors import InputError
from trimtab.git.remote import Remote, normalise_url, scrub

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/acme/fleet",
        "https://git.example.com/acme/fleet.git",
        "https://Git.Example.com:443/acme/fleet/",
        "http://git.example.com:80/acme//fleet.git",
        "git@git.example.com:acme/fleet.git",
        "ssh://git@git.example.com/acme/fleet.git",
        "ssh://git.example.com:22/acme/fleet",
        "https://git.example.com/acme/%66leet.git",
    ],
)
def test_spellings_of_one_repository_are_one(url: str) -> None:
    """A webhook may spell a repository otherwise than the Repository does."""
    assert normalise_url(url) == "git.example.com/acme/fleet"


def test_other_ports_and_paths_are_other_repositories() -> None:
    """What can tell two repositories apart does."""
    urls = ["https://a/x", "https://a:8443/x", "https://a/X", "https://b/x", "https://a/x/y"]
    assert len({normalise_url(url) for url in urls}) == len(urls)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ext::sh -c touch% /tmp/owned",
        "-u./x",
        "--upload-pack=x",
        "file:///etc",
        "/srv/git/x.git",
        "git://example.com/x",
        "fd::17",
        "https://",
        "https:///x",
        "https://example.com",
        "https://example.com/x?y=z",
        "https://example.com/x\n",
        "https://exa mple.com/x",
        "https://example.com:99999/x",
        "ssh://-oProxyCommand=x/y",
        "-oProxyCommand=x:y",
        "git@-oProxyCommand=x:y",
        "ssh://-x@example.com/y",
        "http::https://example.com/x",
        "https://user@example.com/x",
    ],
)
def test_g3_only_https_and_ssh_urls_are_taken(url: str) -> None:
    """Helpers, options, local paths and oddities are refused before any process starts."""
    with pytest.raises(InputError):
        Remote(url=url)


def test_g7_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    """The error says where credentials belong, without the password."""
    with pytest.raises(InputError, match="Secret") as caught:
        Remote(url="https://user:s3cret@example.com/x")
    assert "s3cret" not in str(caught.value)


def test_secrets_are_in_no_repr() -> None:
    """A Remote may be logged."""
    remote = Remote(url="https://example.com/x", username="u", password="s3cret-p", bearer="s3cret-b", ssh_private_key="s3cret-k")
    assert "s3cret" not in f"{remote!r} {remote}"


def test_scrubbing_takes_user_parts_and_secrets_out() -> None:
    """What git prints is cleaned before it reaches an error."""
    assert scrub("fatal: https://u:p@h/x and tok", ["tok"]) == "fatal: https://***@h/x and ***"


def test_credentials_with_line_breaks_are_refused() -> None:
    """A line break could smuggle another credential into git's helper protocol."""
    with pytest.raises(InputError, match="line break"):
        Remote(url="https://example.com/x", password="a\nhost=evil")
