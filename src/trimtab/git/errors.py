"""What can go wrong with a repository, beneath the tree of `trimtab.core.errors`.

UnavailableError
├── GitError              a git command or a Git server failed; nothing is known, the last good revision stays
│   └── AuthenticationRefusedError   the server does not take the credentials
├── MissingObjectError    an object that should be in the mirror cannot be read
└── RefNotFoundError      the remote has no such branch, tag, version or commit (any more)
InputError
├── HostileTreeError      a tree holds an entry that no honest client writes
└── LimitError            an object, a listing or a whole fetch is over its cap
"""

from __future__ import annotations

from trimtab.core.errors import InputError, UnavailableError


class GitError(UnavailableError):
    """A git command or a Git server failed."""


class AuthenticationRefusedError(GitError):
    """The server does not take these credentials; others, in the Secret, mend it."""

    def __init__(self, host: str, user: str, *, detail: str = "") -> None:
        whose = f' for user "{user}"' if user else ""
        super().__init__(f"authentication refused by {host}{whose}.", remedy="Check the Secret that the Repository names.", detail=detail)


class MissingObjectError(UnavailableError):
    """An object is not in the mirror, or is damaged there. Say so to `Mirror.distrust`."""

    def __init__(self, oid: str) -> None:
        super().__init__(f"Git object {oid} cannot be read from the mirror.", remedy="The mirror is checked at the next fetch.")
        self.oid = oid


class RefNotFoundError(UnavailableError):
    """The remote has nothing of that name. It may come back, so what is deployed stays."""


class HostileTreeError(InputError):
    """A tree holds a name that no honest client writes (`..`, `.git`, a slash, NUL)."""


class LimitError(InputError):
    """Something is over its cap."""
