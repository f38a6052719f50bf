"""One leader among replicas, by a `coordination.k8s.io/v1` Lease.

Its story: one task, `run`, in a task of its own and with requests that wait behind no others. It tries to take the lease each `retry`
seconds; once it holds it, it renews each `renew` seconds by one small patch, until that fails for too long or somebody else has it.

The rules of time:
- Only monotonic clocks decide, each machine's own. Another holder's lease counts as expired when *we* have seen it unchanged for its
  `leaseDurationSeconds`; the times written into it are for people (and for other tools), so clocks may differ by hours.
- Our own term ends at `duration - margin` after the *start* of the last request that succeeded, a margin before anyone else may take
  over. `is_leader` looks at the clock itself: after a pause (a stopped process, a blocked loop) it is false before anything else runs,
  and no renewal is tried then. Linux's monotonic clock stands still while a whole machine is suspended; then the next renewal's
  resourceVersion tells.
- Each write carries the resourceVersion that we know, so two holders cannot overwrite each other unseen.
- The identity is the installation's (a pod's name, not a random number): a process that finds its own identity in the lease is its
  own successor, and takes it at once. Two processes must therefore never share one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct

from trimtab.cluster import errors
from trimtab.cluster.client import JSON, MERGE_PATCH, PARTIAL, Client
from trimtab.cluster.metadata import ObjectMeta, read_partial
from trimtab.cluster.resources import LEASES
from trimtab.core import logs, metrics
from trimtab.core.clock import Clock, rfc3339_micro
from trimtab.core.errors import ApiError

_RELEASE_SECONDS = 3.0


class _Spec(Struct, frozen=True, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    lease_transitions: int | None = None


class _Lease(Struct, frozen=True):
    metadata: ObjectMeta
    spec: _Spec = _Spec()


class Leadership:
    """Our claim to one lease. All numbers are in seconds: `duration` until others may take over, `margin` by which we stop before."""

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        identity: str,
        clock: Clock | None = None,
        duration: float = 15.0,
        margin: float = 5.0,
        renew: float = 5.0,
        retry: float = 2.0,
        chance: Callable[[], float] = random.random,  # ruff: ignore[suspicious-non-cryptographic-random-usage] (it spreads waits and guards nothing)
    ) -> None:
        if not renew + retry < duration - margin:
            raise ValueError("a lease must be renewed, with one more try, well before its holder gives it up")
        self._client = client
        self._namespace = namespace
        self._name = name
        self._path = LEASES.path(namespace, name)
        self.identity = identity
        self._clock = clock or client.clock
        self._duration = duration
        self._term = duration - margin
        self._renew = renew
        self._retry = retry
        self._chance = chance
        self._version = ""
        self._seen: tuple[str, float] = ("", 0.0)
        self._holds = False
        self._until = 0.0
        self._gained = asyncio.Event()
        self._lost = asyncio.Event()
        self._lost.set()

    @property
    def is_leader(self) -> bool:
        """Whether we lead at this very moment, by the clock."""
        return self._holds and self._clock.monotonic() < self._until

    async def acquired(self) -> None:
        """Until we lead."""
        await self._gained.wait()

    async def lost(self) -> None:
        """Until we do not lead (any more)."""
        await self._lost.wait()

    async def run(self) -> None:
        """Take the lease, keep it, take it again when lost; for ever. Cancelled, it gives the lease back."""
        try:
            while True:
                while not await self._quietly(self._take):
                    await self._clock.sleep(self._retry * (1 + 0.2 * self._chance()))
                self._begin()
                await self._keep()
                self._end()
        finally:
            if self.is_leader:
                await self._release()
            self._end()

    async def _keep(self) -> None:
        """Renew until that is no longer possible."""
        wait = self._renew
        while True:
            await self._clock.sleep(wait)
            if not self.is_leader:  # asked before any renewal: after a pause the lease is no longer ours to renew
                return
            try:
                renewed = await self._renewed()
            except ApiError as error:
                logs.get(__name__).warning("the lease could not be renewed", lease=f"{self._namespace}/{self._name}", reason=str(error))
                wait = min(self._retry, max(0.0, self._until - self._clock.monotonic()))
            else:
                if not renewed:
                    return
                wait = self._renew

    async def _renewed(self) -> bool:
        """One renewal; False when the lease is another's by now."""
        try:
            await self._write({"renewTime": self._now()})
        except errors.ConflictError:  # somebody wrote to it: an annotation, or our own renewal whose answer was lost, or a new holder
            return await self._take(only_ours=True)
        except errors.NotFoundError:
            return False
        return True

    async def _take(self, *, only_ours: bool = False) -> bool:
        """Take the lease if it is free, expired or ours already (`only_ours`: renew it if it still is); whether we have it."""
        try:
            answer = await self._client.request("GET", self._path, urgent=True, timeout=self._retry)
        except errors.NotFoundError:
            return not only_ours and await self._create()
        lease = msgspec.json.decode(answer.body, type=_Lease)
        holder = lease.spec.holder_identity or ""
        ours = holder == self.identity
        if not ours and (only_ours or (holder and not self._has_expired(lease))):
            return False
        self._version = lease.metadata.resource_version
        claim = {"renewTime": self._now()} if only_ours else self._claim(0 if ours else 1, lease.spec.lease_transitions or 0)
        try:
            await self._write(claim)
        except errors.ConflictError:
            return False
        return True

    def _has_expired(self, lease: _Lease) -> bool:
        """Whether we have watched it unchanged for as long as it is good for."""
        now, version = self._clock.monotonic(), lease.metadata.resource_version
        if self._seen[0] != version:
            self._seen = (version, now)
        return now - self._seen[1] >= (lease.spec.lease_duration_seconds or self._duration)

    async def _create(self) -> bool:
        body = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": self._claim(0, 0),
        }
        try:
            await self._send("POST", LEASES.path(self._namespace), JSON, body)
        except errors.AlreadyExistsError:
            return False
        return True

    async def _write(self, spec: dict[str, Any]) -> None:
        """Patch the lease that we know; ConflictError when it is no longer that one."""
        await self._send("PATCH", self._path, MERGE_PATCH, {"metadata": {"resourceVersion": self._version}, "spec": spec})

    async def _send(self, method: str, path: str, content_type: str, body: dict[str, Any], timeout: float | None = None) -> None:
        began = self._clock.monotonic()
        answer = await self._client.request(
            method,
            path,
            body=msgspec.json.encode(body),
            content_type=content_type,
            accept=PARTIAL,
            verb="lease",
            urgent=True,
            timeout=timeout or self._retry,
        )
        self._version = read_partial(answer.body).metadata.resource_version
        self._until = began + self._term

    def _claim(self, transition: int, transitions: int) -> dict[str, Any]:
        now = self._now()
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": int(self._duration),
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": transitions + transition,
        }

    async def _release(self) -> None:
        """Give the lease back, so that a successor need not wait; best effort."""
        spec = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": self._now()}
        body = {"metadata": {"resourceVersion": self._version}, "spec": spec}
        with suppress(ApiError):
            await self._send("PATCH", self._path, MERGE_PATCH, body, timeout=_RELEASE_SECONDS)

    async def _quietly(self, attempt: Callable[[], Any]) -> bool:
        """An attempt whose failure is logged and is a no."""
        try:
            return bool(await attempt())
        except ApiError as error:
            logs.get(__name__).warning("the lease could not be taken", lease=f"{self._namespace}/{self._name}", reason=str(error))
            return False

    def _begin(self) -> None:
        self._holds = True
        self._lost.clear()
        self._gained.set()
        metrics.LEADER.set(1)

    def _end(self) -> None:
        self._holds = False
        self._gained.clear()
        self._lost.set()
        metrics.LEADER.set(0)

    def _now(self) -> str:
        return rfc3339_micro(self._clock.now())
