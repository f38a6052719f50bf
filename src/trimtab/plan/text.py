"""A plan for people, in a terminal. Pure.

The plan becomes lines of spans, each span a style's name and its text; a `Paint` turns these into colours, or leaves them plain. One
layout serves the command line, tests and anything else that prints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import starmap
from typing import Literal

from trimtab.core.errors import Place
from trimtab.plan.model import Action, Change, Notice, Ownership, Plan, Refusal
from trimtab.plan.owner import MANAGER_PREFIX
from trimtab.plan.values import printable, sides

Style = Literal["plain", "heading", "create", "patch", "replace", "delete", "adopt", "keep", "path", "dim", "before", "after", "problem"]
Span = tuple[Style, str]
Line = tuple[Span, ...]
Paint = Callable[[Style, str], str]

MARKS = {"create": "+", "patch": "~", "replace": "±", "delete": "-", "adopt": ">", "keep": "="}
WORDS = {"create": "new", "patch": "changed", "replace": "replaced", "delete": "deleted", "adopt": "adopted"}
GAP = "    "
WIDEST = 60
"""Columns before the places, where the terminal has room for both."""


def plain(_style: Style, text: str) -> str:
    """No colours."""
    return text


def render(plan: Plan, *, width: int = 100, paint: Paint = plain) -> str:
    """The plan as text that ends with a newline. `width` is the terminal's, in columns; longer lines wrap there by themselves."""
    return "".join("".join(starmap(paint, line)) + "\n" for line in lines(plan, width=width))


def lines(plan: Plan, *, width: int = 100) -> list[Line]:
    """The plan as lines of spans, without any control character: what a manifest says must not steer a terminal."""
    return [tuple((style, printable(text)) for style, text in line) for line in _lines(plan, width)]


def _lines(plan: Plan, width: int) -> list[Line]:
    column = _column(plan, width)
    result = [_spread(("heading", summary(plan)), ("dim", f"plan {plan.digest[:7]}" if plan.digest else ""), column)]
    for action in plan.actions:
        result += _action(action, column)
    result += [_notice(notice) for notice in plan.notices]
    result += [_refusal(refusal) for refusal in plan.refusals]
    if plan.refusals:
        result.append((("plain", f"  If it is meant:  {approval(plan)}"),))
    return result


def summary(plan: Plan) -> str:
    """`podinfo: 1 change, 6 unchanged`; where there is more than one kind of change, how many of each."""
    verbs: Counter[str] = Counter(a.verb for a in plan.actions if a.verb != "keep")
    count = verbs.total()
    changes = "nothing to change" if not count else "1 change" if count == 1 else f"{count} changes"
    parts = ", ".join(f"{verbs[verb]} {word}" for verb, word in WORDS.items() if verbs[verb])
    name = plan.application.rpartition("/")[2] or plan.application
    kept = sum(a.verb == "keep" for a in plan.actions)
    tail = f", {kept} kept" if kept else ""
    return f"{name}: {changes}{f' ({parts})' if len(verbs) > 1 else ''}, {plan.unchanged} unchanged{tail}"


def approval(plan: Plan) -> str:
    """The command that approves a plan."""
    return f"trimtab approve {plan.application.rpartition('/')[2]} --plan {plan.digest[:7]}"


def _column(plan: Plan, width: int) -> int:
    """Where the places stand: behind the summary and the longest object."""
    widest = max((len(text) for text in (summary(plan), *map(_title, plan.actions))), default=0)
    places = max((len(str(a.place)) for a in plan.actions if a.place), default=0)
    return max(widest, min(width - places - len(GAP), WIDEST))


def _spread(left: Span, right: Span, column: int) -> Line:
    if not right[1]:
        return (left,)
    return (left, ("plain", " " * max(column - len(left[1]), 0) + GAP), right)


def _title(action: Action) -> str:
    return f"{MARKS[action.verb]} {action.key}"


def _action(action: Action, column: int) -> Iterator[Line]:
    yield _spread((action.verb, _title(action)), ("dim", str(action.place) if action.place else ""), column)
    if _tells(action):
        yield _told("why", action.reason)
    pad = max((len(c.path) for c in action.changes), default=0)
    for change in action.changes:
        yield _change(change, pad, action.place)
    for ownership in action.ownership:
        yield _ownership(ownership)
    if action.consequence:
        yield _told("consequence", action.consequence)
    if action.problem:
        yield (("plain", GAP), ("problem", f"problem: {action.problem}"))


def _tells(action: Action) -> bool:
    """Whether the reason says more than the mark and the changes do."""
    return action.reason not in {"", "new", "changed in Git", "no longer in Git"}


def _told(label: str, text: str) -> Line:
    return (("plain", GAP), ("dim", f"{label}: "), ("plain", text))


def _change(change: Change, pad: int, above: Place | None) -> Line:
    before, after = sides(change)
    spans: list[Span] = [("plain", GAP), ("path", change.path.ljust(pad)), ("plain", GAP)]
    if change.added:
        spans.append(("after", f"+ {after}"))
    elif change.removed:
        spans.append(("before", f"- {before}"))
    else:
        spans += [("before", before), ("plain", " → "), ("after", after)]
    if change.place and change.place != above:
        spans.append(("dim", f"{GAP}{change.place}"))
    return tuple(spans)


def _ownership(ownership: Ownership) -> Line:
    owners = f"{_manager(ownership.before)} → {_manager(ownership.after)}"
    return _told(f"owner of {', '.join(ownership.paths)}", f"{owners} ({ownership.reason})")


def _manager(name: str) -> str:
    """A manager for people: our own without its id."""
    return MANAGER_PREFIX.rstrip(":") if name.startswith(MANAGER_PREFIX) else name or "nobody"


def _notice(notice: Notice) -> Line:
    about = f"{notice.key} " if notice.key else ""
    where: Line = (("dim", f"{GAP}{notice.place}"),) if notice.place else ()
    return (("dim", "note: "), ("plain", f"{about}{notice.text}"), *where)


def _refusal(refusal: Refusal) -> Line:
    return (("problem", f"! refused: {refusal.text}"),)
