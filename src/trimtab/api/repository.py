"""Repository: where manifests come from."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct, field

from trimtab.api.meta import Condition, Duration, LocalRef, Name, ObjectMeta, doc

KIND = "Repository"
PLURAL = "repositories"


class Ref(Struct, frozen=True, omit_defaults=True):
    """Which revision is followed; exactly one of them, or none for the server's default branch."""

    branch: Annotated[str, doc("A branch.", max_length=255)] = ""
    tag: Annotated[str, doc("A tag; moving it moves what is deployed.", max_length=255)] = ""
    commit: Annotated[str, doc("A commit's full id: never moves.", max_length=64)] = ""
    semver: Annotated[str, doc("The newest tag within this range, such as `>=1.2.0 <2.0.0`.", max_length=255)] = ""


class RepositorySpec(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What is wanted of a Repository."""

    url: Annotated[str, doc("https:// or ssh:// (or git@host:path) address of a Git repository.", min_length=1, max_length=2048)]
    ref: Annotated[Ref, doc("Which revision is followed. Default: the server's default branch.")] = Ref()
    interval: Annotated[Duration, doc("How often the server is asked; a webhook makes it instant.")] = "1m"
    secret_ref: Annotated[
        LocalRef | None,
        doc("Secret: `username` and `password`, `bearerToken`, or `identity` (SSH key) and `known_hosts`; `ca.crt` for a private CA."),
    ] = None
    timeout: Annotated[Duration, doc("How long one fetch may take.")] = "1m"
    suspend: Annotated[bool, doc("Whether the server is left alone; what was fetched stays in force.")] = False


class RepositoryRevision(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One revision as it is shown."""

    name: str = ""
    commit: str = ""
    author: str = ""
    subject: str = ""
    time: str = ""


class RepositoryStatus(Struct, omit_defaults=True, rename="camel"):
    """What was seen of a Repository."""

    observed_generation: int = 0
    revision: Annotated[RepositoryRevision, doc("The revision in force.")] = RepositoryRevision()
    conditions: Annotated[list[Condition], doc("Ready, Reconciling, Stalled.", max_length=16)] = field(default_factory=list)


class Repository(Struct, omit_defaults=True, rename="camel"):
    """Where manifests come from: a Git repository and the revision that is followed."""

    metadata: ObjectMeta
    spec: RepositorySpec
    status: RepositoryStatus = field(default_factory=RepositoryStatus)
    api_version: str = "trimtab.dev/v1alpha1"
    kind: str = KIND


class RepositoryRef(Struct, frozen=True, omit_defaults=True):
    """Names a Repository in the Application's namespace."""

    name: Annotated[Name, doc("The Repository's name.")]
