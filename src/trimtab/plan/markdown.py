"""A plan as Markdown: the comment under a pull request. Pure.

Every value stands in a code span, so that nothing in a manifest is read as markup or as a mention of somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from trimtab.plan.model import Action, Change, Plan
from trimtab.plan.text import MARKS, approval, summary
from trimtab.plan.values import sides

LIMIT = 60_000
"""Characters that fit in a comment on every forge (GitHub's limit is 65,536)."""


def markdown(plan: Plan, *, limit: int = LIMIT) -> str:
    """The plan, ended early at a whole object where it would not fit; how many objects are left out is said."""
    head = f"### {_escaped(summary(plan))}\n\n{_facts(plan)}\n"
    tail = "".join(_tail(plan))
    sections = ["\n" + "\n".join(_action(a)) + "\n" for a in plan.actions]
    shown, room = 0, limit - len(head) - len(tail) - 100
    while shown < len(sections) and len(sections[shown]) <= room:
        room -= len(sections[shown])
        shown += 1
    left = len(sections) - shown
    more = f"\n… and {left} more objects, too many for one comment.\n" if left else ""
    return head + "".join(sections[:shown]) + more + tail


def _facts(plan: Plan) -> str:
    facts = [("plan", plan.digest[:7]), ("revision", plan.revision), ("grade", plan.grade.lower())]
    return " · ".join(f"{name} {_code(text)}" for name, text in facts if text)


def _action(action: Action) -> Iterator[str]:
    where = f" {_code(str(action.place))}" if action.place else ""
    yield f"**{_code(MARKS[action.verb])} {_escaped(str(action.key))}** {_escaped(action.reason)}{where}"
    if action.changes:
        yield ""
        yield "| field | before | after |"
        yield "|---|---|---|"
        yield from (_row(c) for c in action.changes)
    for ownership in action.ownership:
        fields = ", ".join(_code(p) for p in ownership.paths)
        yield f"\nOwner of {fields}: {_code(ownership.before)} → {_code(ownership.after)} ({_escaped(ownership.reason)})"
    if action.consequence:
        yield f"\nConsequence: {_escaped(action.consequence)}"
    if action.problem:
        yield f"\n**Problem:** {_escaped(action.problem)}"


def _row(change: Change) -> str:
    before, after = sides(change)
    cells = (change.path, "" if change.added else before, "" if change.removed else after)
    return "| " + " | ".join(_code(cell).replace("|", "\\|") if cell else "" for cell in cells) + " |"


def _tail(plan: Plan) -> Iterator[str]:
    for notice in plan.notices:
        about = f"{notice.key} " if notice.key else ""
        where = f" {_code(str(notice.place))}" if notice.place else ""
        yield f"\n> {_escaped(about + notice.text)}{where}\n"
    for refusal in plan.refusals:
        yield f"\n**Refused:** {_escaped(refusal.text)}\n"
    if plan.refusals:
        yield f"\nIf it is meant: {_code(approval(plan))}\n"


def _code(text: str) -> str:
    """A code span that holds any text: its fence is longer than any run of backticks in it."""
    text = text.replace("\n", " ")
    fence = "`" * (max(map(len, re.findall(r"`+", text)), default=0) + 1)
    pad = " " if not text or text[0] == "`" or text[-1] == "`" else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _escaped(text: str) -> str:
    """Prose in which no sign is markup and no name a mention."""
    for sign in "\\`*_{}[]<>#|~":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("@", "@\u200b").replace("\n", " ")
