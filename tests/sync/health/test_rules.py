"""Rules are data, and a mistake in one is an error that says where."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from trimtab.core.errors import InputError
from trimtab.sync.health import rules

pytestmark = pytest.mark.fast


def file(question: dict[str, Any], **check: Any) -> bytes:
    """A rule file with one check of one question."""
    row = {"when": [question], "status": "Healthy", **check}
    rule = {"kind": "Widget", "source": "example.com", "checks": [row], "otherwise": {"status": "Unknown"}}
    return msgspec.json.encode({"group": "example.com", "rules": [rule]})


def health(content: bytes, live: dict[str, Any]) -> tuple[str, str, str]:
    """What the file's one rule says of an object."""
    found = rules.apply(rules.decode(content, "rules/example.json").rules[0], live)
    return found.status, found.reason, found.message


@pytest.mark.parametrize(
    ("question", "check", "place"),
    [
        ({"conditon": "Ready", "is": ["True"]}, {}, "`conditon` - at `$.rules[0].checks[0].when[0]`"),
        ({"condition": "Ready", "is": ["True"]}, {"status": "Fine"}, "'Fine' - at `$.rules[0].checks[0].status`"),
        ({"condition": "Ready", "is": ["true"]}, {}, "True, False or Unknown"),
        ({"condition": "Ready"}, {}, "asks something"),
        ({"condition": "Ready", "field": "/a", "exists": True}, {}, "either a condition or a field"),
        ({"field": "status/phase", "exists": True}, {}, "begins with /"),
        ({"condition": "Ready", "exists": True}, {"message": "is {mesage}"}, "neither {message}"),
        ({"field": "/status/phase", "is": "Ready"}, {}, "$.rules[0].checks[0].when[0].is"),
    ],
)
def test_a_wrong_rule_names_the_file_and_the_field(question: dict[str, Any], check: dict[str, Any], place: str) -> None:
    """A typing error is told when the rule is read, never waited out until a timeout."""
    with pytest.raises(InputError) as caught:
        rules.decode(file(question, **check), "rules/example.json")
    assert "rules/example.json" in str(caught.value)
    assert place in str(caught.value)


def test_a_reason_left_out_is_the_conditions_own() -> None:
    """So is the message where the rule quotes it; a placeholder without value takes its colon along."""
    content = file({"condition": "Ready", "is": ["True"]}, message="is ready: {message}")
    live: dict[str, Any] = {"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "AllGood", "message": "Fine.\n"}]}}
    assert health(content, live) == ("Healthy", "AllGood", "is ready: Fine")
    live["status"]["conditions"][0] = {"type": "Ready", "status": "True"}
    assert health(content, live) == ("Healthy", "Healthy", "is ready")


def test_a_field_is_compared_as_it_is_written() -> None:
    """Booleans and numbers are asked for as JSON writes them; a pointer goes through lists and escaped names."""
    content = file({"field": "/spec/a~1b/1", "is": ["true", "3"]}, message="has {/spec/a~1b/1}")
    assert health(content, {"spec": {"a/b": [None, True]}}) == ("Healthy", "Healthy", "has true")
    assert health(content, {"spec": {"a/b": [None, 3]}})[2] == "has 3"
    assert health(content, {"spec": {"a/b": [None, 4]}})[0] == "Unknown"
    assert health(content, {"spec": {"a/b": []}})[0] == "Unknown"


def test_all_questions_of_a_check_must_be_answered_yes() -> None:
    """Two questions in one `when` are joined by and; reasons narrow a condition."""
    content = file({"condition": "Ready", "is": ["False"], "reasons": ["Broken"]}, status="Degraded")
    assert health(content, {"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Broken"}]}})[0] == "Degraded"
    assert health(content, {"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Slow"}]}})[0] == "Unknown"
    assert health(content, {})[0] == "Unknown"


def test_two_rules_for_one_kind_are_an_error() -> None:
    """Which of them would hold is nobody's guess."""
    content = file({"condition": "Ready", "exists": True})
    with pytest.raises(InputError, match=r"rules/b\.json have a second rule for Widget"):
        rules.collect([("rules/a.json", content), ("rules/b.json", content)])


def test_each_rule_says_where_it_is_written() -> None:
    """A rule without a source is an opinion."""
    assert all(rule.source for rule in rules.table().values())
