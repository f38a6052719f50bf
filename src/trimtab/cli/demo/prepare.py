"""What the demo puts into a cluster before the controller starts, and how a cluster that one has is left as it was found."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from trimtab.api.meta import PREFIX
from trimtab.cli.crds import apply_definitions
from trimtab.cli.demo.fleet import examples
from trimtab.cli.follow import Follower, in_time
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.errors import NotFoundError
from trimtab.cluster.resources import NAMESPACES
from trimtab.controllers.own import APPLICATIONS, REPOSITORIES
from trimtab.controllers.webhooks import NAME as WEBHOOKS
from trimtab.core.errors import RefusedError
from trimtab.sync.installation import NAME as INSTALLATION
from trimtab.sync.keeper import SECRETS

MANAGER = "trimtab-demo"
MARK = f"{PREFIX}demo"
"""The label of the control namespace that a demo made."""
FORMATS = {"podinfo-helm": "Helm", "podinfo-production": "Kustomize", "dashboards": "Jsonnet", "platform": "plain"}
"""The demo's Applications, as they are shown, and what each is written in."""
NAMESPACES_USED = ("podinfo", "podinfo-helm", "dashboards", "team")


async def refuse_strangers(client: Client, namespace: str) -> None:
    """Raise RefusedError where a namespace that the demo uses is there already and no demo made it: what is in it belongs to somebody."""
    control = await _namespace(client, namespace)
    while control is not None and control["metadata"].get("deletionTimestamp"):  # an earlier demo has just left
        await asyncio.sleep(0.5)
        control = await _namespace(client, namespace)
    if control is not None and MARK in (control["metadata"].get("labels") or {}):
        return
    for name in (namespace, *NAMESPACES_USED):
        if await _namespace(client, name) is not None:
            sentence = f"The cluster has a namespace {name}, and the demo would write into it."
            raise RefusedError(sentence, remedy="Take another cluster, or run `make demo` without KUBECONFIG.")


async def install(client: Client, namespace: str, secret: str) -> None:
    """Our kinds, the control namespace, and the secret that webhooks are signed with."""
    await apply_definitions(client)
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {MARK: "true"}}}
    await objects.apply(client, NAMESPACES, "", namespace, msgspec.json.encode(body), manager=MANAGER, force=True)
    hooks = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": WEBHOOKS}, "stringData": {"generic": secret}}
    await objects.apply(client, SECRETS, namespace, WEBHOOKS, msgspec.json.encode(hooks), manager=MANAGER, force=True)


async def declare_repository(client: Client, namespace: str, url: str) -> None:
    """The Repository `fleet`; a webhook tells of each push, so that it need not be asked."""
    spec = {"url": url, "ref": {"branch": "main"}, "interval": "1m"}
    body = {"apiVersion": REPOSITORIES.api_version, "kind": "Repository", "metadata": {"name": "fleet"}, "spec": spec}
    await objects.apply(client, REPOSITORIES, namespace, "fleet", msgspec.json.encode(body), manager=MANAGER, force=True)


async def declare_applications(client: Client, namespace: str) -> None:
    """The four Applications of `examples/applications`, as one would with `kubectl apply`."""
    manifests = [_application(examples() / "applications" / f"{name}.yaml", namespace) for name in FORMATS]
    applying = [
        objects.apply(client, APPLICATIONS, namespace, m["metadata"]["name"], msgspec.json.encode(m), manager=MANAGER, force=True)
        for m in manifests
    ]
    await asyncio.gather(*applying)


async def clear(client: Client, namespace: str, follower: Follower) -> None:
    """Delete the Applications, with all that they made, and wait until they are gone: the controller does it."""
    names = [application.metadata.name for application in follower.applications()]
    await _delete(client, namespace, [(APPLICATIONS, name) for name in names])
    gone = follower.signal.expect(lambda: not follower.applications())
    await in_time(gone, 60.0, "The end of the demo's Applications")


async def leave(client: Client, namespace: str, follower: Follower) -> None:
    """Take away what the demo made, our kinds excepted: its Applications with what they made, then their namespace."""
    await clear(client, namespace, follower)
    await objects.merge_patch(client, SECRETS, namespace, INSTALLATION, b'{"metadata":{"finalizers":null}}', manager=MANAGER)
    await _delete(client, namespace, [(REPOSITORIES, "fleet"), (NAMESPACES, namespace)])


async def _delete(client: Client, namespace: str, wanted: Sequence[tuple[Any, str]]) -> None:
    for resource, name in wanted:
        with suppress(NotFoundError):
            uid = (await objects.get_json(client, resource, namespace, name))["metadata"]["uid"]
            await objects.delete(client, resource, namespace, name, uid=uid)


async def _namespace(client: Client, name: str) -> dict[str, Any] | None:
    try:
        return await objects.get_json(client, NAMESPACES, "", name)
    except NotFoundError:
        return None


def _application(path: Path, namespace: str) -> dict[str, Any]:
    manifest: dict[str, Any] = msgspec.yaml.decode(path.read_bytes())
    manifest["metadata"]["namespace"] = namespace
    return manifest
