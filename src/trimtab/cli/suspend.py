"""`trimtab suspend`: nothing is written for an Application for a while. A pause is a lease: why, by whom, until when."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated

import msgspec
from cyclopts import Parameter

from trimtab.api.meta import seconds
from trimtab.cli import ask
from trimtab.cli.ask import Where
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.resources import Resource
from trimtab.controllers.own import APPLICATIONS
from trimtab.core.clock import SystemClock, rfc3339
from trimtab.core.errors import InputError

REVIEWS = Resource("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", namespaced=False)


class _User(msgspec.Struct):
    username: str = ""


class _ReviewStatus(msgspec.Struct, rename="camel"):
    user_info: _User = msgspec.field(default_factory=_User)


class _Review(msgspec.Struct):
    status: _ReviewStatus = msgspec.field(default_factory=_ReviewStatus)


def suspend(
    name: Annotated[str, Parameter(help="The Application.")],
    where: Annotated[Where, Parameter(name="*")] = Where(),  # ruff: ignore[function-call-in-default-argument]  frozen
    *,
    reason: Annotated[str, Parameter(help="Why; others will read it.")],
    for_: Annotated[str, Parameter(name="--for", help="For how long, as 2h; it ends by itself. Default: until `resume`.")] = "",
) -> None:
    """Leave an Application alone: nothing is applied, nothing is corrected."""
    if not reason.strip():
        raise InputError("A suspension needs a reason that others can read.", remedy='--reason "…"')
    asyncio.run(_suspend(name, where, reason, for_))


async def _suspend(name: str, where: Where, reason: str, length: str) -> None:
    until = rfc3339(SystemClock().now() + timedelta(seconds=seconds(length))) if length else None
    async with ask.reach(where) as client:
        await ask.application(client, where, name)
        by = await who(client)
        suspension = {"reason": reason, "by": by, "until": until}
        await ask.change(client, APPLICATIONS, where.namespace, name, {"spec": {"suspend": suspension}})
    print(f"◌ {name} is suspended by {by}, {f'until {until}' if until else 'until it is resumed'}.")
    print(f"Next:  trimtab resume {name}{where.typed()}")


async def who(client: Client) -> str:
    """Who the API server says that we are (KEP-3325)."""
    body = msgspec.json.encode({"apiVersion": REVIEWS.api_version, "kind": REVIEWS.kind})
    answer = await objects.create(client, REVIEWS, "", body)
    return msgspec.json.decode(answer, type=_Review).status.user_info.username or "unknown"
