"""Each failure forced in turn: nothing is deleted, drift goes on being corrected where it can be, and it mends by itself."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

from tests.controllers.beside import fetched, write
from tests.support import cluster as support
from tests.support.cluster import API_SERVICES, CRDS
from tests.support.fleet import CONFIG_MAPS, SECRETS, SERVICES, Fleet, config_map

from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.discovery import Discovery
from trimtab.cluster.resources import Resource
from trimtab.sync.state import STATE_LABEL

ROLES = Resource("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", namespaced=False)
BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False)
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
CHART = "apiVersion: v2\nname: app\nversion: 1.0.0\n"
ENDLESS = "{{ range until 100000 }}{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}{{ end }}"


async def _three(fleet: Fleet) -> None:
    """An application of three ConfigMaps and a Service, equal."""
    files = {f"apps/a/{n}.yaml": config_map(f"c{n}", k="1") for n in range(3)} | {"apps/a/s.yaml": json.dumps(SERVICE)}
    await fetched(fleet, await fleet.push(files))
    await fleet.application("a")
    await fleet.settled("a")


async def _corrects(fleet: Fleet, name: str = "c0") -> None:
    """Drift of a ConfigMap is put back."""
    await fleet.patch(CONFIG_MAPS, name, {"data": {"k": "9"}})
    await fleet.until_data(name, {"k": "1"})


async def _all_there(fleet: Fleet) -> bool:
    return all([await fleet.get(CONFIG_MAPS, f"c{n}") is not None for n in range(3)]) and await fleet.get(SERVICES, "s") is not None


async def _says(fleet: Fleet, text: str, seconds: float = 20.0, name: str = "a") -> str:
    """Wait until an application's message holds `text`; the message."""

    async def said() -> bool:
        return text in (await fleet.status(name)).get("message", "")

    await fleet.until(said, seconds, lambda: fleet.status(name))
    return str((await fleet.status(name))["message"])


async def test_a_render_that_is_killed_at_its_deadline(fleet: Fleet) -> None:
    """A chart without end in the place of the manifests: what is in force is defended."""
    await _three(fleet)
    write(fleet.work, "a", {"Chart.yaml": CHART, "templates/a.yaml": ENDLESS}, {})
    await fleet.push({f"apps/a/{n}.yaml": None for n in range(3)})
    await _says(fleet, "stopped after 10.0 s, its limit")
    await _corrects(fleet)
    assert await _all_there(fleet)


async def test_a_git_server_that_is_gone(fleet: Fleet) -> None:
    """The last good revision stays in force, drift is corrected, and the next push after its return is live."""
    await _three(fleet)
    await fleet.server.stop()
    assert fleet.manager is not None
    fleet.manager.pushed((fleet.url,), "")
    await _corrects(fleet)
    assert await _all_there(fleet)
    await fleet.server.start()
    await fleet.push({"apps/a/0.yaml": config_map("c0", k="2")})
    await fleet.until_data("c0", {"k": "2"})


async def test_a_git_server_that_is_gone_at_the_start(fleet: Fleet) -> None:
    """After a restart with the server away and an empty disk, what was kept is defended, and nothing is deleted."""
    await _three(fleet)
    await fleet.stop()
    await fleet.server.stop()
    (fleet.directory / "data").rename(fleet.directory / "lost")
    await fleet.start()
    await _says(fleet, f"Repository {fleet.control}/fleet")
    await _corrects(fleet)
    assert await _all_there(fleet)
    await fleet.server.start()


async def test_a_group_whose_server_does_not_answer(fleet: Fleet) -> None:
    """Its kinds are not known: nothing of them is concluded, and the other kinds of the application go on."""
    group = f"g{fleet.target}.example.test"
    await support.apply(fleet.admin, _definition(group), CRDS)
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}}
    await fleet.push({"apps/a/w.yaml": json.dumps(widget)})
    await _three(fleet)
    await _disconnect(fleet, group)
    try:
        await fleet.stop()
        await fleet.start()
        await _corrects(fleet)
        await fleet.push({"apps/a/1.yaml": None, "apps/a/0.yaml": config_map("c0", k="2")})
        await _says(fleet, "not known at present")
        assert await _all_there(fleet)
        await fleet.patch(CONFIG_MAPS, "c2", {"data": {"k": "9"}})
        await fleet.until_data("c2", {"k": "1"})
    finally:
        await support.drop(fleet.admin, API_SERVICES, "", f"v1.{group}")
        await support.drop(fleet.admin, CRDS, "", f"widgets.{group}")


async def test_a_kind_that_may_not_be_listed(fleet: Fleet) -> None:
    """Under a narrower role: nothing is concluded about ConfigMaps, the Service is corrected, and a new grant is enough."""
    await _three(fleet)
    await fleet.stop()
    name = f"narrow-{fleet.control}"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "narrow", "namespace": fleet.control}}
    await support.apply(fleet.admin, account, support.SERVICE_ACCOUNTS)
    await _grant(fleet, name, _NARROW)
    connection = await support.service_account_connection(fleet.admin, fleet.control, "narrow")
    await fleet.push({"apps/a/1.yaml": None})
    everything, fleet.own = fleet.own, Client(connection)
    async with fleet.own:
        await fleet.start()
        await fleet.patch(SERVICES, "s", {"spec": {"ports": [{"port": 80, "name": "extra"}]}})

        async def back() -> bool:
            found = await fleet.get(SERVICES, "s")
            return found is not None and "name" not in found["spec"]["ports"][0]

        await fleet.until(back, tell=lambda: fleet.status("a"))
        assert await _all_there(fleet)
        await _grant(fleet, name, [*_NARROW, {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}])

        async def pruned() -> bool:
            return await fleet.get(CONFIG_MAPS, "c1") is None

        await fleet.until(pruned, 60, lambda: fleet.status("a"))
        await fleet.stop()
    fleet.own = everything
    await support.drop(fleet.admin, BINDINGS, "", name)


async def test_a_kept_state_that_is_damaged(fleet: Fleet) -> None:
    """Bits flipped: an error on that application, never "empty"; another one goes on; once restored, all goes on."""
    await _three(fleet)
    await fleet.push({"apps/b/b.yaml": config_map("b", k="1")})
    await fleet.application("b")
    await fleet.settled("b")
    await fleet.stop()
    (head,) = [s for s in await _states(fleet) if s["metadata"]["name"].startswith("trimtab.a.")]
    raw = bytearray(base64.b64decode(head["data"]["data"]))
    raw[len(raw) // 2] ^= 0xFF
    await _put(fleet, head, {"data": base64.b64encode(bytes(raw)).decode()})
    await fleet.push({"apps/a/1.yaml": None})
    await fleet.start()
    told = await _says(fleet, "is damaged")
    assert "Nothing is deleted" in told
    await _corrects(fleet, "b")
    assert await _all_there(fleet)
    await _put(fleet, head, head["data"])
    await fleet.stop()
    await fleet.start()

    async def pruned() -> bool:
        return await fleet.get(CONFIG_MAPS, "c1") is None

    await fleet.until(pruned, 30, lambda: fleet.status("a"))
    assert await fleet.get(CONFIG_MAPS, "c0") is not None


async def test_a_chunk_of_the_kept_state_that_is_missing(fleet: Fleet) -> None:
    """3 MB of ConfigMaps are kept in chunks; one that is lost is an error that names it, and nothing is deleted."""
    await fleet.push({f"apps/a/{n}.yaml": config_map(f"c{n}", k=_noise(n)) for n in range(5)})
    await fleet.application("a")
    await fleet.settled("a", seconds=30)
    chunk = next(s for s in await _states(fleet) if "chunks" not in s["data"])
    await fleet.stop()
    await _take(fleet, chunk["metadata"]["name"])
    await fleet.push({"apps/a/1.yaml": None})
    await fleet.start()
    assert chunk["metadata"]["name"] in await _says(fleet, "lacks its chunk")
    assert all([await fleet.get(CONFIG_MAPS, f"c{n}") is not None for n in range(5)])


async def test_a_lost_capability_is_refused_and_not_pruned(fleet: Fleet) -> None:
    """A chart leaves an object out because a kind is gone from the cluster: a person is asked."""
    group = f"c{fleet.target}.example.test"
    await support.apply(fleet.admin, _definition(group), CRDS)
    template = f'{{{{ if .Capabilities.APIVersions.Has "{group}/v1" }}}}\n{config_map("guarded", k="1")}\n{{{{ end }}}}'
    write(fleet.work, "a", {"Chart.yaml": CHART, "templates/a.yaml": template, "templates/b.yaml": config_map("other", k="1")}, {})
    await fetched(fleet, await fleet.push({}))
    await fleet.application("a")
    await fleet.settled("a")
    await fleet.until_data("guarded", {"k": "1"})
    await support.drop(fleet.admin, CRDS, "", f"widgets.{group}")
    await fleet.settled("a", "Refused", seconds=30)
    assert f"since the cluster lost {group}/v1" in (await fleet.status("a"))["message"]
    await fleet.until_data("guarded", {"k": "1"})
    await _corrects(fleet, "other")


def _noise(seed: int) -> str:
    """600 KB that do not compress well."""
    return base64.b64encode(random.Random(seed).randbytes(450_000)).decode()


async def _states(fleet: Fleet) -> list[dict[str, Any]]:
    pages = objects.list_pages(fleet.admin, SECRETS, namespace=fleet.control, label_selector=STATE_LABEL)
    return [json.loads(raw) async for page, _ in pages for raw in page]


async def _put(fleet: Fleet, secret: dict[str, Any], data: dict[str, str]) -> None:
    body = json.dumps({"data": data}).encode()
    await objects.merge_patch(fleet.admin, SECRETS, fleet.control, secret["metadata"]["name"], body, manager="vandal")


async def _take(fleet: Fleet, name: str) -> None:
    await objects.merge_patch(fleet.admin, SECRETS, fleet.control, name, b'{"metadata":{"finalizers":null}}', manager="vandal")
    await support.drop(fleet.admin, SECRETS, fleet.control, name)


def _definition(group: str) -> dict[str, Any]:
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


async def _disconnect(fleet: Fleet, group: str) -> None:
    """Have a server that does not exist answer for the group; wait until the API server has noticed."""
    service = {"insecureSkipTLSVerify": True, "service": {"name": "nobody", "namespace": "default"}}
    patch = {"metadata": {"labels": {"kube-aggregator.kubernetes.io/automanaged": None}}, "spec": service}
    await objects.merge_patch(fleet.admin, API_SERVICES, "", f"v1.{group}", json.dumps(patch).encode(), manager="vandal")
    discovery = Discovery(fleet.admin)

    async def stale() -> bool:
        await discovery.refresh()
        return f"{group}/v1" in discovery.troubles

    await fleet.until(stale, 20)


_NARROW: list[dict[str, Any]] = [
    {"apiGroups": ["trimtab.dev", "coordination.k8s.io", "events.k8s.io"], "resources": ["*"], "verbs": ["*"]},
    {"apiGroups": [""], "resources": ["secrets", "namespaces", "events", "services"], "verbs": ["*"]},
    {
        "apiGroups": ["apiextensions.k8s.io", "apiregistration.k8s.io"],
        "resources": ["customresourcedefinitions", "apiservices"],
        "verbs": ["get", "list", "watch"],
    },
]


async def _grant(fleet: Fleet, name: str, rules: list[dict[str, Any]]) -> None:
    """A ClusterRole of these rules for the narrow account."""
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name}}
    await support.apply(fleet.admin, {**head, "kind": "ClusterRole", "rules": rules}, ROLES)
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    subject = {"kind": "ServiceAccount", "name": "narrow", "namespace": fleet.control}
    await support.apply(fleet.admin, {**head, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [subject]}, BINDINGS)
