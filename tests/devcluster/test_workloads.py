"""The real controllers do their work on the fake nodes: workloads, volumes, load balancers, scaling."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from tests.devcluster.rawapi import annotated, condition, pod

if TYPE_CHECKING:
    from tests.devcluster.rawapi import JSON, RawApi

APPS = "/apis/apps/v1/namespaces/default"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
CORE = "/api/v1/namespaces/default"
HPAS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"


def _template(name: str, annotations: dict[str, str] | None = None) -> JSON:
    return pod(name, annotations)


def _workload(name: str, annotations: dict[str, str] | None = None, **spec: object) -> JSON:
    selector = {"matchLabels": {"app": name}}
    return {"metadata": {"name": name}, "spec": {"selector": selector, "template": _template(name, annotations), **spec}}


def _job(name: str, annotations: dict[str, str] | None = None, **spec: object) -> JSON:
    template = {"metadata": {"annotations": annotated(annotations or {})}, "spec": {**pod(name)["spec"], "restartPolicy": "Never"}}
    return {"metadata": {"name": name}, "spec": {"template": template, **spec}}


def _claim(name: str, annotations: dict[str, str] | None = None) -> JSON:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"name": name, "annotations": annotated(annotations or {})}, "spec": spec}


def _service(name: str, annotations: dict[str, str] | None = None) -> JSON:
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": name}}
    return {"metadata": {"name": name, "annotations": annotated(annotations or {})}, "spec": spec}


def _managers(of: JSON) -> set[str]:
    return {entry["manager"] for entry in of["metadata"]["managedFields"]}


def test_a_deployment_becomes_available_and_rolls_over(api: RawApi) -> None:
    """Ten replicas are available within seconds; a new template replaces them."""
    path = f"{APPS}/deployments/web"
    api.create(f"{APPS}/deployments", _workload("web", replicas=10))
    api.until(path, lambda d: d["status"].get("availableReplicas") == 10, within=5)
    change = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "example/app:2"}]}}}}
    generation = api.call("PATCH", path, change, "application/strategic-merge-patch+json")["metadata"]["generation"]
    api.until(
        path,
        lambda d: (
            d["status"].get("observedGeneration") == generation
            and d["status"].get("updatedReplicas") == d["status"]["replicas"] == d["status"].get("availableReplicas") == 10
        ),
    )


def test_field_managers_read_as_in_any_cluster(api: RawApi) -> None:
    """In one process each part still writes under its own name: drift and ownership rules go by these names."""
    api.create(f"{APPS}/deployments", _workload("owned", replicas=1))
    api.create(f"{CORE}/services", _service("owned"))
    deployment = api.until(f"{APPS}/deployments/owned", lambda d: d["status"].get("availableReplicas") == 1)
    service = api.until(f"{CORE}/services/owned", lambda s: s["status"]["loadBalancer"].get("ingress"))
    pods = api.get(f"{CORE}/pods?labelSelector=app%3Downed")["items"]
    assert _managers(deployment) == {"devcluster-tests", "kube-controller-manager"}
    assert _managers(pods[0]) == {"kube-controller-manager", "kubelet"}
    assert _managers(service) == {"devcluster-tests", "cloud-controller-manager"}


def test_a_rollout_whose_image_is_missing_does_not_progress(api: RawApi) -> None:
    """The template's annotations reach the pods: the deployment says that its deadline passed."""
    spec = {"replicas": 1, "progressDeadlineSeconds": 1}
    api.create(f"{APPS}/deployments", _workload("stuck", {"waiting": "ImagePullBackOff"}, **spec))
    state = api.until(f"{APPS}/deployments/stuck", lambda d: condition(d, "Progressing").get("status") == "False")
    assert condition(state, "Progressing")["reason"] == "ProgressDeadlineExceeded"


def test_a_stateful_set_with_volumes_and_a_daemon_set_come_up(api: RawApi) -> None:
    """Each pod of a StatefulSet has its bound volume; a DaemonSet has a pod on the node."""
    api.create(f"{APPS}/statefulsets", _workload("db", replicas=2, serviceName="db", volumeClaimTemplates=[_claim("data")]))
    api.create(f"{APPS}/daemonsets", _workload("agent"))
    api.until(f"{APPS}/statefulsets/db", lambda s: s["status"].get("availableReplicas") == 2)
    api.until(f"{APPS}/daemonsets/agent", lambda s: s["status"].get("numberReady") == 1)
    assert api.get(f"{CORE}/persistentvolumeclaims/data-db-1")["status"]["phase"] == "Bound"


def test_a_job_completes_by_itself(api: RawApi) -> None:
    """A Job's pod ends with 0 shortly after its start; the Job is Complete."""
    api.create(JOBS, _job("migrate"))
    api.until(f"{JOBS}/migrate", lambda j: condition(j, "Complete").get("status") == "True", within=8)


def test_a_job_fails_with_its_exit_code(api: RawApi) -> None:
    """`exit-code: 2`: the Job is Failed once its backoffLimit is reached."""
    api.create(JOBS, _job("broken", {"exit-code": "2"}, backoffLimit=0))
    state = api.until(f"{JOBS}/broken", lambda j: condition(j, "Failed").get("status") == "True", within=8)
    assert condition(state, "Failed")["reason"] == "BackoffLimitExceeded"


def test_a_claim_is_bound_and_its_volume_goes_with_it(api: RawApi) -> None:
    """The default StorageClass makes a volume at once, of the size asked for, and deletes it after the claim."""
    claim = f"{CORE}/persistentvolumeclaims/disk"
    api.create(f"{CORE}/persistentvolumeclaims", _claim("disk"))
    state = api.until(claim, lambda c: c["status"]["phase"] == "Bound")
    assert state["status"]["capacity"] == {"storage": "1Gi"}
    api.delete(claim)
    api.until_gone(f"/api/v1/persistentvolumes/{state['spec']['volumeName']}", within=5)


def test_never_bind_leaves_a_claim_pending(api: RawApi) -> None:
    """`never-bind`: the claim is still Pending when a later one is long bound."""
    api.create(f"{CORE}/persistentvolumeclaims", _claim("unbound", {"never-bind": "true"}))
    api.create(f"{CORE}/persistentvolumeclaims", _claim("later"))
    api.until(f"{CORE}/persistentvolumeclaims/later", lambda c: c["status"]["phase"] == "Bound")
    assert api.get(f"{CORE}/persistentvolumeclaims/unbound")["status"]["phase"] == "Pending"


def test_load_balancers_get_addresses_of_their_own(api: RawApi) -> None:
    """Each Service of type LoadBalancer gets a 192.0.2.x of its own; with `never-provision` none."""
    for name, told in (("none", {"never-provision": "true"}), ("one", {}), ("two", {})):
        api.create(f"{CORE}/services", _service(name, told))
    found = [
        api.until(f"{CORE}/services/{name}", lambda s: s["status"]["loadBalancer"].get("ingress"))["status"]["loadBalancer"]["ingress"][0][
            "ip"
        ]
        for name in ("one", "two")
    ]
    assert found[0] != found[1]
    assert all(address.startswith("192.0.2.") for address in found)
    assert api.get(f"{CORE}/services/none")["status"]["loadBalancer"] == {}


def test_an_autoscaler_without_metrics_lets_scaling_be(api: RawApi) -> None:
    """An HPA object is accepted, says that it has no metrics, and leaves what the scale subresource was told."""
    api.create(f"{APPS}/deployments", _workload("scaled", replicas=1))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scaled"}
    api.create(HPAS, {"metadata": {"name": "scaled"}, "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 9}})
    api.call("PATCH", f"{APPS}/deployments/scaled/scale", {"spec": {"replicas": 4}}, "application/merge-patch+json")
    api.until(f"{APPS}/deployments/scaled", lambda d: d["status"].get("availableReplicas") == 4)
    api.until(f"{HPAS}/scaled", lambda h: condition(h, "ScalingActive").get("status") == "False", within=40)
    assert api.get(f"{APPS}/deployments/scaled")["spec"]["replicas"] == 4


def test_a_namespace_is_deleted_with_what_is_in_it(api: RawApi) -> None:
    """The namespace controller empties a namespace; running pods do not hold it up."""
    api.create("/api/v1/namespaces", {"metadata": {"name": "doomed"}})
    api.until("/api/v1/namespaces/doomed/serviceaccounts", operator.itemgetter("items"))
    api.create("/api/v1/namespaces/doomed/pods", pod("inmate"))
    api.delete("/api/v1/namespaces/doomed")
    api.until_gone("/api/v1/namespaces/doomed", within=20)


def test_a_pod_too_large_for_the_nodes_is_unschedulable(api: RawApi) -> None:
    """The real scheduler judges: what no node can hold stays Pending, and says why."""
    body = pod("huge")
    body["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "100000"}}
    api.create(f"{CORE}/pods", body)
    state = api.until(f"{CORE}/pods/huge", lambda p: condition(p, "PodScheduled").get("status") == "False")
    assert condition(state, "PodScheduled")["reason"] == "Unschedulable"
