"""Helm and Kustomize output equals the reference binaries', object by object and in order.

Helm (charts/): *values* (precedence of values.yaml, -f, inline, set, set-string, set-json, set-file, set-literal; null; types),
*dependencies* (condition, tags, alias, import-values, exports, subcharts as folders and as .tgz), *globals* (down two levels, null in a
parent), *templates* (named templates, include, tpl, range, with, nindent, break and continue), *library* charts, *files* (.Files,
globs, .helmignore), *capabilities*, *hooks* (and tests skipped), *crds* (and skipped), *schema* (kept and broken), *notes*, *lookup*,
*required* and fail, *order* (install order, many documents), *release* (.Release, .Chart, .Template), *functions* (some 130 of them),
*scalars*, *oddities* (lists, JSON, anchors, CRLF), *old* (v1 charts with requirements.yaml), *created* (by `helm create`), *podinfo*.

Kustomize (overlays/): *images*, *patches* (strategic merge, JSON 6902, targets by selector, delete, rename), *replacements*,
*components*, *generators* (hashes, merge, replace, envs, files, binary, immutable), *configurations* and crds, *vars*, *labels*,
*common-labels*, *prefix-suffix*, *namespace*, *replicas*, *openapi* (and none after it), *helm-charts* (vendored), *levels* (bases three
deep), *old-fields*, *metadata*, *order*, *transformers* (built-in), *scalars*, *ten*, errors of both sides (*missing*, *duplicate*,
*unknown-field*), our own parameters against an overlay that says the same, and *podinfo*.

differences.json lists every difference that is allowed, with its reason. Each must really occur, or the list is out of date.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from tests.render import reference
from tests.render.reference import Reference, RefusedByReferenceError
from tests.render.trees import CAPABILITIES, Objects, ask, from_disk

from trimtab.render.errors import RenderFailedError
from trimtab.render.pool import Pool
from trimtab.render.request import Kind
from trimtab.render.result import Rendered

HERE = Path(__file__).parent

# Charts and what they are rendered with; `refused` where both sides must refuse.
HELM: list[tuple[str, dict[str, Any]]] = [
    ("values", {}),
    ("values", {"valuesFrom": [{"path": "one.yaml"}, {"path": "two.yaml"}]}),
    (
        "values",
        {"valuesFrom": [{"path": "two.yaml"}, {"path": "one.yaml"}], "values": {"list": [], "nested": {"deep": None}, "added": {"a": 1}}},
    ),
    (
        "values",
        {
            "set": [
                "replicas=5",
                "list={x,y}",
                "nested.deep.z=true",
                "nested.drop=null",
                "list2[1].a=b",
                r"a\.b=c",
                "big=9007199254740993",
                "oct=007",
            ],
            "setString": ["text=008", "flag=true", "replicas=6"],
            "setJson": ['nested.json={"a":[1,null,"x"]}', "list=[1]"],
            "setFile": ["file=payload.txt"],
            "setLiteral": ["literal=a,b={c}"],
        },
    ),
    ("dependencies", {}),
    ("dependencies", {"set": ["database.enabled=false", "tags.fast=true", "sessions.enabled=false", "global.region=us"]}),
    ("globals", {}),
    ("globals", {"values": {"global": {"shared": {"x": None, "z": 3}}, "child": {"grandchild": {"own": None}}}}),
    ("templates", {}),
    ("templates", {"values": {"annotations": {"a": "b"}, "ports": [], "labels": None}}),
    ("library", {}),
    ("files", {}),
    ("capabilities", {}),
    ("hooks", {}),
    ("hooks", {"skipTests": True}),
    ("crds", {}),
    ("crds", {"crds": "Skip"}),
    ("schema", {}),
    ("schema", {"set": ["replicas=three"], "refused": True}),
    ("schema", {"set": ["replicas=three"], "skipSchemaValidation": True}),
    ("notes", {}),
    ("lookup", {}),
    ("required", {"refused": True}),
    ("required", {"set": ["host=h"]}),
    ("required", {"set": ["host=h", "broken=true"], "refused": True}),
    ("order", {}),
    ("release", {"releaseName": "another"}),
    ("functions", {}),
    ("scalars", {}),
    ("oddities", {}),
    ("old", {}),
    ("old", {"set": ["part.enabled=false"]}),
    ("created", {}),
    (
        "created",
        {
            "values": {
                "autoscaling": {"enabled": True, "targetMemoryUtilizationPercentage": 70},
                "ingress": {"enabled": True, "tls": [{"secretName": "t", "hosts": ["h"]}]},
                "podAnnotations": {"a": "b"},
                "fullnameOverride": "full",
                "serviceAccount": {"create": False},
            }
        },
    ),
    ("podinfo", {"skipTests": True}),
    ("podinfo", {}),
    ("podinfo", {"skipTests": True, "valuesFrom": [{"path": "values-prod.yaml"}]}),
    (
        "podinfo",
        {
            "skipTests": True,
            "set": [
                "replicaCount=3",
                "hpa.enabled=true",
                "ingress.enabled=true",
                "serviceMonitor.enabled=true",
                "redis.enabled=true",
                "linkerd.profile.enabled=true",
                "certificate.create=true",
                "tls.enabled=true",
                "podDisruptionBudget.minAvailable=1",
                "service.type=NodePort",
                "serviceAccount.enabled=true",
            ],
        },
    ),
]

KUSTOMIZE = [*sorted(path.parent.name for path in (HERE / "overlays").glob("*/kustomization.yaml")), "podinfo"]

REFUSED_OVERLAYS = {"missing", "duplicate", "unknown-field"}

PARAMETERS: list[dict[str, Any]] = [
    {"images": ["example.com/web=registry.internal/web:3.0", "init:v2", "example.com:5000/side@sha256:cccc"]},
    {"namePrefix": "p-", "nameSuffix": "-s", "namespace": "elsewhere"},
    {"labels": {"a": "b"}, "annotations": {"c": "d"}},
    {"replicas": [{"name": "web", "count": 9}]},
    {"patches": [{"patch": '[{"op":"replace","path":"/spec/replicas","value":2}]', "target": {"kind": "Deployment"}}]},
    {"patches": [{"patch": "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: NodePort}\n"}]},
    {"components": ["../components/component"]},
]


class Difference(Struct, frozen=True):
    """One allowed difference: in which case, of which object (`Kind name`, `*` for what is random), where (a JSON pointer), and why."""

    case: str
    object: str
    pointer: str
    why: str


class Seen(Struct, frozen=True):
    """An object as one side gave it."""

    name: str
    body: Any


ALLOWED = msgspec.json.decode((HERE / "differences.json").read_bytes(), type=list[Difference])


OCCURRED: set[tuple[str, str, str]] = set()
"""The differences met by the tests of this run: case, object, pointer."""


@pytest.fixture(scope="session")
def oracle() -> Reference:
    """The reference binaries."""
    return reference.unpack()


@pytest.mark.parametrize(("name", "parameters"), HELM, ids=[f"{name}-{number}" for number, (name, _) in enumerate(HELM)])
async def test_helm_equals_the_reference(pool: Pool, oracle: Reference, tmp_path: Path, name: str, parameters: dict[str, Any]) -> None:
    """`helm template` with the same parameters gives the same objects in the same order, or refuses as we do."""
    refused = parameters.get("refused", False)
    folder = _chart(oracle, tmp_path, name)
    ours = await _ours(pool, tmp_path, folder.name, "Helm", {name: value for name, value in parameters.items() if name != "refused"})
    text = _text(lambda: oracle.template(folder, parameters, release="demo", namespace="space", api_versions=CAPABILITIES.api_versions))
    assert (text is None) == refused
    await _compare(f"helm/{name}", ours, text, pool)


@pytest.mark.parametrize("name", KUSTOMIZE)
async def test_kustomize_equals_the_reference(pool: Pool, oracle: Reference, tmp_path: Path, name: str) -> None:
    """`kubectl kustomize` gives the same objects in the same order, or refuses as we do."""
    folder = _overlays(tmp_path, name)
    ours = await _ours(pool, tmp_path, name, "Kustomize", {})
    text = _text(lambda: oracle.build(folder))
    assert (text is None) == (name in REFUSED_OVERLAYS)
    await _compare(f"kustomize/{name}", ours, text, pool)


@pytest.mark.parametrize("parameters", PARAMETERS, ids=[",".join(parameters) for parameters in PARAMETERS])
async def test_kustomize_parameters_equal_an_overlay(pool: Pool, oracle: Reference, tmp_path: Path, parameters: dict[str, Any]) -> None:
    """Each parameter means what the kustomization field of that name means."""
    folder = _overlays(tmp_path, "common")
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(json.dumps(_as_overlay(parameters)), encoding="utf-8")
    ours = await _ours(pool, tmp_path, folder.name, "Kustomize", parameters)
    await _compare("kustomize/parameters", ours, oracle.build(overlay), pool)


def test_every_allowed_difference_has_a_reason_and_occurred(request: pytest.FixtureRequest) -> None:
    """Runs last in this file; a list that nobody prunes would hide the next difference."""
    assert all(len(one.why) > 20 for one in ALLOWED)
    if request.session.testscollected >= len(HELM) + len(KUSTOMIZE) + len(PARAMETERS):
        assert {(one.case, one.object, one.pointer) for one in ALLOWED} <= OCCURRED


def _chart(oracle: Reference, place: Path, name: str) -> Path:
    """A chart's folder in `place`, its packed subcharts packed."""
    if name == "created":
        return oracle.create(place, name)
    source = reference.podinfo() / "charts" / "podinfo" if name == "podinfo" else HERE / "charts" / name
    folder = Path(shutil.copytree(source, place / name, copy_function=shutil.copyfile))
    for packed in folder.glob("packed/*"):
        with tarfile.open(folder / "charts" / f"{packed.name}-1.0.3.tgz", "w:gz") as tar:
            tar.add(packed, arcname=packed.name)
    shutil.rmtree(folder / "packed", ignore_errors=True)
    return folder


def _overlays(place: Path, name: str) -> Path:
    """All overlays in `place`, since they stand on each other; the folder of one."""
    shutil.copytree(HERE / "overlays", place, dirs_exist_ok=True)
    if name == "podinfo":
        shutil.copytree(reference.podinfo() / "kustomize", place / name, copy_function=shutil.copyfile)
    return place / name


async def _ours(pool: Pool, root: Path, path: str, kind: Kind, parameters: Mapping[str, Any]) -> Rendered | RenderFailedError:
    objects = Objects()
    request = ask(objects.tree(dict(from_disk(root))), path, kind=kind, parameters=parameters)
    try:
        return await pool.render(request, objects, who="team/demo")
    except RenderFailedError as error:
        return error


def _text(ask_reference: Callable[[], bytes]) -> bytes | None:
    """What the reference printed; None when it refused."""
    try:
        return ask_reference()
    except RefusedByReferenceError:
        return None


async def _compare(case: str, ours: Rendered | RenderFailedError, text: bytes | None, pool: Pool) -> None:
    """Both refused, or both gave the same objects in the same order, but for what is allowed in this case."""
    assert isinstance(ours, RenderFailedError) == (text is None), ours
    if text is None or isinstance(ours, RenderFailedError):
        return
    allowed = [one for one in ALLOWED if one.case == case]
    mine, theirs = _seen(ours, allowed), _seen(await pool.yaml(text), allowed)
    assert [one.name for one in mine] == [one.name for one in theirs]
    found = {(a.name, pointer) for a, b in zip(mine, theirs, strict=True) for pointer in _differences(a.body, b.body, "")}
    OCCURRED.update((case, *one) for one in found)
    assert found <= {(one.object, one.pointer) for one in allowed}


def _seen(result: Rendered, allowed: list[Difference]) -> list[Seen]:
    """The objects by name, random parts of a name made alike."""
    seen = []
    for one in result.objects:
        name = f"{one.kind} {one.namespace}/{one.name}" if one.namespace else f"{one.kind} {one.name}"
        seen.append(Seen(next((rule.object for rule in allowed if fnmatch(name, rule.object)), name), msgspec.json.decode(one.body)))
    return seen


def _differences(a: Any, b: Any, at: str) -> Iterator[str]:
    """JSON pointers of what differs."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            yield from _differences(a.get(key, ...), b.get(key, ...), f"{at}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for index, (left, right) in enumerate(zip(a, b, strict=True)):
            yield from _differences(left, right, f"{at}/{index}")
    elif a != b or type(a) is not type(b):
        yield at


def _as_overlay(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The kustomization that says the same as our parameters."""
    renamed = {**parameters, "resources": ["../common"]}
    renamed["images"] = [_image(text) for text in renamed.pop("images", ())]
    renamed["labels"] = [{"pairs": renamed["labels"]}] if "labels" in renamed else []
    renamed["commonAnnotations"] = renamed.pop("annotations", {})
    return {key: value for key, value in renamed.items() if value}


def _image(text: str) -> dict[str, str]:
    name, _, new = text.rpartition("=")
    if not name and "@" in text:
        name, _, digest = text.partition("@")
        return {"name": name, "digest": digest}
    rest, _, tag = new.rpartition(":")
    return {"name": name, "newName": rest, "newTag": tag} if name else {"name": rest, "newTag": tag}
