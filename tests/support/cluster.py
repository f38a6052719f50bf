"""The real control plane for tests: one a run, and a namespace of its own for each test."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

from msgspec import structs

from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.connection import Connection, load_kubeconfig
from trimtab.cluster.credentials import Credential, Fixed
from trimtab.cluster.resources import NAMESPACES, Resource

CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps", namespaced=True)
SECRETS = Resource("", "v1", "Secret", "secrets", namespaced=True)
SERVICE_ACCOUNTS = Resource("", "v1", "ServiceAccount", "serviceaccounts", namespaced=True)
DEPLOYMENTS = Resource("apps", "v1", "Deployment", "deployments", namespaced=True)
PODS = Resource("", "v1", "Pod", "pods", namespaced=True)
CRDS = Resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False)
API_SERVICES = Resource("apiregistration.k8s.io", "v1", "APIService", "apiservices", namespaced=False)

_numbers = itertools.count(1)


def open_client(kubeconfig: Path, **options: Any) -> Client:
    """A client, not yet opened, on the control plane of that kubeconfig."""
    return Client(load_kubeconfig(kubeconfig), user_agent="trimtab-tests", field_manager="trimtab-tests", **options)


async def make_namespace(client: Client) -> str:
    """A fresh namespace's name."""
    name = f"test-{os.getpid()}-{next(_numbers)}"
    await objects.create(client, NAMESPACES, "", encode({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
    return name


async def drop_namespace(client: Client, name: str) -> None:
    """Ask for its deletion; the control plane carries it out on its own time."""
    await drop(client, NAMESPACES, "", name)


async def service_account_connection(client: Client, namespace: str, name: str) -> Connection:
    """A connection as that ServiceAccount, with a token of its own."""
    asked = encode({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
    answer = await objects.create(client, SERVICE_ACCOUNTS, namespace, asked, name=name, subresource="token")
    token = json.loads(answer)["status"]["token"]
    return structs.replace(client.connection, name=name, credentials=Fixed(Credential(token=token)))


async def drop(client: Client, resource: Resource, namespace: str, name: str) -> None:
    """Delete whatever bears that name now."""
    uid = (await objects.get_json(client, resource, namespace, name))["metadata"]["uid"]
    await objects.delete(client, resource, namespace, name, uid=uid)


def config_map(name: str, namespace: str, data: dict[str, str] | None = None, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """A ConfigMap's manifest."""
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data or {}}


def encode(manifest: dict[str, Any]) -> bytes:
    """A manifest as it is sent."""
    return json.dumps(manifest).encode()


async def apply(
    client: Client, manifest: dict[str, Any], resource: Resource, *, manager: str = "tests", force: bool = False
) -> dict[str, Any]:
    """Server-side apply of a manifest; the object as plain data."""
    metadata = manifest["metadata"]
    answer = await objects.apply(
        client, resource, metadata.get("namespace", ""), metadata["name"], encode(manifest), manager=manager, force=force
    )
    applied: dict[str, Any] = json.loads(answer)
    return applied
