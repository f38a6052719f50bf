"""Who is who among field managers, and whose fields are whose: two tables, each row with its reason.

A manager's name is what a client says of itself (`--field-manager`, or the first word of its User-Agent), so the tables know names
that the field's tools really send. Where a name is in no table, its fields are reported and never win over ours.

Sources: the API server's own managers (kubernetes.io, "Server-Side Apply"); kubectl's and Helm's sources; what Argo CD, Flux, Fleet
and kluctl document about the managers that they override or yield to; the managers seen in live clusters' managedFields.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from trimtab.plan.fields import Path, path, show
from trimtab.plan.owner import HANDOVER_MANAGER, MANAGER_PREFIX

Who = Literal["ours", "other-application", "person", "tool", "controller", "unknown"]

BEFORE_FIRST_APPLY = "before-first-apply"
"""What the API server calls the owner of everything that an object had before anything was tracked on it."""


class Known(Struct, frozen=True):
    """Names of managers (shell patterns, lower case), what they are, and how we know."""

    patterns: tuple[str, ...]
    who: Who
    reason: str


class Yield(Struct, frozen=True):
    """Fields that a controller drives: dropped from what we apply when it owns them. All four are shell patterns."""

    manager: str
    subresource: str
    kind: str
    path: str
    reason: str


KNOWN: tuple[Known, ...] = (
    Known(("kubectl-rollout",), "controller", "`kubectl rollout restart`: a restart is an action, not a change of the configuration"),
    Known((BEFORE_FIRST_APPLY,), "tool", "fields from before tracking; the API server's own name for them"),
    Known(("kubectl", "kubectl-*", "kubectl_*", "kubectl.exe"), "person", "kubectl: apply, create, edit, patch, label, set … at a prompt"),
    Known(("oc", "oc.exe"), "person", "OpenShift's kubectl"),
    Known(("k9s", "k9s.exe"), "person", "terminal interface"),
    Known(("lens", "openlens", "freelens", "node-fetch", "electron*"), "person", "desktop interfaces; Lens sends its HTTP client's name"),
    Known(("headlamp*", "dashboard", "kubernetes-dashboard*", "octant", "aptakube", "kubenav", "portainer*"), "person", "interfaces"),
    Known(
        ("rancher", "steve", "bridge", "okd-console", "openshift-console"), "person", "Rancher's and OpenShift's consoles act for a user"
    ),
    Known(("mozilla", "chrome", "safari", "curl", "wget", "httpie", "postmanruntime", "insomnia"), "person", "browsers and HTTP clients"),
    Known(("helm", "helm.exe", "helmfile", "tiller"), "tool", "Helm, run by hand or in CI"),
    Known(("argocd*", "argo-cd*", "gitops-engine*"), "tool", "Argo CD: argocd-controller applies, argocd-application-controller updates"),
    Known(("kustomize-controller", "helm-controller", "flux", "flux-*", "flux-operator", "fluxd"), "tool", "Flux"),
    Known(("fleetagent", "fleet-agent", "fleet*"), "tool", "Rancher Fleet"),
    Known(("kluctl*", "kapp*", "carvel*", "tanka", "werf*", "skaffold", "tilt", "devspace", "okteto"), "tool", "deployment tools"),
    Known(("addon-controller", "application/apply-patch", "sveltos*"), "tool", "Sveltos"),
    Known(
        ("terraform*", "hashicorp", "opentofu*", "pulumi*", "ansible*", "openapi-generator"),
        "tool",
        "infrastructure code; Ansible's client",
    ),
    Known(
        ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-apiserver", "cloud-controller-manager", "kube-proxy", "service-*"),
        "controller",
        "Kubernetes itself",
    ),
    Known(
        ("horizontal-pod-autoscaler", "vpa-*", "recommender", "updater", "keda*", "cluster-autoscaler", "karpenter"),
        "controller",
        "scaling",
    ),
    Known(("cainjector", "cert-manager*", "trust-manager*"), "controller", "cert-manager"),
    Known(
        ("pilot-discovery", "istio*", "linkerd*", "consul*", "cilium*", "envoy-gateway", "contour", "traefik*"),
        "controller",
        "meshes, gateways",
    ),
    Known(("nginx-ingress-controller", "external-dns", "external-secrets*", "reloader", "metallb*"), "controller", "add-ons"),
    Known(("aws-load-balancer-controller", "controller", "gke-*", "glbc", "azure*"), "controller", "cloud load balancers"),
    Known(("csi-*", "snapshot-controller", "external-provisioner", "external-resizer", "external-attacher"), "controller", "storage"),
    Known(
        ("rollouts-controller", "flagger", "kyverno*", "gatekeeper", "manager", "opentelemetry*", "prometheus*"), "controller", "operators"
    ),
)
"""First match wins. `controller` and `manager` are the names that kubebuilder's and controller-runtime's programs send by default."""

YIELDS: tuple[Yield, ...] = (
    Yield("*", "scale", "*", "spec.replicas", "scaled through the scale subresource: by a HorizontalPodAutoscaler or KEDA"),
    Yield("horizontal-pod-autoscaler", "*", "*", "spec.replicas", "scaled by a HorizontalPodAutoscaler"),
    Yield("keda*", "*", "*", "spec.replicas", "scaled by KEDA, which pauses and wakes workloads itself"),
    Yield("keda*", "*", "HorizontalPodAutoscaler", "spec.*", "KEDA writes the autoscaler that it makes"),
    Yield("vpa-*", "*", "*", "*.resources*", "resources set by a VerticalPodAutoscaler"),
    Yield("updater", "*", "*", "*.resources*", "resources set by the VerticalPodAutoscaler's updater"),
    Yield("cainjector", "*", "*", "*.caBundle", "cert-manager injects the CA"),
    Yield("cert-manager*", "*", "*", "*.caBundle", "cert-manager injects the CA"),
    Yield("*", "*", "MutatingWebhookConfiguration", "webhooks*.clientConfig.caBundle", "a webhook's own program renews its CA"),
    Yield("*", "*", "ValidatingWebhookConfiguration", "webhooks*.clientConfig.caBundle", "a webhook's own program renews its CA"),
    Yield("*", "*", "CustomResourceDefinition", "spec.conversion.webhook.clientConfig.caBundle", "the conversion webhook renews its CA"),
    Yield("*", "*", "APIService", "spec.caBundle", "the aggregated API's program renews its CA"),
    Yield("pilot-discovery", "*", "*WebhookConfiguration", "webhooks*", "Istio patches CA bundle and failure policy"),
    Yield("istio*", "*", "*WebhookConfiguration", "webhooks*", "Istio patches CA bundle and failure policy"),
    Yield("linkerd*", "*", "*", "spec.template.metadata.annotations.linkerd.io/*", "Linkerd's injector"),
    Yield("kube-apiserver", "*", "Service", "spec.clusterIP*", "allocated by the API server"),
    Yield("*", "*", "Service", "spec.ports*.nodePort", "allocated by the API server or a load balancer's controller"),
    Yield("*", "*", "Service", "spec.healthCheckNodePort", "allocated by the API server"),
    Yield("kube-controller-manager", "*", "PersistentVolumeClaim", "spec.volumeName", "bound by the volume controller"),
    Yield(
        "kube-scheduler", "*", "PersistentVolumeClaim", "metadata.annotations.volume.kubernetes.io/selected-node", "chosen by the scheduler"
    ),
    Yield("kube-controller-manager", "*", "PersistentVolume", "spec.claimRef*", "bound by the volume controller"),
    Yield("kube-controller-manager", "*", "ServiceAccount", "secrets*", "tokens made by the token controller"),
    Yield("kube-controller-manager", "*", "ServiceAccount", "imagePullSecrets*", "added by a registry's operator"),
    Yield("kube-controller-manager", "*", "Secret", "data*", "a ServiceAccount's token, filled in by the token controller"),
    Yield("kube-controller-manager", "*", "Namespace", "spec.finalizers*", "the namespace controller's own finalizer"),
    Yield("kube-controller-manager", "*", "ClusterRole", "rules", "aggregated from other roles"),
    Yield("kube-controller-manager", "*", "Node", "spec.*", "taints and addresses of the node controllers"),
    Yield("karpenter", "*", "Node", "*", "nodes are Karpenter's"),
    Yield("csi-*", "*", "PersistentVolume*", "*", "storage drivers annotate what they provision"),
    Yield("external-*", "*", "PersistentVolume*", "*", "storage sidecars annotate what they provision"),
    Yield("rollouts-controller", "*", "Service", "spec.selector*", "a rollout in progress points the Service at its version"),
    Yield("flagger", "*", "*", "spec.replicas", "Flagger holds the target at zero"),
)
"""First match wins; a pattern's `*` crosses dots. The path is in its short printed form."""

NOBODYS: tuple[Yield, ...] = (
    Yield("*", "*", "*", "status*", "observed, not wanted"),
    Yield("*", "*", "*", "metadata.annotations.kubectl.kubernetes.io/last-applied-configuration", "kubectl's memory; it steers nothing"),
    Yield("*", "*", "*", "*.annotations.kubectl.kubernetes.io/restartedAt", "a restart that was asked for; taking it out restarts again"),
    Yield("*", "*", "*", "*.annotations.cattle.io/timestamp", "a restart asked for in Rancher"),
    Yield("*", "*", "*", "metadata.annotations.deployment.kubernetes.io/*", "the deployment controller's revision"),
    Yield("*", "*", "*", "metadata.annotations.deprecated.daemonset.template.generation", "the daemon set controller's"),
    Yield("*", "*", "*", "metadata.annotations.autoscaling.alpha.kubernetes.io/*", "the autoscaler's record"),
    Yield("*", "*", "*", "metadata.annotations.pv.kubernetes.io/*", "the volume controller's record"),
    Yield("*", "*", "*", "metadata.annotations.volume.*kubernetes.io/*", "the volume controller's record"),
    Yield("*", "*", "*", "metadata.annotations.endpoints.kubernetes.io/*", "the endpoints controller's record"),
    Yield("*", "*", "*", "metadata.annotations.control-plane.alpha.kubernetes.io/*", "a leader's record"),
    Yield("*", "*", "*", "metadata.annotations.batch.kubernetes.io/*", "the job controllers' record"),
    Yield("*", "*", "*", "metadata.annotations.openshift.io/*", "OpenShift's record on a namespace"),
    Yield("*", "*", "Namespace", "metadata.labels.kubernetes.io/metadata.name", "set by the API server on each namespace"),
    Yield("*", "*", "Namespace", "spec.finalizers*", "the namespace controller's own finalizer"),
    Yield("*", "*", "*", "metadata.finalizers*", "another controller's promise to clean up; taking it out would break it"),
    Yield("*", "*", "*", "metadata.ownerReferences*", "garbage collection's; not configuration"),
    Yield("*", "*", "Service", "spec.clusterIP*", "allocated, and cannot be changed"),
    Yield("*", "*", "Service", "spec.healthCheckNodePort", "allocated"),
    Yield("*", "*", "PersistentVolumeClaim", "spec.volumeName", "bound, and cannot be changed"),
    Yield("*", "*", "PersistentVolume", "spec.claimRef*", "bound by the volume controller"),
    Yield("*", "*", "ServiceAccount", "secrets*", "tokens of older clusters"),
    Yield("*", "*", "Job", "spec.selector*", "made by the API server"),
    Yield("*", "*", "Job", "spec.template.metadata.labels.*controller-uid", "made by the API server"),
    Yield("*", "*", "Job", "spec.template.metadata.labels.*job-name", "made by the API server"),
    Yield("*", "*", "Pod", "spec.nodeName", "the scheduler's choice, and cannot be changed"),
    Yield("*", "*", "Pod", "spec.serviceAccount", "the older spelling of serviceAccountName"),
)
"""Fields that are no drift whoever's entry they stand in, and that are never taken over: they are not configuration.

`before-first-apply` owns everything that an object had, so taking it over whole would make our next apply delete these."""


DRIVEN: tuple[Path, ...] = (path("spec", "replicas"),)
"""Fields that a controller drives only as long as somebody asks it to, and whose default would do harm.

(A VerticalPodAutoscaler drives pods, not their template.)"""

Drives = Callable[[Path], str]
"""The controller that drives a field in `DRIVEN` of one object now (`HorizontalPodAutoscaler web`), "" where none does."""


@lru_cache(maxsize=4096)
def classify(manager: str, *, ours: str = "") -> Who:
    """What kind of client a manager is; `ours` is the manager that we apply with."""
    if manager in {ours, HANDOVER_MANAGER} and manager:
        return "ours"
    if manager.startswith(MANAGER_PREFIX):
        return "other-application"
    name = manager.lower()
    return next((row.who for row in KNOWN if any(fnmatchcase(name, p) for p in row.patterns)), "unknown")


@lru_cache(maxsize=16384)
def yielded(manager: str, subresource: str, kind: str, path: Path) -> str:
    """Why this field of this manager is yielded to it; "" where it is not. Only known controllers are ever yielded to."""
    if classify(manager) != "controller":
        return ""
    return _reason(YIELDS, manager, subresource, kind, path)


@lru_cache(maxsize=16384)
def nobodys(kind: str, path: Path) -> str:
    """Why this field is no configuration and so nobody's to own; "" where it is."""
    return _reason(NOBODYS, "", "", kind, path)


def _reason(rows: tuple[Yield, ...], manager: str, subresource: str, kind: str, path: Path) -> str:
    text, name = show(path), manager.lower()
    return next((row.reason for row in rows if _concerns(row, name, subresource, kind, text)), "")


def _concerns(row: Yield, manager: str, subresource: str, kind: str, path: str) -> bool:
    return (
        fnmatchcase(path, row.path)
        and fnmatchcase(kind, row.kind)
        and fnmatchcase(manager, row.manager)
        and fnmatchcase(subresource, row.subresource)
    )
