"""Our kinds as a real API server serves them: what it refuses, what it fills in, what it throws away, what it shows."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tests.support.cluster import CRDS, encode

from trimtab.api.application import Application, ApplicationSpec, Helm, Source, ValuesFrom
from trimtab.api.crds import definitions
from trimtab.api.meta import KeyRef, ObjectMeta, decode
from trimtab.api.repository import RepositoryRef
from trimtab.cli.crds import apply_definitions
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.errors import InvalidError
from trimtab.cluster.resources import Resource
from trimtab.controllers.own import APPLICATIONS, REPOSITORIES

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
Json = dict[str, Any]


@pytest.fixture
async def served(cluster: Client) -> Client:
    """A client on a control plane that serves our kinds."""
    await apply_definitions(cluster)
    return cluster


def source(**more: Any) -> Json:
    """A source of an Application."""
    return {"repositoryRef": {"name": "fleet"}, **more}


def repository(**spec: Any) -> Json:
    """A Repository's manifest."""
    return manifest("Repository", {"url": "https://git.example.com/fleet.git", **spec})


def application(*sources: Json, **spec: Any) -> Json:
    """An Application's manifest."""
    return manifest("Application", {"sources": list(sources), **spec})


def manifest(kind: str, spec: Json) -> Json:
    """A manifest of ours."""
    return {"apiVersion": "trimtab.dev/v1alpha1", "kind": kind, "metadata": {"name": "a"}, "spec": spec}


def resource_of(body: Json) -> Resource:
    """Where it is served."""
    return APPLICATIONS if body["kind"] == "Application" else REPOSITORIES


async def create(client: Client, namespace: str, body: Json) -> Json:
    """The object as the server made it of that."""
    made: Json = json.loads(await objects.create(client, resource_of(body), namespace, encode(body)))
    return made


REFUSED = [
    (repository(ref={"branch": "main", "tag": "v1"}), "name one of branch, tag, commit and semver, not several"),
    (repository(ref={"commit": "1" * 40, "semver": ">=1"}), "name one of branch, tag, commit and semver, not several"),
    (repository(interval="soon"), "spec.interval"),
    (repository(url=""), "spec.url"),
    (manifest("Repository", {}), "spec.url: Required value"),
    (application(), "spec.sources"),
    (application(source(), source()), "with several sources, give each a name of its own"),
    (application(source(name="a"), source(name="a")), "with several sources, give each a name of its own"),
    (application(source(name="a"), source()), "with several sources, give each a name of its own"),
    (application(source(helm={}, kustomize={})), "give parameters for one renderer, not several"),
    (application(source(jsonnet={}, directory={})), "give parameters for one renderer, not several"),
    (application(source(helm={"valuesFrom": [{}]})), "name exactly one of fileRef, configMapKeyRef and secretKeyRef"),
    (
        application(source(helm={"valuesFrom": [{"secretKeyRef": {"name": "s"}, "configMapKeyRef": {"name": "c"}}]})),
        "name exactly one of fileRef, configMapKeyRef and secretKeyRef",
    ),
    (application(source(kind="Ansible")), 'Unsupported value: "Ansible"'),
    (application(source(), sync={"mode": "auto"}), 'Unsupported value: "auto"'),
    (application(source(), sync={"prune": {"budget": {"maxPercent": 101}}}), "less than or equal to 100"),
    (application(source(), health={"timeout": "5 minutes"}), "spec.health.timeout"),
    (application(*[source(name=f"s{i}") for i in range(33)]), "must have at most 32 items"),
    (application(source(path="p" * 1025)), "may not be more than 1024"),
]


@pytest.mark.parametrize(("body", "sentence"), REFUSED, ids=[f"{i}-{b['kind']}" for i, (b, _) in enumerate(REFUSED)])
async def test_a_contradiction_is_refused_when_it_is_written(served: Client, namespace: str, body: Json, sentence: str) -> None:
    """Not minutes later by a status that nobody reads."""
    with pytest.raises(InvalidError) as caught:
        await create(served, namespace, body)
    assert sentence in f"{caught.value} {caught.value.detail}"


ACCEPTED = [
    repository(),
    repository(ref={"semver": ">=1.0.0 <2.0.0"}, interval="1m30s", secretRef={"name": "s"}),
    application(source()),
    application(source(name="a", helm={"values": {"deep": {"er": [1, "x", None]}}}), source(name="b", path="extras")),
    application(*[source(name=f"s{i}") for i in range(32)]),
    application(source(helm={"valuesFrom": [{"fileRef": {"path": "values.yaml"}}]})),
    application(source(kustomize={"images": ["a=b:1"]}), suspend={"reason": "r", "until": "2027-01-31T00:00:00Z"}),
]


@pytest.mark.parametrize("body", ACCEPTED, ids=[f"{i}-{b['kind']}" for i, b in enumerate(ACCEPTED)])
async def test_what_is_right_passes_and_is_kept_as_it_was_written(served: Client, namespace: str, body: Json) -> None:
    """The widest that the schema says, too; Helm's free values stay whole."""
    made = await create(served, namespace, body)
    assert contains(made["spec"], body["spec"])


def contains(whole: Any, part: Any) -> bool:
    """Whether `part` stands in `whole`, where defaults may have been filled in."""
    match part:
        case dict():
            return all(k in whole and contains(whole[k], v) for k, v in part.items())
        case list():
            return len(whole) == len(part) and all(map(contains, whole, part))
        case _:
            return bool(whole == part)


async def test_definitions_are_accepted_as_structural(served: Client) -> None:
    """The server itself judges them: established, and nothing to complain about."""
    for definition in definitions():
        live = await objects.get_json(served, CRDS, "", definition["metadata"]["name"])
        states = {c["type"]: c["status"] for c in live["status"]["conditions"]}
        assert (states["Established"], states["NamesAccepted"], states.get("NonStructuralSchema", "False")) == ("True", "True", "False")


async def test_defaults_are_shown(served: Client, namespace: str) -> None:
    """`kubectl get -o yaml` tells what holds, within each part that was written."""
    fleet = await create(served, namespace, repository())
    made = await create(served, namespace, application(source(), sync={}, health={}))
    assert (fleet["spec"]["interval"], fleet["spec"]["timeout"]) == ("1m", "1m")
    assert (made["spec"]["sources"][0]["kind"], made["spec"]["sync"]["mode"], made["spec"]["health"]["timeout"]) == ("Auto", "Auto", "5m")
    assert made["spec"]["deletionPolicy"] == "Delete"


async def test_defaults_of_the_server_are_those_of_the_program(served: Client, namespace: str) -> None:
    """An Application means the same whether it went through a server or not (`trimtab plan` reads it from a file)."""
    body = application(source(helm={}), sync={"prune": {"budget": {}}}, health={}, destination={})
    made = await create(served, namespace, body)
    assert decode(Application, encode(made)).spec == decode(Application, encode(body)).spec


async def test_unknown_fields_are_thrown_away(served: Client, namespace: str) -> None:
    """A typing error is pruned (and kubectl warns of it), never kept as if it had a meaning."""
    made = await create(served, namespace, repository(intervall="5m"))
    assert "intervall" not in made["spec"]


async def test_a_whole_application_survives_the_server(served: Client, namespace: str) -> None:
    """Written from the Struct, read back into it: the same."""
    values = [ValuesFrom(secret_key_ref=KeyRef("s", "k", optional=True))]
    spec = ApplicationSpec([Source(RepositoryRef("fleet"), "apps", helm=Helm("r", ["v.yaml"], values, {"a": {"b": 1.5}}))])
    body = msgspec.to_builtins(Application(ObjectMeta(name="a"), spec)) | {"apiVersion": "trimtab.dev/v1alpha1", "kind": "Application"}
    made = await create(served, namespace, body)
    assert decode(Application, encode(made)).spec == spec


async def test_status_is_written_through_its_own_door(served: Client, namespace: str) -> None:
    """Who may write an Application does not thereby write what was seen of it."""
    made = await create(served, namespace, application(source()) | {"status": {"synced": "Equal"}})
    assert "status" not in made


@pytest.mark.parametrize(
    ("resource", "columns"),
    [
        (APPLICATIONS, ["Name", "Synced", "Health", "Ready", "Objects", "Message", "Age"]),
        (REPOSITORIES, ["Name", "URL", "Revision", "Commit", "Ready", "Age"]),
    ],
)
async def test_kubectl_shows_the_columns_that_matter(served: Client, namespace: str, resource: Resource, columns: list[str]) -> None:
    """As the server prints them; those with a priority are for `-o wide`."""
    await create(served, namespace, repository() if resource is REPOSITORIES else application(source()))
    table = json.loads(await objects.get(served, resource, namespace, "a", accept=TABLE))
    assert [column["name"] for column in table["columnDefinitions"]] == columns
    assert [c["name"] for c in table["columnDefinitions"] if c["priority"]] == [c for c in columns if c in {"Message", "Commit"}]


async def test_short_names_do_not_collide_with_those_of_other_tools(served: Client) -> None:
    """`tapp` and `trepo`, and `kubectl get trimtab` for all of ours."""
    answer = json.loads((await served.request("GET", "/apis/trimtab.dev/v1alpha1")).body)
    kinds = {r["kind"]: (r["shortNames"], r["categories"]) for r in answer["resources"] if "/" not in r["name"]}
    assert kinds == {"Application": (["tapp"], ["trimtab"]), "Repository": (["trepo"], ["trimtab"])}
