"""The render key: the content address of all that a render was a function of (design rule 5).

Never the commit, so an unrelated push does not void it; never the whole list of API versions, so a new CRD does not either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trimtab.core.digests import digest, digest_of, keyed_digest
from trimtab.render.errors import Read
from trimtab.render.request import Release, RenderRequest
from trimtab.render.result import Rendered


def render_key(
    *,
    reads: Iterable[Read],
    parameters: Mapping[str, Any],
    capability_reads: Iterable[Read],
    release: Release | None,
    worker_version: str,
    seed_id: str,
    time_used: str,
    policy: str,
) -> str:
    """SHA-256 over the canonical JSON of all inputs. Neither the order of reads nor their repetition matters.

    `release`, `seed_id` and `time_used` are empty where the render did not depend on them.
    """
    return digest_of(
        {
            "reads": sorted(set(reads)),
            "parameters": parameters,
            "capabilityReads": sorted(set(capability_reads)),
            "release": release,
            "workerVersion": worker_version,
            "seed": seed_id,
            "time": time_used,
            "policy": policy,
        }
    )


def key_of(request: RenderRequest, result: Rendered, *, worker_version: str) -> str:
    """The key of a render that was carried out: only what it used of the request enters."""
    drew = bool(result.random.seeded)
    return render_key(
        reads=result.reads,
        parameters={"path": request.path, "kind": request.kind, "parameters": concealed(request.parameters, request.seed)},
        capability_reads=result.capability_reads,
        release=request.release if drew or result.kind == "Helm" else None,
        worker_version=worker_version,
        seed_id=seed_id(request.seed) if drew else "",
        time_used=request.now if result.random.time else "",
        policy=request.policy,
    )


def concealed(parameters: Mapping[str, Any], seed: bytes) -> dict[str, Any]:
    """The parameters with documents from elsewhere replaced by keyed digests.

    The key stands in a status that many may read; a plain hash over a Secret's values would let them test guesses.
    """
    documents = [
        {**document, "content": keyed_digest(seed, document["content"].encode())} if "content" in document else document
        for document in parameters.get("valuesFrom", ())
    ]
    return {**parameters, "valuesFrom": documents} if documents else dict(parameters)


def seed_id(seed: bytes) -> str:
    """Names a seed without telling it (a seed is 32 random bytes, so its hash cannot be guessed back)."""
    return digest(b"trimtab seed id\n" + seed)
