"""Metrics: few, named as Prometheus asks, and no series for each application."""

from __future__ import annotations

import pytest
from prometheus_client import exposition
from prometheus_client.parser import text_string_to_metric_families

from trimtab.core import metrics

pytestmark = pytest.mark.fast

UNBOUNDED = {"application", "name", "namespace", "repository", "url", "commit", "key", "object"}
"""Labels with as many values as there are resources."""


def test_every_metric_is_ours_by_name_and_says_what_it_is() -> None:
    """`trimtab_…`, each with a help text; our own registry has none of the process's defaults."""
    families = list(text_string_to_metric_families(exposition.generate_latest(metrics.REGISTRY).decode()))
    assert families
    assert all(family.name.startswith("trimtab_") and family.documentation for family in families)


def test_no_label_grows_with_the_number_of_applications() -> None:
    """10,000 applications must not mean 10,000 series."""
    collectors = list(metrics.REGISTRY._collector_to_names)
    assert not UNBOUNDED & {label for collector in collectors for label in collector._labelnames}  # type: ignore[attr-defined]


def test_seconds_are_measured_from_milliseconds_to_minutes() -> None:
    """The buckets span a local plan (5 ms) and a health timeout (5 min)."""
    bounds = metrics.RECONCILE_SECONDS._kwargs["buckets"]
    assert (bounds[0], bounds[-1]) == (0.005, 300)
