"""The verbs: what can be done with objects, each a URL, a body and one request.

Bodies go in and come out as JSON bytes; who wants to look inside decodes what they need. All writes name their field manager.
Each raises the errors of `trimtab.cluster.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

import msgspec

from trimtab.cluster.client import APPLY, JSON, JSON_PATCH, MERGE_PATCH, Client
from trimtab.cluster.metadata import ListPage
from trimtab.cluster.resources import Resource
from trimtab.core.errors import ApiError

Propagation = Literal["Background", "Foreground", "Orphan"]
_page = msgspec.json.Decoder(type=ListPage)


async def get(client: Client, resource: Resource, namespace: str, name: str, *, subresource: str = "", accept: str = JSON) -> bytes:
    """One object. Raises NotFoundError when there is none."""
    return (await client.request("GET", resource.path(namespace, name, subresource), accept=accept)).body


async def get_json(client: Client, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
    """One object, as plain data."""
    return msgspec.json.decode(await get(client, resource, namespace, name), type=dict[str, Any])


async def list_pages(
    client: Client,
    resource: Resource,
    *,
    namespace: str = "",
    label_selector: str = "",
    field_selector: str = "",
    limit: int = 500,
    accept: str = JSON,
) -> AsyncIterator[tuple[list[bytes], str]]:
    """All objects of a kind, a page at a time: (each item's JSON, the list's resourceVersion).

    Items carry no apiVersion and kind of their own. `namespace` empty means all; `limit` 0 means one page. Raises GoneError when the
    pages took longer than the server keeps that version (some minutes): what was read so far is then no list.
    """
    query = selectors(label_selector, field_selector)
    path = resource.path(namespace)
    token = ""
    while True:
        asked = [*query, ("limit", str(limit)), *([("continue", token)] if token else ())] if limit else query
        answer = await client.request("GET", path, query=asked, accept=accept, verb="list", compressed=True, timeout=60.0)
        items, version, token = read_page(answer.body, path)
        yield items, version
        if not token:
            return


def read_page(body: bytes, path: str) -> tuple[list[bytes], str, str]:
    """A page's items, its resourceVersion, and the token of the next page. Raises ApiError when it is no list."""
    try:
        page = _page.decode(body)
    except msgspec.DecodeError as error:
        raise ApiError(f"The answer to a list of {path} is no list.") from error
    # bytes() copies an item out, so that one kept item does not keep the whole page alive
    return [bytes(item) for item in page.items or ()], page.metadata.resource_version, page.metadata.continue_


def selectors(label_selector: str, field_selector: str) -> list[tuple[str, str]]:
    """The query that narrows a list or a watch."""
    pairs = (("labelSelector", label_selector), ("fieldSelector", field_selector))
    return [(name, value) for name, value in pairs if value]


async def create(
    client: Client,
    resource: Resource,
    namespace: str,
    body: bytes,
    *,
    manager: str = "",
    dry_run: bool = False,
    subresource: str = "",
    name: str = "",
) -> bytes:
    """Create an object; the answer as the server keeps it. Raises AlreadyExistsError. `name` only for a subresource's create."""
    query = _writing(client, manager, dry_run=dry_run)
    return (await client.request("POST", resource.path(namespace, name, subresource), query=query, body=body, verb="create")).body


async def replace(
    client: Client,
    resource: Resource,
    namespace: str,
    name: str,
    body: bytes,
    *,
    manager: str = "",
    dry_run: bool = False,
    subresource: str = "",
) -> bytes:
    """Replace an object; with `metadata.resourceVersion` in the body only if it is still that version (else ConflictError)."""
    query = _writing(client, manager, dry_run=dry_run)
    return (await client.request("PUT", resource.path(namespace, name, subresource), query=query, body=body, verb="replace")).body


async def apply(
    client: Client,
    resource: Resource,
    namespace: str,
    name: str,
    body: bytes,
    *,
    manager: str,
    force: bool,
    dry_run: bool = False,
    subresource: str = "",
    accept: str = JSON,
) -> bytes:
    """Server-side apply (KEP-555). Not forced, it raises ConflictError when other managers hold fields with other values.

    Asking twice with the same body does no harm, so a refusal for load is asked again.
    """
    query = _writing(client, manager, dry_run=dry_run)
    query.append(("force", "true" if force else "false"))
    answer = await client.request(
        "PATCH",
        resource.path(namespace, name, subresource),
        query=query,
        body=body,
        content_type=APPLY,
        accept=accept,
        verb="apply",
        idempotent=True,
    )
    return answer.body


async def merge_patch(
    client: Client,
    resource: Resource,
    namespace: str,
    name: str,
    body: bytes,
    *,
    manager: str = "",
    dry_run: bool = False,
    subresource: str = "",
) -> bytes:
    """JSON merge patch (RFC 7396); with `metadata.resourceVersion` in it only if it is still that version."""
    return await _patch(client, resource.path(namespace, name, subresource), body, MERGE_PATCH, _writing(client, manager, dry_run=dry_run))


async def json_patch(
    client: Client,
    resource: Resource,
    namespace: str,
    name: str,
    operations: Sequence[dict[str, Any]],
    *,
    manager: str = "",
    dry_run: bool = False,
    subresource: str = "",
) -> bytes:
    """JSON patch (RFC 6902). A `test` that fails raises InvalidError."""
    body = msgspec.json.encode(operations)
    return await _patch(client, resource.path(namespace, name, subresource), body, JSON_PATCH, _writing(client, manager, dry_run=dry_run))


async def delete(
    client: Client,
    resource: Resource,
    namespace: str,
    name: str,
    *,
    uid: str,
    resource_version: str | None = None,
    propagation: Propagation = "Background",
    dry_run: bool = False,
) -> bytes:
    """Delete the object of that uid (and version, if given), never a namesake: ConflictError when it is another one by now.

    NotFoundError when it is gone already. Preconditions make asking twice harmless. ValueError without a uid: who does not know it
    does not know what they delete.
    """
    if not uid:
        raise ValueError(f"a delete of {resource.kind} {name} must say the uid")
    preconditions = {"uid": uid}
    if resource_version is not None:
        preconditions["resourceVersion"] = resource_version
    options: dict[str, Any] = {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "propagationPolicy": propagation,
        "preconditions": preconditions,
    }
    if dry_run:
        options["dryRun"] = ["All"]
    path, body = resource.path(namespace, name), msgspec.json.encode(options)
    return (await client.request("DELETE", path, body=body, idempotent=True)).body


async def _patch(client: Client, path: str, body: bytes, content_type: str, query: list[tuple[str, str]]) -> bytes:
    return (await client.request("PATCH", path, query=query, body=body, content_type=content_type)).body


def _writing(client: Client, manager: str, *, dry_run: bool) -> list[tuple[str, str]]:
    """The query of every write: who writes, and whether it only asks what would be."""
    query = [("fieldManager", name)] if (name := manager or client.field_manager) else []
    return [*query, ("dryRun", "All")] if dry_run else query
