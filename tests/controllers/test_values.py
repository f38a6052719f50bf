"""Values from elsewhere, and several sources: their change wakes the application, and nothing secret is shown."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.support.fleet import CONFIG_MAPS, SECRETS, Fleet, config_map

from trimtab.cluster import objects

CHART = {
    "charts/c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
    "charts/c/values.yaml": "word: chart\n",
    "charts/c/templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\n"
    "metadata:\n  name: {{ .Release.Name }}\ndata:\n  word: {{ .Values.word }}\n",
}


async def _keep(fleet: Fleet, word: str, *, secret: bool = False) -> None:
    text = f"word: {word}\n"
    data = {"values.yaml": base64.b64encode(text.encode()).decode() if secret else text}
    kind = "Secret" if secret else "ConfigMap"
    body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "values"}, "data": data}
    resource = SECRETS if secret else CONFIG_MAPS
    await objects.apply(fleet.admin, resource, fleet.control, "values", json.dumps(body).encode(), manager="kubectl", force=True)


def _source(**helm: Any) -> list[Any]:
    return [{"repositoryRef": {"name": "fleet"}, "path": "charts/c", "helm": helm}]


async def test_later_values_win(fleet: Fleet) -> None:
    """Chart defaults, then files, then ConfigMaps and Secrets in their order, then what the Application says."""
    await fleet.push({**CHART, "values/prod.yaml": "word: file\n"})
    await _keep(fleet, "configmap")
    await fleet.application("a", sources=_source(valuesFrom=[{"fileRef": {"path": "values/prod.yaml"}}]))
    await fleet.until_data("a", {"word": "file"})
    both: list[dict[str, Any]] = [{"fileRef": {"path": "values/prod.yaml"}}, {"configMapKeyRef": {"name": "values"}}]
    await fleet.application("a", sources=_source(valuesFrom=both))
    await fleet.until_data("a", {"word": "configmap"})
    await fleet.application("a", sources=_source(valuesFrom=both, values={"word": "inline"}))
    await fleet.until_data("a", {"word": "inline"})


async def test_a_changed_config_map_wakes_the_application(fleet: Fleet) -> None:
    """Nobody has to push for it."""
    await fleet.push(CHART)
    await _keep(fleet, "one")
    await fleet.application("a", sources=_source(valuesFrom=[{"configMapKeyRef": {"name": "values"}}]))
    await fleet.until_data("a", {"word": "one"})
    await _keep(fleet, "two")
    await fleet.until_data("a", {"word": "two"})


async def test_a_secrets_values_are_used_and_not_shown(fleet: Fleet) -> None:
    """Neither the status nor the application's digests tell them."""
    await fleet.push(CHART)
    await _keep(fleet, "hunter2", secret=True)
    await fleet.application("a", sources=_source(valuesFrom=[{"secretKeyRef": {"name": "values"}}]))
    await fleet.until_data("a", {"word": "hunter2"})
    await fleet.settled("a")
    assert "hunter2" not in json.dumps(await fleet.status("a"))


async def test_a_missing_secret_is_named(fleet: Fleet) -> None:
    """On that application alone; it goes on when the Secret comes."""
    await fleet.push(CHART)
    await fleet.application("a", sources=_source(valuesFrom=[{"secretKeyRef": {"name": "values"}}]))
    status = await fleet.settled("a", "Failed", "Unknown")
    assert f"Secret {fleet.control}/values, which valuesFrom names, does not exist." in status["message"]
    await _keep(fleet, "here", secret=True)
    await fleet.until_data("a", {"word": "here"})


async def test_several_sources_become_one_set(fleet: Fleet) -> None:
    """One application, one inventory, one status."""
    await fleet.push({**CHART, "extras/e.yaml": config_map("extra", k="1")})
    sources: list[dict[str, Any]] = [
        {"name": "chart", **_source()[0]},
        {"name": "extras", "repositoryRef": {"name": "fleet"}, "path": "extras"},
    ]
    await fleet.application("a", sources=sources)
    status = await fleet.settled("a")
    assert status["counts"]["objects"] == 2
    await fleet.until_data("extra", {"k": "1"})
