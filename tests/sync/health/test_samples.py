"""Every kind, with samples of sickness and of health.

The statuses in `samples/` were written by Kubernetes 1.34; those that a cluster of fakes cannot bring about (an eviction, a failing
disk) are such a sample with the field changed that makes the difference, as the API's documentation spells it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from trimtab.sync.health import Health, assess, rules
from trimtab.sync.health.fields import text
from trimtab.sync.health.kinds import FUNCTIONS, group_of

pytestmark = pytest.mark.fast


class Sample(msgspec.Struct, forbid_unknown_fields=True):
    """An object, and what is to be said of it."""

    case: str
    status: str
    reason: str
    message: str
    object: dict[str, Any]


SAMPLES: dict[str, list[Sample]] = {
    path.stem: msgspec.json.decode(path.read_bytes(), type=list[Sample])
    for path in sorted(Path(__file__).parent.joinpath("samples").glob("*.json"))
}
CASES = [(name, sample) for name, samples in SAMPLES.items() for sample in samples]


@pytest.mark.parametrize(("name", "sample"), CASES, ids=[f"{name}: {sample.case}" for name, sample in CASES])
def test_the_health_of_a_sample(name: str, sample: Sample) -> None:
    """Status, reason and the sentence are as written beside the sample."""
    assert name in {text(sample.object, "kind"), "Convention", "WithoutStatus"}
    assert assess(sample.object) == Health(sample.status, sample.reason, sample.message)  # type: ignore[arg-type]  # a table holds plain strings


def test_each_kind_has_samples_of_both_sorts() -> None:
    """A kind that can be judged in two ways is shown in both; one that exists or does not is shown healthy."""
    shown = {kind: {sample.status for sample in samples} for kind, samples in SAMPLES.items()}
    kinds = {kind for _, kind in FUNCTIONS} | {kind for _, kind in rules.table() if kind != rules.ANY}
    assert kinds <= shown.keys()
    always = {"Ingress", "ResourceClaim"}
    assert all("Healthy" in shown[kind] and (kind in always or len(shown[kind]) > 1) for kind in kinds)


ROWS = [(key, index) for key, rule in rules.table().items() for index in range(len(rule.checks) + 1)]


@pytest.mark.parametrize(("key", "index"), ROWS, ids=[f"{kind} {index}" for (_, kind), index in ROWS])
def test_each_row_of_a_rule_decides_a_sample(key: tuple[str, str], index: int) -> None:
    """A check that no sample reaches may be one that can never hold; the last index is `otherwise`."""
    rule = rules.table()[key]
    row = rule.checks[index] if index < len(rule.checks) else None
    mine = [sample.object for _, sample in CASES if key[1] in {rules.ANY, text(sample.object, "kind")}]
    assert any(rules.first(rule, live) is row for live in mine if key[1] == rules.ANY or group_of(live) == key[0])
