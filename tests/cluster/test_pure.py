"""The pure parts: lines, retry waits, paths, and the sentences of errors."""

from __future__ import annotations

import itertools
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.scripted import status_object

from trimtab.cluster import errors
from trimtab.cluster.client import _socket
from trimtab.cluster.lines import LineSplitter
from trimtab.cluster.metadata import read_partial, read_status
from trimtab.cluster.resources import Resource, split_api_version
from trimtab.cluster.retries import RetryBudget, RetryPolicy
from trimtab.core.digests import canonical

pytestmark = pytest.mark.fast


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=12))
def test_lines_do_not_depend_on_the_chunks(content: bytes, cuts: list[int]) -> None:
    """However the bytes are cut, the lines are those of the whole, and what has no end yet is kept."""
    splitter, lines = LineSplitter(), []
    edges = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    for start, end in itertools.pairwise(edges):
        lines += splitter.feed(content[start:end])
    *whole, rest = content.split(b"\n")
    assert lines == [line for line in whole if line]
    assert splitter.pending == len(rest)


@given(st.integers(1, 3), st.none() | st.floats(0, 10), st.floats(0, 1, exclude_max=True))
def test_a_wait_never_undercuts_what_was_asked(attempt: int, asked: float | None, chance: float) -> None:
    """Retry-After is a lower bound; the spread goes to later, by at most half a second and a bit."""
    wait = RetryPolicy().wait(attempt, asked, chance)
    assert wait is not None
    assert asked is None or asked <= wait <= asked + 0.55


def test_waits_end() -> None:
    """After the last attempt, and for more than we sit out, there is none."""
    assert RetryPolicy(attempts=2).wait(2, None, 0.0) is None
    assert RetryPolicy().wait(1, 11.0, 0.0) is None


@given(st.lists(st.booleans(), max_size=500))
def test_a_budget_never_doubles_the_load(wishes: list[bool]) -> None:
    """Over any history there are fewer retries than half the requests and the initial stock."""
    budget, retries = RetryBudget(), 0
    for wish in wishes:
        budget.earn()
        retries += wish and budget.spend()
    assert retries <= len(wishes) / 2 + 10


@pytest.mark.parametrize(
    ("resource", "arguments", "path"),
    [
        (Resource("", "v1", "Pod", "pods", namespaced=True), ("shop", "web"), "/api/v1/namespaces/shop/pods/web"),
        (Resource("", "v1", "Pod", "pods", namespaced=True), (), "/api/v1/pods"),
        (
            Resource("apps", "v1", "Deployment", "deployments", namespaced=True),
            ("s", "w", "scale"),
            "/apis/apps/v1/namespaces/s/deployments/w/scale",
        ),
        (Resource("", "v1", "Node", "nodes", namespaced=False), ("ignored", "n"), "/api/v1/nodes/n"),
        (Resource("r", "v1", "Role", "roles", namespaced=False), ("", "system:a/b"), "/apis/r/v1/roles/system%3Aa%2Fb"),
    ],
)
def test_paths(resource: Resource, arguments: tuple[str, ...], path: str) -> None:
    """Group, namespace, name and subresource in their places, encoded."""
    assert resource.path(*arguments) == path


def test_api_versions_split() -> None:
    """The core group is the empty one."""
    assert split_api_version("v1") == ("", "v1")
    assert split_api_version("apps/v1") == ("apps", "v1")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/v1/namespaces/shop", "namespaces shop"),
        ("/api/v1/namespaces/shop/finalize", "namespaces shop (finalize)"),
        ("/api/v1/namespaces/shop/pods/web/log?x=y", "pods shop/web (log)"),
        ("/apis/apps/v1/deployments", "deployments.apps"),
        ("/apis/apps/v1/namespaces/shop/deployments", "deployments.apps in shop"),
        ("/version", "/version"),
    ],
)
def test_what_a_path_speaks_of(path: str, words: str) -> None:
    """A URL in people's words."""
    assert errors.subject(path) == words


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", errors.BadRequestError),
        (401, "Unauthorized", errors.UnauthorizedError),
        (403, "Forbidden", errors.ForbiddenError),
        (404, "NotFound", errors.NotFoundError),
        (409, "Conflict", errors.ConflictError),
        (409, "AlreadyExists", errors.AlreadyExistsError),
        (410, "Expired", errors.GoneError),
        (422, "Invalid", errors.InvalidError),
        (429, "TooManyRequests", errors.TooManyRequestsError),
        (500, "InternalError", errors.ServerFailedError),
        (418, "", errors.ServerFailedError),
    ],
)
def test_each_meaning_has_its_class(code: int, reason: str, kind: type[errors.StatusError]) -> None:
    """Code and reason decide; the sentence names who answered what about which object."""
    answer = canonical(status_object(code, reason=reason, message="so it is"))
    error = errors.from_answer("https://s", "apply", "/api/v1/namespaces/shop/pods/web", code=code, body=answer)
    assert type(error) is kind
    assert error.sentence == f"https://s answered {code}{' ' + reason if reason else ''} to apply pods shop/web: so it is."


def test_a_bad_apply_body_is_the_bodys_fault() -> None:
    """The server answers 500 to a body that does not fit the schema; it is no trouble of the server."""
    answer = canonical(status_object(500, message="failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.x"))
    error = errors.from_answer("https://s", "apply", "/apis/apps/v1/namespaces/shop/deployments/web", code=500, body=answer)
    assert type(error) is errors.InvalidError


def test_causes_and_retry_after_are_typed() -> None:
    """Field and message of each cause; seconds from the Status where no header says them."""
    details = {"causes": [{"field": ".spec.replicas", "message": 'conflict with "hpa"'}], "retryAfterSeconds": 3}
    error = errors.from_answer(
        "s", "apply", "/api/v1/pods", code=409, body=canonical(status_object(409, reason="Conflict", details=details))
    )
    assert error.causes == ((".spec.replicas", 'conflict with "hpa"'),)
    assert error.retry_after == 3


@given(
    st.text(alphabet="abcdefghij", min_size=8, max_size=12),
    st.sampled_from(["Invalid value: ", "got &", "error found in #10 byte of ...|"]),
)
def test_no_quote_of_a_secret_survives(value: str, quote: str) -> None:
    """Whatever the server quotes after its usual words is cut, in the message and in each cause."""
    details = {"causes": [{"field": "data", "message": f"{quote}{value}"}]}
    answer = canonical(status_object(422, message=f"Secret is invalid: data: {quote}{value}", details=details))
    error = errors.from_answer("s", "apply", "/api/v1/namespaces/n/secrets/x", code=422, body=answer)
    assert value not in f"{error} {error.causes} {error.status}"


def test_metadata_is_read_and_the_rest_skipped() -> None:
    """ManagedFields with their raw fields, owners, and nothing else."""
    entry = {"manager": "m", "operation": "Apply", "fieldsV1": {"f:spec": {}}, "time": "2026-01-31T09:00:00Z"}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "controller": True}
    raw = canonical({"metadata": {"name": "a", "managedFields": [entry], "ownerReferences": [owner]}, "spec": {"x": 1}})
    metadata = read_partial(raw).metadata
    assert bytes(metadata.managed_fields[0].fields) == b'{"f:spec":{}}'
    assert metadata.owner_references[0].controller


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"items":[]}'])
def test_what_is_no_status_is_none(content: bytes) -> None:
    """A proxy's page, an empty answer, another object."""
    assert read_status(content) is None


def test_the_kernel_watches_the_connection() -> None:
    """Each socket has keep-alive on, with the first probe after 15 seconds: a vanished peer is noticed within 30."""
    with _socket((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 0))) as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, interval, count = (
            made.getsockopt(socket.IPPROTO_TCP, option) for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
    assert idle + interval * count <= 30
