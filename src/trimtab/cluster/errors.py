"""What the Kubernetes API can answer instead of what was asked, one class a meaning.

ApiError (core)
├── BadRequestError      400: the request itself was malformed
├── UnauthorizedError    401: the credential is unknown or has run out
├── ForbiddenError       403: known, and not allowed
├── NotFoundError        404: no such object, or no such kind
├── ConflictError        409: another version, or another manager's fields; `causes` names them
├── AlreadyExistsError   409 on create
├── GoneError            410: that resourceVersion, or page token, is no longer kept
├── InvalidError         422, or 500 for an apply body of the wrong shape: validation refused it; `causes` names the fields
├── TooManyRequestsError 429: asked too much; `retry_after` says when to come back
├── ServerFailedError    5xx and anything else
├── NotSentError         our own credential could not be made, so nothing was asked
└── UnreachableError     no answer at all; `ambiguous` says whether the request may have been carried out

Foreign exceptions and status codes become these in `client.py` alone. Messages about a Secret are cut before the first value.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from trimtab.cluster.metadata import Cause, Status, StatusCause, read_status
from trimtab.core.errors import ApiError

__all__ = [
    "AlreadyExistsError",
    "ApiError",
    "BadRequestError",
    "Cause",
    "ConflictError",
    "ForbiddenError",
    "GoneError",
    "InvalidError",
    "NotFoundError",
    "NotSentError",
    "ServerFailedError",
    "StatusError",
    "TooManyRequestsError",
    "UnauthorizedError",
    "UnreachableError",
    "from_answer",
    "from_status",
]


class StatusError(ApiError):
    """The API server answered, and the answer was a failure."""

    def __init__(self, sentence: str, *, code: int, status: Status, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(sentence, remedy=remedy, retry_after=retry_after)
        self.code = code
        """The HTTP status code (or the Status's own, inside a watch)."""
        self.status = status
        """What the server sent, typed; its messages are already cut where they could show a Secret's value."""

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The single causes: (field, message)."""
        details = self.status.details
        return tuple(Cause(cause.field, cause.message) for cause in details.causes) if details else ()


class BadRequestError(StatusError):
    """400: the server could not read what we sent."""


class UnauthorizedError(StatusError):
    """401: the credential is not, or no longer, accepted."""


class ForbiddenError(StatusError):
    """403: the credential is accepted and this is not among its rights."""


class NotFoundError(StatusError):
    """404: no such object; or no such kind, when the server knows no such path (`of_kind`)."""

    @property
    def of_kind(self) -> bool:
        """Whether the kind itself is unknown to the server: its answer then names no object."""
        return not (self.status.details and self.status.details.name)


class ConflictError(StatusError):
    """409: the object changed meanwhile, or (apply) fields belong to other managers; then `causes` names field and manager."""


class AlreadyExistsError(StatusError):
    """409 on create: an object of that name is there."""


class GoneError(StatusError):
    """410: the resourceVersion or the page token is older than what the server keeps."""


class InvalidError(StatusError):
    """422 (500 for an apply body that does not fit the schema): the object is not valid; `causes` names the fields."""


class TooManyRequestsError(StatusError):
    """429: priority and fairness, or a disruption budget, asks us to come back later."""


class ServerFailedError(StatusError):
    """5xx, and codes that have no class of their own."""


class NotSentError(ApiError):
    """Nothing was asked: the credential for asking could not be made, or asking is not ours any more."""


class UnreachableError(ApiError):
    """There was no answer."""

    def __init__(self, sentence: str, *, ambiguous: bool, remedy: str = "") -> None:
        super().__init__(sentence, remedy=remedy)
        self.ambiguous = ambiguous
        """True when the request had been sent, so that it may have been carried out: read before writing again."""


_BY_CODE: dict[int, type[StatusError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    422: InvalidError,
    429: TooManyRequestsError,
}
_BY_REASON: dict[str, type[StatusError]] = {"AlreadyExists": AlreadyExistsError, "Expired": GoneError, "Gone": GoneError}
# An apply body that does not fit the kind's schema is answered with 500; it is the body that is wrong, not the server.
_OF_THE_BODY = ("failed to create typed patch object", "failed to convert new object")
_REMEDIES: dict[type[StatusError], str] = {
    UnauthorizedError: "Renew the credential in the kubeconfig (or the ServiceAccount's token).",
    ForbiddenError: "Grant it with a Role or ClusterRole, and a binding to this identity.",
}


def from_answer(server: str, verb: str, path: str, *, code: int, body: bytes, retry_after: float | None = None) -> StatusError:
    """The error for an HTTP answer of 400 or more."""
    status = read_status(body) or Status(code=code, message=_excerpt(body))
    return from_status(server, verb, path, status, code=code, retry_after=retry_after)


def from_status(server: str, verb: str, path: str, status: Status, *, code: int = 0, retry_after: float | None = None) -> StatusError:
    """The error for a Status, answered over HTTP or sent as an ERROR event of a watch."""
    code = code or status.code or 500
    if _speaks_of_secrets(path):
        status = _without_values(status)
    kind = _BY_REASON.get(status.reason) or _BY_CODE.get(code, ServerFailedError)
    if kind is ServerFailedError and status.message.startswith(_OF_THE_BODY):
        kind = InvalidError
    if retry_after is None and status.details and status.details.retry_after_seconds:
        retry_after = float(status.details.retry_after_seconds)
    why = status.message.strip() or status.reason or "no reason given"
    label = f"{code} {status.reason}".strip()
    sentence = f"{server} answered {label} to {verb} {subject(path)}: {why}"
    sentence += "" if sentence.endswith((".", "!", "?")) else "."
    return kind(sentence, code=code, status=status, remedy=_REMEDIES.get(kind, ""), retry_after=retry_after)


_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/[^/]+/(?:namespaces/(?P<namespace>[^/]+)/(?!status$|finalize$))?"
    r"(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<subresource>.+))?"
)


def subject(path: str) -> str:
    """What a URL path of the API speaks of, for people: `deployments.apps shop/web`, `deployments.apps shop/web (status)`."""
    path = path.partition("?")[0]
    found = _PATH.fullmatch(path)
    if found is None:
        return path
    group, namespace, plural, name, subresource = (unquote(found[part] or "") for part in _PATH.groupindex)
    where = "/".join(filter(None, (namespace, name))) if name else (f"in {namespace}" if namespace else "")
    words = (f"{plural}.{group}" if group else plural, where, f"({subresource})" if subresource else "")
    return " ".join(filter(None, words))


# Where a server's message goes on to quote what it was sent: the decoders' excerpts, validation's values, apply's typed values.
_QUOTES = re.compile(
    r"Invalid value|Unsupported value|Duplicate value|Forbidden value|got &|\{Value:|error found in|bigger context|cannot unmarshal"
    r"|invalid character|expects \"|failed to parse"
)


def _speaks_of_secrets(path: str) -> bool:
    return subject(path).split(" ", 1)[0] == "secrets"


def _cut(message: str) -> str:
    found = _QUOTES.search(message)
    return f"{message[: found.start()].rstrip(' :,')} (the value is not shown)".strip() if found else message


def _without_values(status: Status) -> Status:
    details = status.details
    if details:
        causes = tuple(StatusCause(cause.reason, _cut(cause.message), cause.field) for cause in details.causes)
        details = type(details)(details.name, details.group, details.kind, details.uid, causes, details.retry_after_seconds)
    return Status(status.status, _cut(status.message), status.reason, details, status.code)


def _excerpt(body: bytes, most: int = 300) -> str:
    """The first line or so of an answer that is no Status."""
    return " ".join(body[:most].decode("utf-8", "replace").split())
