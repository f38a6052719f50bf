"""Every error that Trimtab raises on purpose, as one tree.

TrimtabError
├── InputError          what a person wrote cannot be used; final until the input changes
│   └── RenderError     a renderer refused, or was stopped at a limit
├── RefusedError        a rule protected the user (budget, ownership, approval); names the way out
├── UnavailableError    something outside did not answer; nothing is known, nothing is deleted, it is tried again
│   └── ApiError        the Kubernetes API answered with a failure (its subclasses live in `trimtab.cluster.errors`)
└── SupersededError     a newer revision or a person asked for something else; stop between requests

Foreign exceptions are mapped to these at the one boundary where they arise. Each error is one sentence for people (what, where),
an optional place and an optional remedy (how to mend, or the next command to type). No error carries a secret's value.
"""

from __future__ import annotations

from msgspec import Struct


class Place(Struct, frozen=True):
    """Where in a repository: a path, and line and column (1-based; 0 where not known)."""

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """`path`, `path:line` or `path:line:column`."""
        return ":".join([self.path, *(str(n) for n in (self.line, self.column) if n)])


class TrimtabError(Exception):
    """Base of all errors with a sentence for people."""

    def __init__(self, sentence: str, *, place: Place | None = None, remedy: str = "", detail: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.place = place
        self.remedy = remedy
        self.detail = detail

    def __str__(self) -> str:
        """One line: place, sentence, remedy."""
        where = f"{self.place}: " if self.place and str(self.place) not in self.sentence else ""
        return f"{where}{self.sentence}" + (f" {self.remedy}" if self.remedy else "")

    @property
    def reason(self) -> str:
        """The PascalCase reason for a condition or an Event: the class's name less `Error`."""
        return type(self).__name__.removesuffix("Error")


class InputError(TrimtabError):
    """What a person wrote cannot be used. Not tried again until an input changes."""


class RenderError(InputError):
    """A renderer refused its input, or was stopped at a limit."""


class RefusedError(TrimtabError):
    """A rule protected the user; `remedy` names the way out."""


class UnavailableError(TrimtabError):
    """Something outside did not answer. Nothing is known from it, so nothing is concluded; it is tried again."""

    def __init__(
        self,
        sentence: str,
        *,
        place: Place | None = None,
        remedy: str = "",
        detail: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(sentence, place=place, remedy=remedy, detail=detail)
        self.retry_after = retry_after
        """Seconds the other side asked us to wait, if it did."""


class ApiError(UnavailableError):
    """The Kubernetes API answered with a failure; the subclasses in `trimtab.cluster.errors` say which."""


class SupersededError(TrimtabError):
    """A newer revision, or a person, supersedes what was under way."""
