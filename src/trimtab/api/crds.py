"""The CustomResourceDefinitions, generated from the Structs."""

from __future__ import annotations

from typing import Any

from trimtab.api import application, repository
from trimtab.api.meta import GROUP, VERSION
from trimtab.api.schema import Schema, schema_of

Manifest = dict[str, Any]


def _column(name: str, path: str, *, kind: str = "string", priority: int = 0) -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path, "priority": priority}


_READY = _column("Ready", '.status.conditions[?(@.type=="Ready")].status')
_AGE = _column("Age", ".metadata.creationTimestamp", kind="date")

_COLUMNS = {
    application.KIND: [
        _column("Synced", ".status.synced"),
        _column("Health", ".status.health"),
        _READY,
        _column("Objects", ".status.counts.objects", kind="integer"),
        _column("Message", ".status.message", priority=1),
        _AGE,
    ],
    repository.KIND: [
        _column("URL", ".spec.url"),
        _column("Revision", ".status.revision.name"),
        _column("Commit", ".status.revision.commit", priority=1),
        _READY,
        _AGE,
    ],
}


def definitions() -> list[Manifest]:
    """Every CustomResourceDefinition of ours, in the order of their names."""
    return [
        _definition(application.KIND, application.PLURAL, "tapp", application.ApplicationSpec, application.ApplicationStatus),
        _definition(repository.KIND, repository.PLURAL, "trepo", repository.RepositorySpec, repository.RepositoryStatus),
    ]


def _definition(kind: str, plural: str, short: str, spec: type, status: type) -> Manifest:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": ["trimtab"],
            },
            "versions": [_version(kind, spec, status)],
        },
    }


def _version(kind: str, spec: type, status: type) -> Manifest:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _root(kind, schema_of(spec), schema_of(status))},
        "subresources": {"status": {}},
        "additionalPrinterColumns": _COLUMNS[kind],
    }


def _root(kind: str, spec: Schema, status: Schema) -> Schema:
    return {
        "type": "object",
        "description": f"{kind} of {GROUP}. {spec['description']}",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
        "required": ["spec"],
    }
