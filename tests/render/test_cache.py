from __future__ import annotations

import asyncio

import msgspec
import pytest
from tests.render.trees import ask

from trimtab.render.cache import RenderCache, question
from trimtab.render.result import Chance, Rendered, RenderedObject

pytestmark = pytest.mark.fast


def _rendered(key: str, size: int = 100) -> Rendered:
    one = RenderedObject("v1", "ConfigMap", "", "a", "", 0, "", crd=False, problem="", digest="", body=bytes(size))
    return Rendered("Plain", (one,), (), (), Chance(), (), 0.1, key)


def test_a_kept_render_is_found_by_its_key() -> None:
    """And one never kept is not."""
    cache = RenderCache()
    cache.put(_rendered("a"))
    assert cache.get("a") == _rendered("a")
    assert cache.get("b") is None
    assert (cache.statistics().hits, cache.statistics().misses) == (1, 1)


def test_the_cache_keeps_within_its_bytes() -> None:
    """What was used longest ago goes first; one larger than everything is not kept at all."""
    cache = RenderCache(most=5 * _rendered("a").size)
    for key in "abcde":
        cache.put(_rendered(key))
    cache.get("a")
    cache.put(_rendered("f"))
    cache.put(_rendered("g", size=1 << 20))
    assert [key for key in "abcdefg" if cache.get(key) is not None] == ["a", "c", "d", "e", "f"]
    assert cache.statistics().size <= 5 * _rendered("a").size


def test_a_question_has_its_last_answers() -> None:
    """The latest first, so that a revert finds what was rendered before; four of them."""
    cache = RenderCache()
    for key in "abcdef":
        cache.put(_rendered(key), asked="q")
    assert [render.key for render in cache.candidates("q")] == ["f", "e", "d", "c"]
    assert cache.candidates("other") == ()


def test_a_question_does_not_name_the_tree() -> None:
    """So the answer to it may hold in another commit; it names all else."""
    one, two = ask("1" * 40), msgspec.structs.replace(ask("2" * 40), now="2030-01-01T00:00:00Z")
    other = msgspec.structs.replace(one, parameters={"recurse": True})
    assert question(one, worker_version="1") == question(two, worker_version="1")
    assert question(one, worker_version="1") != question(one, worker_version="2")
    assert question(one, worker_version="1") != question(other, worker_version="1")


async def test_two_who_ask_the_same_share_one_render() -> None:
    """Single flight: the second waits for the first."""
    cache = RenderCache()
    begun = 0

    async def work() -> Rendered:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0.01)
        return _rendered("a")

    results = await asyncio.gather(*(cache.once("q", "tree", work) for _ in range(3)), cache.once("q", "another tree", work))
    assert begun == 2
    assert {result.key for result in results} == {"a"}
    assert cache.statistics().shared == 2


async def test_an_error_is_shared_but_not_kept() -> None:
    """Whoever asks later tries again."""
    cache = RenderCache()

    async def fail() -> Rendered:
        raise ValueError("broken")

    async def work() -> Rendered:
        return _rendered("a")

    errors = await asyncio.gather(cache.once("q", "t", fail), cache.once("q", "t", fail), return_exceptions=True)
    assert [str(error) for error in errors] == ["broken", "broken"]
    assert (await cache.once("q", "t", work)).key == "a"


async def test_a_shared_render_ends_with_the_last_who_waits_for_it() -> None:
    """One who gives up does not take it from the other; when both have, it is cancelled."""
    cache = RenderCache()
    ended = asyncio.Event()

    async def work() -> Rendered:
        try:
            await asyncio.sleep(60)
            return _rendered("a")
        finally:
            ended.set()

    first, second = (asyncio.create_task(cache.once("q", "t", work)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0.01)
    assert not ended.is_set()
    second.cancel()
    await asyncio.wait_for(ended.wait(), 1)
