from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.render.trees import ask

from trimtab.api.application import Source
from trimtab.core.errors import InputError
from trimtab.render.request import from_elsewhere, parameters_for

pytestmark = pytest.mark.fast


def _source(**fields: Any) -> Source:
    return msgspec.convert({"repositoryRef": {"name": "fleet"}, "path": "app", **fields}, Source)


def test_a_source_without_parameters_has_none() -> None:
    """Eleven lines are enough for an Application."""
    assert parameters_for(_source(), application="podinfo") == {}


def test_helm_values_keep_their_order_and_their_place() -> None:
    """valueFiles, then valuesFrom in order: files of the same repository by path, all else as content."""
    helm = {
        "valueFiles": ["values-prod.yaml"],
        "valuesFrom": [
            {"configMapKeyRef": {"name": "base"}},
            {"fileRef": {"path": "values/app.yaml", "optional": True}},
            {"fileRef": {"path": "x.yaml", "repositoryRef": {"name": "other"}}},
        ],
        "values": {"a": 1},
    }
    given = _source(helm=helm)
    assert len(from_elsewhere(given)) == 2
    assert parameters_for(given, application="podinfo", values=[("ConfigMap base", "b: 1"), ("other:x.yaml", "c: 1")]) == {
        "releaseName": "podinfo",
        "values": {"a": 1},
        "valuesFrom": [
            {"path": "values-prod.yaml"},
            {"name": "ConfigMap base", "content": "b: 1"},
            {"path": "/values/app.yaml", "optional": True},
            {"name": "other:x.yaml", "content": "c: 1"},
        ],
        "crds": "Include",
        "skipSchemaValidation": False,
    }


def test_a_file_of_the_sources_own_repository_may_name_it() -> None:
    """A reference to the same Repository, spelt out, is the same as none."""
    helm = {"valuesFrom": [{"fileRef": {"path": "x.yaml", "repositoryRef": {"name": "fleet"}}}]}
    assert from_elsewhere(_source(helm=helm)) == ()


def test_kustomize_parameters_use_the_protocols_names() -> None:
    """What is not given is not sent."""
    kustomize = {"namePrefix": "eu-", "replicas": [{"name": "web", "count": 3}], "patches": [{"patch": "p", "target": {"kind": "Service"}}]}
    assert parameters_for(_source(kustomize=kustomize), application="a") == kustomize


def test_parameters_of_two_renderers_are_refused() -> None:
    """The sentence names both."""
    with pytest.raises(InputError, match="Helm and Kustomize"):
        parameters_for(_source(helm={"values": {"a": 1}}, kustomize={"namePrefix": "x"}), application="a")


def test_parameters_of_another_kind_are_refused() -> None:
    """A source of kind Plain with Helm values would silently ignore them."""
    with pytest.raises(InputError, match="kind is Plain, but parameters for Helm"):
        parameters_for(_source(kind="Plain", helm={"values": {"a": 1}}), application="a")


def test_a_request_shows_neither_parameters_nor_seed() -> None:
    """A repr may end in a log."""
    shown = repr(ask("1" * 40, parameters={"values": {"password": "hunter2"}}))
    assert "hunter2" not in shown
    assert "seed" not in shown
