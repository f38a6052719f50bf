"""What each forge's webhook says, read as far as it is needed: typed, partial, every field optional or null.

Unknown fields are skipped without being built, so a payload's size and shape cost what they weigh and no more. Sources: GitHub "Webhook
events and payloads" (push, create, delete), GitLab "Webhook events" (push, tag_push), Gitea "Webhooks" (push, create, delete).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct

from trimtab.core.errors import InputError
from trimtab.server.push import Push

LONGEST = 2048
"""Characters of a URL or ref; longer ones are no such thing."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class _ForgeRepository(Struct, frozen=True):
    """`repository` at GitHub and Gitea."""

    clone_url: str | None = None
    ssh_url: str | None = None
    git_url: str | None = None
    html_url: str | None = None


class _ForgePush(Struct, frozen=True):
    """A push at GitHub and Gitea."""

    ref: str | None = None
    before: str | None = None
    after: str | None = None
    repository: _ForgeRepository | None = None


class _GitLabProject(Struct, frozen=True):
    """`project` at GitLab."""

    git_http_url: str | None = None
    git_ssh_url: str | None = None
    web_url: str | None = None


class _GitLabPush(Struct, frozen=True):
    """A push at GitLab, of a branch or a tag."""

    ref: str | None = None
    before: str | None = None
    after: str | None = None
    project: _GitLabProject | None = None


class _GenericPush(Struct, frozen=True):
    """A push as any script can say it; `url` alone is enough."""

    url: str | None = None
    ref: str | None = None
    before: str | None = None
    after: str | None = None


EVENTS: Mapping[str, tuple[str, frozenset[str]]] = {
    "github": ("x-github-event", frozenset({"push", "create", "delete"})),
    "gitea": ("x-gitea-event", frozenset({"push", "create", "delete"})),
    "gitlab": ("x-gitlab-event", frozenset({"Push Hook", "Tag Push Hook", "System Hook"})),
}
"""The header that names a delivery's event, and the events that move a ref. `generic` knows only pushes."""


def moves_a_ref(provider: str, headers: Mapping[str, str]) -> bool:
    """Whether the delivery may be of a push; a delivery without the header may."""
    header, events = EVENTS.get(provider, ("", frozenset()))
    return headers.get(header, "") in events | {""}


def read(provider: str, body: bytes, content_type: str = "") -> Push:
    """The push that a body tells of; `urls` is empty where it names no repository. Raises InputError when it cannot be read."""
    try:
        return _READERS[provider](_json(body, content_type))
    except RecursionError:
        raise InputError(f"The {provider} webhook's JSON is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"The {provider} webhook's body cannot be read: {_sentence(error)}.") from None


def _json(body: bytes, content_type: str) -> bytes:
    """The JSON in a body: GitHub's and Gitea's older form sends it as the form field `payload`."""
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return body
    return parse_qs(body, max_num_fields=8).get(b"payload", [b""])[0]


def _forge(payload: bytes) -> Push:
    push = _forge_push.decode(payload)
    at = push.repository or _ForgeRepository()
    return _push(at.clone_url, at.ssh_url, at.git_url, at.html_url, ref=push.ref, before=push.before, after=push.after)


def _gitlab(payload: bytes) -> Push:
    push = _gitlab_push.decode(payload)
    at = push.project or _GitLabProject()
    return _push(at.git_http_url, at.git_ssh_url, at.web_url, ref=push.ref, before=push.before, after=push.after)


def _generic(payload: bytes) -> Push:
    push = _generic_push.decode(payload)
    return _push(push.url, ref=push.ref, before=push.before, after=push.after)


_forge_push = msgspec.json.Decoder(_ForgePush)
_gitlab_push = msgspec.json.Decoder(_GitLabPush)
_generic_push = msgspec.json.Decoder(_GenericPush)
_READERS = {"github": _forge, "gitea": _forge, "gitlab": _gitlab, "generic": _generic}


def _push(*urls: str | None, ref: str | None, before: str | None, after: str | None) -> Push:
    known = tuple(dict.fromkeys(url for url in map(_plain, urls) if url))
    return Push(urls=known, ref=_plain(ref), before=_commit(before), after=_commit(after))


def _plain(text: str | None) -> str:
    """The text, or nothing where it could be no URL or ref: too long, or with characters that do not print."""
    return text if text and len(text) <= LONGEST and text.isprintable() else ""


def _commit(text: str | None) -> str:
    """A commit's id, or nothing: forges send zeros for "none"."""
    return text if text and _COMMIT.fullmatch(text) and text.strip("0") else ""


def _sentence(error: Exception) -> str:
    """What was wrong, by type and place; msgspec's words carry no value of the body."""
    return str(error) if isinstance(error, msgspec.DecodeError) else "it is not UTF-8 text of the form expected"
