"""Health of a HorizontalPodAutoscaler (kubernetes: pkg/controller/podautoscaler/horizontal.go sets the conditions)."""

from __future__ import annotations

import msgspec

from trimtab.sync.health.fields import Object, conditions, mapping, quote, text
from trimtab.sync.health.model import Health

_V1_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
"""Where autoscaling/v1, which has no field for them, carries the conditions as JSON."""

_WRONG = frozenset({"InvalidSelector", "AmbiguousSelector", "InvalidMetricSourceType"})
"""Reasons that only a change of the object mends. The others (no metrics yet, no target yet) are usual while things start."""


def horizontal_pod_autoscaler(live: Object) -> Health:
    """An autoscaler: it scales, is switched off by zero replicas, or cannot scale. Being at a limit is no sickness."""
    known = conditions(live) or _v1_conditions(live)
    if not known:
        return Health("Progressing", "Unobserved", "its controller has not looked at it yet")
    for kind in ("AbleToScale", "ScalingActive"):
        condition = known.get(kind, {})
        if condition.get("status") == "False":
            return _unable(text(condition, "reason"), quote(text(condition, "message")))
    return Health("Healthy", "Scaling", _limit(known.get("ScalingLimited", {})) or "is scaling its target")


def _unable(reason: str, message: str) -> Health:
    if reason == "ScalingDisabled":
        return Health("Suspended", reason, "is off while its target is scaled to zero")
    return Health("Degraded" if reason in _WRONG else "Progressing", reason or "NotScaling", f"cannot scale: {message or reason}")


def _limit(condition: Object) -> str:
    return quote(text(condition, "message")) if condition.get("status") == "True" else ""


def _v1_conditions(live: Object) -> dict[str, Object]:
    try:
        items = msgspec.json.decode(text(mapping(live, "metadata", "annotations"), _V1_CONDITIONS) or "[]")
    except (msgspec.DecodeError, UnicodeError):
        return {}
    return conditions({"status": {"conditions": items}})
