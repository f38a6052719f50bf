"""`trimtab render`: what a folder renders to, without a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.commandline import chart, folder, trimtab

HOOKED = """\
apiVersion: v1
kind: Pod
metadata: {name: check, annotations: {helm.sh/hook: test}}
spec: {containers: [{name: a, image: a:1}]}
"""


def config_map(name: str, **more: Any) -> str:
    """A manifest."""
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": more})


def data(answer: Any) -> dict[str, Any]:
    """The first object's data."""
    found: dict[str, Any] = answer.json[0]["data"]
    return found


def test_objects_come_in_apply_order(tmp_path: Path) -> None:
    """`-o json` is an array: namespaces first, definitions before their instances, webhooks last."""
    kinds = {
        "a.yaml": "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: w}}",
        "b.yaml": "{apiVersion: shop.example.com/v1, kind: Till, metadata: {name: t, namespace: team}}",
        "c.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: team}}",
        "d.yaml": "{apiVersion: v1, kind: Namespace, metadata: {name: team}}",
        "e.yaml": "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: tills.shop.example.com}, spec: "
        "{group: shop.example.com, scope: Namespaced, names: {kind: Till, plural: tills}, versions: [{name: v1}]}}",
    }
    found = [o["kind"] for o in trimtab("render", folder(tmp_path, kinds), "-o", "json").json]
    assert found.index("Namespace") < found.index("ConfigMap")
    assert found.index("CustomResourceDefinition") < found.index("Till")
    assert found[-1] == "ValidatingWebhookConfiguration"


def test_waves_come_in_their_order(tmp_path: Path) -> None:
    """An explicit wave rules the order."""
    late = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","annotations":{"trimtab.dev/wave":"2"}}}'
    answer = trimtab("render", folder(tmp_path, {"a.yaml": late, "b.yaml": config_map("b")}), "-o", "name")
    assert answer.out == "configmap/b\nconfigmap/a\n"


def test_objects_are_bare(tmp_path: Path) -> None:
    """No owner, no label of ours, and no namespace that the manifest does not name."""
    answer = trimtab("render", folder(tmp_path, {"a.yaml": config_map("a", k="v")}), "-n", "elsewhere", "-o", "json")
    assert answer.json == [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}]


def test_helm_values_in_helms_order(tmp_path: Path) -> None:
    """The chart's values, then files from anywhere in their order, then `--set`, then `--set-string`."""
    made = chart(tmp_path / "chart", {"a.yaml": config_map("a").replace("{}", "{{ toJson .Values }}")}, "a: 1\nb: 1\nc: 1\nd: 1\ne: 1\n")
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("b: 2\nc: 2\nd: 2\ne: 2\n")
    two.write_text("c: 3\nd: 3\ne: 3\n")
    answer = trimtab("render", made, "-f", one, "-f", two, "--set", "d=4,e=4", "--set", "x[0].y=z", "--set-string", "e=5", "-o", "json")
    assert data(answer) == {"a": 1, "b": 2, "c": 3, "d": 4, "e": "5", "x": [{"y": "z"}]}


def test_helm_release(tmp_path: Path) -> None:
    """`--name` and `--namespace` are the release's; without a name it is the folder's."""
    made = chart(tmp_path / "till", {"a.yaml": config_map("a", r="{{ .Release.Name }}/{{ .Release.Namespace }}")})
    assert data(trimtab("render", made, "-o", "json")) == {"r": "till/default"}
    assert data(trimtab("render", made, "-o", "json", "--name", "x", "--namespace", "y")) == {"r": "x/y"}


def test_helm_capabilities(tmp_path: Path) -> None:
    """Without a cluster a chart asks a plain one of the current version; flags say otherwise."""
    asks = "{{ .KubeVersion }} {{ .APIVersions.Has `batch/v1/CronJob` }} {{ .APIVersions.Has `x.y/v1` }}"
    made = chart(tmp_path, {"a.yaml": "{{ with .Capabilities }}" + config_map("a", q=asks) + "{{ end }}"})
    plain = data(trimtab("render", made, "-o", "json"))["q"].split()
    assert plain[0].startswith("v1.")
    assert plain[1:] == ["true", "false"]
    told = trimtab("render", made, "-o", "json", "--kube-version", "v1.99.0", "--api-versions", "x.y/v1")
    assert data(told)["q"] == "v1.99.0 true true"


def test_hooks_only_when_asked_for(tmp_path: Path) -> None:
    """A hook is not applied, so it is not printed, and that is said; `--include-hooks` prints it last."""
    made = chart(tmp_path, {"hook.yaml": HOOKED, "a.yaml": config_map("a")})
    without = trimtab("render", made, "-o", "name")
    assert without.out == "configmap/a\n"
    assert "hook.yaml" in without.err
    assert "not applied" in without.err
    assert trimtab("render", made, "-o", "name", "--include-hooks") == (0, "configmap/a\npod/check\n", "")


def test_helm_definitions_can_be_left_out(tmp_path: Path) -> None:
    """`crds/` is rendered unless it is said not to."""
    crd = "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: a.b}}"
    made = chart(tmp_path, {"a.yaml": config_map("a")}, **{"crds/x.yaml": crd})
    assert "customresourcedefinition" in trimtab("render", made, "-o", "name").out
    assert "customresourcedefinition" not in trimtab("render", made, "-o", "name", "--no-include-crds").out


def test_jsonnet_variables_and_libraries(tmp_path: Path) -> None:
    """External variables, top-level arguments, and a library folder."""
    main = (
        "local lib = import 'lib.libsonnet'; function(a, b) {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'a'},"
        " data: {a: a, b: b, c: std.extVar('c'), d: std.extVar('d'), e: lib.e}}"
    )
    made = folder(tmp_path, {"main.jsonnet": main, "vendor/lib.libsonnet": "{e: 5}"})
    flags = ["--tla-str", "a=1", "--tla-code", "b=1+1", "--ext-str", "c=3=3", "--ext-code", "d=[4]", "-J", "vendor"]
    assert data(trimtab("render", made, "-o", "json", *flags)) == {"a": "1", "b": 2, "c": "3=3", "d": [4], "e": 5}


def test_plain_folders(tmp_path: Path) -> None:
    """Subfolders only when asked for; globs choose."""
    made = folder(tmp_path, {"a.yaml": config_map("a"), "sub/b.yaml": config_map("b"), "sub/c.yaml": config_map("c")})
    assert trimtab("render", made, "-o", "name").out.split() == ["configmap/a"]
    assert trimtab("render", made, "-o", "name", "--recurse", "--exclude", "sub/c*").out.split() == ["configmap/a", "configmap/b"]
    assert trimtab("render", made, "-o", "name", "--recurse", "--include", "sub/*").out.split() == ["configmap/b", "configmap/c"]


def test_a_base_above_the_folder_is_read(tmp_path: Path) -> None:
    """The work tree around a folder belongs to it."""
    (tmp_path / ".git").mkdir()
    files = {
        "base/kustomization.yaml": "resources: [a.yaml]\n",
        "base/a.yaml": config_map("a"),
        "overlays/x/kustomization.yaml": "resources: [../../base]\nnamePrefix: x-\n",
    }
    folder(tmp_path, files)
    assert trimtab("render", tmp_path / "overlays/x", "-o", "name").out == "configmap/x-a\n"


@pytest.mark.parametrize(
    ("files", "flags", "told"),
    [
        pytest.param({}, ["--set", "a=1", "--recurse"], "for Helm and Plain", id="flags for two renderers"),
        pytest.param({}, ["--set", "a=1", "--kind", "Jsonnet"], "--kind is Jsonnet", id="flags for another kind"),
        pytest.param({}, ["--ext-str", "a"], "takes NAME=VALUE, found 'a'", id="a variable without a value"),
        pytest.param({}, ["--timeout", "soon"], "'soon' is not a duration", id="no duration"),
        pytest.param({}, ["-f", "/nowhere.yaml"], "/nowhere.yaml", id="no such values file"),
        pytest.param({"a.yaml": "a: [1\n"}, [], "a.yaml:", id="broken YAML"),
        pytest.param({"Chart.yaml": "name: [", "main.jsonnet": "{}"}, [], "say which by --kind", id="two kinds"),
    ],
)
def test_errors_are_one_sentence(tmp_path: Path, files: dict[str, str], flags: list[str], told: str) -> None:
    """What, where, how to mend; exit status 1, nothing on standard output, and never a traceback."""
    answer = trimtab("render", folder(tmp_path, files), *flags)
    assert answer.status == 1
    assert not answer.out
    assert answer.err.startswith("✗ ")
    assert told in answer.err
    assert answer.err.count("\n") == 1


def test_a_template_error_names_its_line(tmp_path: Path) -> None:
    """The file always, the line where it is known."""
    made = chart(tmp_path, {"a.yaml": "a: 1\nb: {{ fail `no till` }}\n"})
    answer = trimtab("render", made)
    assert answer.status == 1
    assert "templates/a.yaml:2" in answer.err
    assert "no till" in answer.err


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """It is named."""
    answer = trimtab("render", tmp_path / "gone")
    assert answer == (1, "", f"✗ There is no folder '{tmp_path}/gone'.\n")


def test_an_endless_render_is_stopped(tmp_path: Path) -> None:
    """`--timeout` bounds it, and the sentence says what to try."""
    made = chart(tmp_path, {"endless.yaml": "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"})
    answer = trimtab("render", made, "--timeout", "500ms")
    assert answer.status == 1
    assert "stopped after 0.5 s" in answer.err
    assert "--timeout 60s" in answer.err


def test_an_unusable_object_is_named_and_the_others_printed(tmp_path: Path) -> None:
    """One object without a name spoils no other; the exit status tells."""
    made = folder(tmp_path, {"a.yaml": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}', "b.yaml": config_map("b")})
    answer = trimtab("render", made, "-o", "name")
    assert (answer.status, answer.out) == (1, "configmap/b\n")
    assert "a.yaml" in answer.err
