"""Who owns an object: the installation, the Application, and the short names made from both.

The application id is ten hex digits of the SHA-256 over installation id, namespace and name: a recreated Application takes its
objects up again, and two installations never share one (design: rule 4).
"""

from __future__ import annotations

import hashlib

from msgspec import Struct

MANAGER_PREFIX = "trimtab:"
HANDOVER_MANAGER = "trimtab-handover"


class Owner(Struct, frozen=True):
    """An Application (or a folder that is applied by hand) within an installation."""

    installation: str
    namespace: str
    name: str

    @property
    def id(self) -> str:
        """Ten hex digits: the value of the label on managed objects."""
        return hashlib.sha256(f"{self.installation}/{self.namespace}/{self.name}".encode()).hexdigest()[:10]

    @property
    def manager(self) -> str:
        """The field manager."""
        return MANAGER_PREFIX + self.id

    @property
    def full(self) -> str:
        """The owner annotation's value."""
        return f"{self.installation}/{self.namespace}/{self.name}"

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


def application_of(annotation: str) -> str:
    """`namespace/name` for people, from an owner annotation; the text itself if it has another form."""
    _, slash, application = annotation.partition("/")
    return application if slash else annotation
