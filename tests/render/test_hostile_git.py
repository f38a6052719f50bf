"""Rows G1 and G2 of the bad-input corpus: Git trees that are made to lead out of themselves."""

from __future__ import annotations

import pytest
from tests.render.trees import Files, Link, Objects, ask, config_map, render

from trimtab.render.errors import RenderFailedError
from trimtab.render.pool import Pool


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../etc/passwd", "/proc/self/environ"])
@pytest.mark.parametrize("name", ["app/a.yaml", "app/values.yaml", "app/templates"])
async def test_g1_a_link_out_of_the_tree_is_refused(pool: Pool, target: str, name: str) -> None:
    """The error names the link, never what it points to, let alone what is there."""
    files: Files = {"app/Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\n"} if "a.yaml" not in name else {}
    with pytest.raises(RenderFailedError) as caught:
        await render(pool, {**files, name: Link(target)})
    shown = f"{caught.value} {caught.value.detail}"
    assert name in shown
    assert "root:" not in shown
    assert "passwd" not in shown
    assert caught.value.failure_class == "Source"


async def test_g1_links_inside_the_tree_work(pool: Pool) -> None:
    """To a file, to a folder, and to another application's folder: they are ordinary reads under their real path."""
    files: Files = {"app/a.yaml": Link("../base/a.yaml"), "base/a.yaml": config_map("linked")}
    result = await render(pool, files)
    assert [one.name for one in result.objects] == ["linked"]
    assert {(kind, path) for kind, path, _ in result.reads} >= {("l", "app/a.yaml"), ("f", "base/a.yaml")}


async def test_g1_forty_links_in_a_row_are_followed_and_more_are_not(pool: Pool) -> None:
    """As many as Linux follows; a circle ends there too."""
    chain: Files = {f"app/{n}.txt": Link(f"{n + 1}.txt") for n in range(60)}
    short: Files = {**chain, "app/a.yaml": Link("25.txt"), "app/60.txt": config_map("end")}
    assert [one.name for one in (await render(pool, short)).objects] == ["end"]
    for start in ("0.txt", "a.yaml"):
        with pytest.raises(RenderFailedError, match=r"app/.*: leads through more than 40 symbolic links"):
            await render(pool, {**chain, "app/a.yaml": Link(start), "app/60.txt": config_map("end")})


@pytest.mark.parametrize("name", ["..", ".", ".git", ".GIT", "git~1", "a/b", "n" * 4096])
async def test_g2_hostile_names_fail_the_render(pool: Pool, name: str) -> None:
    """No checkout is ever made, and still such a tree is not read: it was made by nobody who means well."""
    objects = Objects()
    blob = objects.put("blob", config_map().encode())
    inside = objects.entries([("100644", "a.yaml", blob), ("100644", name, blob)])
    with pytest.raises(RenderFailedError) as caught:
        await pool.render(ask(objects.entries([("40000", "app", inside)])), objects, who="team/demo")
    assert caught.value.failure_class == "Source"
    assert len(str(caught.value)) < 1000


async def test_g2_names_that_differ_in_case_are_two_files(pool: Pool) -> None:
    """There is no file system here that could take one for the other."""
    result = await render(pool, {"app/a.yaml": config_map("small"), "app/A.yaml": config_map("large")})
    assert sorted(one.name for one in result.objects) == ["large", "small"]


async def test_g2_a_truncated_tree_is_an_error(pool: Pool) -> None:
    """Half an entry is never the end of the list."""
    objects = Objects()
    blob = objects.put("blob", config_map().encode())
    broken = objects.put("tree", b"100644 a.yaml\0" + bytes.fromhex(blob)[:10])
    with pytest.raises(RenderFailedError):
        await pool.render(ask(objects.entries([("40000", "app", broken)])), objects, who="team/demo")
