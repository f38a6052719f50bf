"""Health as data: the rows in `rules/*.json`, how they are read and how one is applied. Their README is the manual for writing one.

A rule is a list of checks; the first whose questions are all answered yes gives the health, `otherwise` stands for the rest. Files
are read once, at the first kind that needs one. A wrong field, status or pointer is an `InputError` then, naming file and field: a
rule with a typing error is never waited out (one that can never hold would be: each row therefore has a sample among the tests).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

import msgspec
from msgspec import Struct

from trimtab.core.errors import InputError, Place
from trimtab.sync.health.fields import Object, mapping, objects, quote, text
from trimtab.sync.health.model import Health, Status

ANY = "*"
"""Group and kind of the rule for whatever has no rule of its own."""

_PLACEHOLDER = re.compile(r"\{(message|reason|/[^{}]*)\}")
_STATUSES = {"True", "False", "Unknown"}


class Question(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A question to a condition (by type) or a field (by JSON pointer, RFC 6901). All that is said must hold."""

    condition: str = ""
    field: str = ""
    is_: tuple[str, ...] = msgspec.field(default=(), name="is")
    """The condition's status, or the field's value as JSON writes it (strings without quotes), is one of these."""
    reasons: tuple[str, ...] = ()
    """The condition's reason is one of these."""
    exists: bool | None = None
    """There is such a condition or field, or there is none."""
    same_as: str = ""
    """The field equals the one at this pointer."""

    def __post_init__(self) -> None:
        """Refuse a question that asks nothing, or two things at once."""
        if bool(self.condition) == bool(self.field):
            raise ValueError("a question names either a condition or a field")
        if not (self.is_ or self.reasons or self.same_as) and self.exists is None:
            raise ValueError("a question asks something: is, reasons, exists or sameAs")
        if self.condition and (self.same_as or not _STATUSES.issuperset(self.is_)):
            raise ValueError("a condition is True, False or Unknown, and is the same as nothing")
        if any(pointer and not pointer.startswith("/") for pointer in (self.field, self.same_as)):
            raise ValueError("a field is a JSON pointer and begins with /")


class Verdict(Struct, frozen=True, forbid_unknown_fields=True):
    """What is then said. `{message}` and `{reason}` are those of the first condition asked, `{/pointer}` is a field's value."""

    status: Status
    reason: str = ""
    """Left out: the condition's own, else the status."""
    message: str = ""

    def __post_init__(self) -> None:
        """Refuse a placeholder that nothing would fill."""
        if {"{", "}"} & set(_PLACEHOLDER.sub("", self.message)):
            raise ValueError("a placeholder is neither {message}, {reason} nor {/a/pointer}")


class Check(Verdict, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A verdict for when all of its questions are answered yes."""

    when: tuple[Question, ...]


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """How one kind's health is read."""

    kind: str
    source: str
    """Where it says so: a documentation page, a KEP, a file of Kubernetes."""
    otherwise: Verdict
    checks: tuple[Check, ...] = ()


class RuleFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One file: the rules of one API group ("" is the core group)."""

    group: str
    rules: tuple[Rule, ...]


def decode(content: bytes, path: str) -> RuleFile:
    """Read one file. An InputError names the file and the field at fault."""
    try:
        return msgspec.json.decode(content, type=RuleFile)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InputError(f"The health rules in {path} cannot be used: {error}.", place=Place(path)) from error


@cache
def table() -> dict[tuple[str, str], Rule]:
    """All rules by group and kind, read once."""
    folder = resources.files(__package__).joinpath("rules")
    return collect((f"rules/{entry.name}", entry.read_bytes()) for entry in folder.iterdir() if entry.name.endswith(".json"))


def collect(files: Iterable[tuple[str, bytes]]) -> dict[tuple[str, str], Rule]:
    """The rules of all files (path and content) by group and kind; two for one kind are an InputError."""
    found: dict[tuple[str, str], Rule] = {}
    for path, content in files:
        file = decode(content, path)
        for rule in file.rules:
            if (file.group, rule.kind) in found:
                raise InputError(f"The health rules in {path} have a second rule for {rule.kind}.", place=Place(path))
            found[file.group, rule.kind] = rule
    return found


def apply(rule: Rule, live: Object) -> Health:
    """The health that the rule finds."""
    check = first(rule, live)
    return _say(check, live) if check is not None else _say(rule.otherwise, live)


def first(rule: Rule, live: Object) -> Check | None:
    """The first check whose questions are all answered yes."""
    known = objects(mapping(live, "status"), "conditions")
    return next((check for check in rule.checks if all(_holds(question, live, known) for question in check.when)), None)


def _holds(question: Question, live: Object, known: list[Object]) -> bool:
    if question.condition:
        condition = _condition(known, question.condition)
        return _fits(question, condition and text(condition, "status")) and (
            not question.reasons or (condition is not None and text(condition, "reason") in question.reasons)
        )
    value = lookup(live, question.field)
    return _fits(question, value) and (not question.same_as or value == lookup(live, question.same_as))


def _fits(question: Question, value: Any) -> bool:
    """Whether a value is there as asked, and is one of those asked for."""
    if question.exists is not None and question.exists != (value is not None):
        return False
    return not question.is_ or (value is not None and _written(value) in question.is_)


def _condition(known: list[Object], kind: str) -> Object | None:
    return next((item for item in known if item.get("type") == kind), None)


def lookup(live: Object, pointer: str) -> Any:
    """The value at a JSON pointer; None where there is none (a null is none)."""
    value: Any = live
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _written(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _say(verdict: Verdict, live: Object) -> Health:
    """The verdict with its placeholders filled; one that stays empty takes the punctuation before it along."""
    condition = _asked(verdict, live)

    def fill(placeholder: re.Match[str]) -> str:
        name = placeholder[1]
        value = lookup(live, name) if name.startswith("/") else condition.get(name)
        return "" if value is None else quote(_written(value))

    message = _PLACEHOLDER.sub(fill, verdict.message).rstrip(": ")
    return Health(verdict.status, verdict.reason or text(condition, "reason") or verdict.status, message)


def _asked(verdict: Verdict, live: Object) -> Object:
    """The first condition that the check asked about."""
    if not isinstance(verdict, Check):
        return {}
    kind = next((question.condition for question in verdict.when if question.condition), "")
    return _condition(objects(mapping(live, "status"), "conditions"), kind) or {}
