"""The objects that are installed: plain, small, and of the kinds that every application has.

`mark` is the one field that commits and edits change: data of the ConfigMap, image tag of the Deployment. Deployments have no replicas
(as in Flux's own benchmark), so that the controllers of the cluster add little noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

Manifest = dict[str, Any]


class Kind(Struct, frozen=True):
    """How a kind is addressed, and made."""

    name: str
    prefix: str
    """The API group's path."""
    plural: str
    make: Callable[[str, str], Manifest]

    def path(self, namespace: str, name: str = "") -> str:
        """The URL path of one object, or of the collection."""
        return f"{self.prefix}/namespaces/{namespace}/{self.plural}" + (f"/{name}" if name else "")


def _config_map(name: str, mark: str) -> Manifest:
    settings = "log.level: info\nserver.port: 8080\ncache.size: 64Mi\n"
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"mark": mark, "settings": settings}}


def _service_account(name: str, _: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}, "automountServiceAccountToken": False}


def _deployment(name: str, mark: str) -> Manifest:
    labels = {"app.kubernetes.io/name": name}
    container = {
        "name": "app",
        "image": f"registry.test/app:{mark}",
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels}, "spec": spec}


def _service(name: str, _: str) -> Manifest:
    spec = {"selector": {"app.kubernetes.io/name": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


CONFIG_MAPS = Kind("ConfigMap", "/api/v1", "configmaps", _config_map)
DEPLOYMENTS = Kind("Deployment", "/apis/apps/v1", "deployments", _deployment)
KINDS = (
    CONFIG_MAPS,
    Kind("ServiceAccount", "/api/v1", "serviceaccounts", _service_account),
    DEPLOYMENTS,
    Kind("Service", "/api/v1", "services", _service),
)


def application(number: int, objects: int, mark: str) -> Mapping[str, tuple[Kind, Manifest]]:
    """The objects of one application by name: the four kinds in turn, so `app-7-0` is a ConfigMap and `app-7-2` a Deployment."""
    names = [f"app-{number}-{n}" for n in range(objects)]
    return {name: (kind, kind.make(name, mark)) for n, name in enumerate(names) for kind in (KINDS[n % len(KINDS)],)}


def mark_of(manifest: Manifest) -> str:
    """What the changeable field says now; keys that others have added show too."""
    if "data" in manifest:
        return " ".join(v if k == "mark" else f"{k}={v}" for k, v in sorted(manifest["data"].items()) if k != "settings")
    if manifest.get("kind") == "Deployment":
        return str(manifest["spec"]["template"]["spec"]["containers"][0]["image"]).rpartition(":")[2]
    if manifest.get("kind") == "Repository":
        return str(manifest.get("status", {}).get("revision", {}).get("commit", ""))
    return ""
