"""The live side, kept by watches: one a kind and version, over our labelled objects in the whole cluster.

Its story: `watch` starts a reflector (a long-lived task in the owner's group) that keeps a store of slim summaries and tells each
change by key. A watch that selects by label says DELETED also when only the label was taken off, so each DELETED is believed after one
GET; until then nothing is concluded about that object. A kind that cannot be listed or watched is unreadable: nothing is concluded
about any of its objects. The JSON of an object that somebody else changed is kept for a moment as evidence, so that putting it back
needs no GET.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from trimtab.api.meta import LABEL
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.errors import NotFoundError
from trimtab.cluster.live import LiveStore
from trimtab.cluster.resources import Resource
from trimtab.cluster.watch import Reflector
from trimtab.core import logs, tasks
from trimtab.core.clock import Clock
from trimtab.core.errors import ApiError
from trimtab.plan.compare import Seen
from trimtab.plan.model import Key, Live
from trimtab.sync.observe import observer, read_version

_EVIDENCE = 512
"""How many objects' JSON is kept at most as evidence of a drift."""

Changed = Callable[[Key], None]


class _Watched:
    """One kind at one version: its store and its reflector."""

    def __init__(self, store: LiveStore[Key, Live], reflector: Reflector[Any]) -> None:
        self.store = store
        self.reflector = reflector
        self.doubted: set[Key] = set()
        self.unlabelled: dict[Key, Live] = {}
        self.written: dict[Key, Live] = {}
        """What our own writes were answered, until the watch has brought it or something newer."""

    def get(self, key: Key) -> Live | None:
        written = self.written.get(key)
        if written is not None and _version(written.resource_version) > _version(self.store.resource_version):
            return written
        self.written.pop(key, None)
        return self.store.get(key) or self.unlabelled.get(key)

    def seen(self, key: Key, live: Live | None) -> None:
        """The watch has brought this: our own answer is kept only while it is newer."""
        written = self.written.get(key)
        if written is not None and (live is None or _version(live.resource_version) >= _version(written.resource_version)):
            del self.written[key]


class Watches:
    """Every watch on managed objects of one cluster."""

    def __init__(self, client: Client, group: asyncio.TaskGroup, *, clock: Clock, chance: Callable[[], float]) -> None:
        self._client = client
        self._group = group
        self._clock = clock
        self._chance = chance
        self._changed: Changed = lambda _key: None
        self._watched: dict[tuple[str, str], _Watched] = {}
        self._evidence: OrderedDict[Key, bytes] = OrderedDict()

    def on_change(self, changed: Changed) -> None:
        """Who is told of each change that matters, by key."""
        self._changed = changed

    def watch(self, resource: Resource) -> None:
        """Watch a kind, if it is not watched yet."""
        at = (resource.api_version, resource.kind)
        if at in self._watched:
            return
        observe = observer(resource)

        def summarise(raw: bytes) -> tuple[Key, Live]:
            echo = self._echo(resource, raw)
            if echo is not None:
                return echo
            key, live = observe(raw)
            self._keep_evidence(key, live, raw)
            return key, live

        store: LiveStore[Key, Live] = LiveStore(summarise, lambda key, old, new: self._on_change(resource, key, old, new))
        reflector = Reflector(self._client, resource, label_selector=LABEL, handler=store, clock=self._clock, chance=self._chance)
        self._watched[at] = _Watched(store, reflector)
        tasks.spawn(self._group, f"watch {resource.plural}.{resource.api_version}", reflector.run())

    async def synced(self, kinds: Iterable[tuple[str, str]]) -> None:
        """Wait until these (apiVersion, kind) are listed, or known to be unreadable."""
        for at in kinds:
            watched = self._watched.get(at)
            if watched is not None:
                await watched.store.wait_known()

    def get(self, api_version: str, key: Key) -> Live | None:
        """The summary of one object, if it lives as far as we know."""
        watched = self._watched.get((api_version, key.kind))
        return watched.get(key) if watched is not None else None

    def seen(self, wanted: Mapping[Key, str]) -> Seen:
        """What is known of these objects (key → apiVersion). Kinds not listed yet, unreadable, or with a doubted object are marked."""
        live = {key: found for key, version in wanted.items() if (found := self.get(version, key)) is not None}
        unreadable = {(key.group, key.kind) for key, version in wanted.items() if not self.knows(version, key)}
        return Seen(live, frozenset(unreadable))

    def knows(self, api_version: str, key: Key) -> bool:
        """Whether the absence of this object, if it is absent, is a fact."""
        watched = self._watched.get((api_version, key.kind))
        return watched is not None and watched.store.is_synced and watched.store.error is None and key not in watched.doubted

    def wrote(self, api_version: str, key: Key, live: Live) -> None:
        """Our write was answered with this: nothing older counts from now on (the watch may be behind)."""
        watched = self._watched.get((api_version, key.kind))
        known = watched.store.get(key) if watched is not None else None
        if watched is not None and (known is None or _version(known.resource_version) < _version(live.resource_version)):
            watched.written[key] = live

    def evidence(self, key: Key) -> bytes | None:
        """The JSON of an object as the watch brought it after somebody changed it; once."""
        return self._evidence.pop(key, None)

    def _echo(self, resource: Resource, raw: bytes) -> tuple[Key, Live] | None:
        """What our own write was answered, where this is the event of that very write: nearly every event of an install is."""
        watched = self._watched.get((resource.api_version, resource.kind))
        if watched is None or not watched.written:
            return None
        metadata = read_version(raw)
        key = Key(resource.group, resource.kind, metadata.namespace, metadata.name)
        written = watched.written.get(key)
        return (key, written) if written is not None and written.resource_version == metadata.resource_version else None

    def _keep_evidence(self, key: Key, live: Live, raw: bytes) -> None:
        if not live.changed_by or live.deleting:
            self._evidence.pop(key, None)
            return
        self._evidence[key] = bytes(raw)
        self._evidence.move_to_end(key)
        if len(self._evidence) > _EVIDENCE:
            self._evidence.popitem(last=False)

    def _on_change(self, resource: Resource, key: Key, old: Live | None, new: Live | None) -> None:
        watched = self._watched[resource.api_version, resource.kind]
        watched.seen(key, new)
        if new is not None:
            watched.doubted.discard(key)
            watched.unlabelled.pop(key, None)
            if old is None or _matters(old, new):
                self._changed(key)
        elif old is not None and not old.deleting:
            watched.doubted.add(key)
            self._group.create_task(self._believe(resource, watched, key), name=f"verify {key}")
        else:
            self._changed(key)

    async def _believe(self, resource: Resource, watched: _Watched, key: Key) -> None:
        """One GET tells whether it is gone, or only its label was taken off."""
        try:
            raw = await objects.get(self._client, resource, key.namespace, key.name)
            _, live = observer(resource)(raw)
            watched.unlabelled[key] = live
            self._keep_evidence(key, live, raw)
        except NotFoundError:
            watched.unlabelled.pop(key, None)
        except ApiError as error:
            logs.get(__name__).warning("could not verify a deletion; asking again", key=str(key), error=str(error))
            self._group.create_task(self._later(resource, watched, key), name=f"verify {key}")
            return
        watched.doubted.discard(key)
        self._changed(key)

    async def _later(self, resource: Resource, watched: _Watched, key: Key) -> None:
        await self._clock.sleep(2.0)
        if key in watched.doubted:
            await self._believe(resource, watched, key)


def _matters(old: Live, new: Live) -> bool:
    """Whether anything that a plan or a status rests on has changed; most events are status writes that change nothing of it."""
    return (old.uid, old.owner, old.projection, old.taken, old.deleting, old.health, old.message) != (
        new.uid,
        new.owner,
        new.projection,
        new.taken,
        new.deleting,
        new.health,
        new.message,
    )


def _version(resource_version: str) -> int:
    """Resource versions of one kind are ordered numbers (KEP-5504); one that is no number counts as the oldest."""
    return int(resource_version) if resource_version.isdigit() else 0
