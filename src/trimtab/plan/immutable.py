"""Which fields the API server does not let anybody change, so that a plan says so before it tries. Pure.

Sources: the validation of updates in the API server's registries (`ValidateDeploymentUpdate` and its like), and the documentation of
each kind. What the table does not know, the API server still refuses; a checked plan shows that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from trimtab.plan.difference import Difference, differences
from trimtab.plan.fields import show
from trimtab.plan.quantity import quantity

Condition = Callable[[Mapping[str, Any], Difference], bool]
"""Whether a row concerns this change of this object (as it is)."""


def _always(_before: Mapping[str, Any], _found: Difference) -> bool:
    return True


class Fixed(Struct, frozen=True):
    """Fields (shell patterns over the short printed form) of kinds that are fixed once set, but for `free` ones."""

    kinds: tuple[str, ...]
    paths: tuple[str, ...]
    free: tuple[str, ...] = ()
    when: Condition = _always
    because: str = ""


class Immutable(Struct, frozen=True):
    """One change that the API server will refuse."""

    path: str
    because: str = ""

    def __str__(self) -> str:
        """A sentence for a plan's `problem`."""
        return f"{self.path} cannot be changed{f' ({self.because})' if self.because else ''}; the object must be replaced."


def _declared(before: Mapping[str, Any], _found: Difference) -> bool:
    """A ConfigMap or Secret that says of itself that it is immutable."""
    return before.get("immutable") is True


def _has_address(before: Mapping[str, Any], _found: Difference) -> bool:
    """A Service of a type that has an address."""
    return (before.get("spec") or {}).get("type") != "ExternalName"


def _shrinks(_before: Mapping[str, Any], found: Difference) -> bool:
    before, after = quantity(found.before), quantity(found.after)
    return before is not None and after is not None and after < before


def _running(before: Mapping[str, Any], found: Difference) -> bool:
    """A Job's template: its scheduling may still change while it is suspended."""
    suspended = (before.get("spec") or {}).get("suspend") is True
    scheduling = ("nodeSelector", "tolerations", "affinity", "schedulingGates", "metadata.labels", "metadata.annotations")
    return not (suspended and any(word in show(found.path) for word in scheduling))


FIXED: tuple[Fixed, ...] = (
    Fixed(("Deployment", "DaemonSet", "ReplicaSet"), ("spec.selector*",), because="the selector names the pods it owns"),
    Fixed(
        ("StatefulSet",),
        ("spec.*",),
        free=(
            "spec.replicas", "spec.ordinals*", "spec.template*", "spec.updateStrategy*", "spec.revisionHistoryLimit",
            "spec.minReadySeconds", "spec.persistentVolumeClaimRetentionPolicy*",
        ),
        because="of a StatefulSet only replicas, template and update strategy can be",
    ),
    Fixed(
        ("Job",),
        ("spec.template*", "spec.selector*", "spec.completionMode", "spec.podFailurePolicy*", "spec.successPolicy*",
         "spec.backoffLimitPerIndex", "spec.managedBy", "spec.podReplacementPolicy"),
        when=_running,
        because="a Job's pods are fixed when it is made",
    ),
    Fixed(
        ("Pod",),
        ("spec.*",),
        free=("spec.containers*.image", "spec.initContainers*.image", "spec.activeDeadlineSeconds", "spec.tolerations*",
              "spec.schedulingGates*", "spec.terminationGracePeriodSeconds"),
        because="of a bare Pod only images can be",
    ),
    Fixed(("PersistentVolumeClaim",), ("spec.*",), free=("spec.resources.requests*", "spec.volumeAttributesClassName"),
          because="of a claim only the size asked for can be"),
    Fixed(("PersistentVolumeClaim",), ("spec.resources.requests.storage",), when=_shrinks, because="a claim can grow only"),
    Fixed(("PersistentVolume",), ("spec.volumeMode", "spec.csi*", "spec.nfs*", "spec.hostPath*", "spec.local*", "spec.iscsi*",
                                   "spec.nodeAffinity*"),
          because="a volume's source is fixed when it is made"),
    Fixed(("Service",), ("spec.clusterIP", "spec.clusterIPs[0]", "spec.ipFamilies[0]"), when=_has_address,
          because="it is allocated"),
    Fixed(("ConfigMap", "Secret"), ("data*", "binaryData*", "immutable"), when=_declared, because="it is marked immutable"),
    Fixed(("Secret",), ("type",)),
    Fixed(("RoleBinding", "ClusterRoleBinding"), ("roleRef*",)),
    Fixed(("StorageClass",), ("provisioner", "parameters*", "reclaimPolicy", "volumeBindingMode")),
    Fixed(("PriorityClass",), ("value", "preemptionPolicy")),
    Fixed(("RuntimeClass",), ("handler",)),
    Fixed(("IngressClass",), ("spec.controller",)),
    Fixed(("CSIDriver",), ("spec.attachRequired", "spec.volumeLifecycleModes*", "spec.fsGroupPolicy")),
    Fixed(("ResourceQuota",), ("spec.scopes*", "spec.scopeSelector*")),
    Fixed(("EndpointSlice",), ("addressType",)),
    Fixed(("ControllerRevision",), ("data*",)),
    Fixed(("CertificateSigningRequest",), ("spec*",)),
    Fixed(("CustomResourceDefinition",), ("spec.group", "spec.scope", "spec.names.kind", "spec.names.plural")),
)  # fmt: skip


OPEN_MAPS = frozenset({"matchLabels", "labels", "annotations", "nodeSelector", "parameters", "data", "binaryData", "selector"})
"""Maps whose names are the user's, so that no entry has a default."""


def immutable(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Immutable, ...]:
    """The changes from `before` to `after` that the API server will refuse.

    `before` is what was applied last. A live object has the server's defaults too, which would read as removed: project it first.
    """
    return tuple(_refused(before, after))


def _refused(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Immutable]:
    rows = [row for row in FIXED if after.get("kind") in row.kinds]
    for found in differences(before, after) if rows else ():
        at = show(found.path)
        row = next((r for r in rows if _concerns(r, at) and r.when(before, found)), None)
        if row is not None and not _may_be_default(found):
            yield Immutable(at, row.because)


def _may_be_default(found: Difference) -> bool:
    """Whether a field that was added or removed may mean the same as before: one with a default, so no entry of a list or an open map."""
    step, parent = found.path[-1], found.path[-2][2:] if len(found.path) > 1 else ""
    single = not isinstance(found.after if found.added else found.before, dict | list)
    return (found.added or found.removed) and single and step.startswith("f:") and parent not in OPEN_MAPS


def _concerns(row: Fixed, at: str) -> bool:
    return any(fnmatchcase(at, p) for p in row.paths) and not any(fnmatchcase(at, p) for p in row.free)
