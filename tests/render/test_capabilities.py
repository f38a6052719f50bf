from __future__ import annotations

import pytest
from tests.render.trees import CAPABILITIES, chart, holding, render

from trimtab.render.capabilities import answer, hold
from trimtab.render.pool import Pool
from trimtab.render.request import Capabilities

MORE = Capabilities.of("1.35.0", [*CAPABILITIES.api_versions, "x/v1"])
NEWER = Capabilities.of("1.36.0", CAPABILITIES.api_versions)


@pytest.mark.parametrize(
    ("expression", "same_with_more", "same_when_newer"),
    [
        (".Capabilities.KubeVersion.Minor", True, False),
        ('.Capabilities.APIVersions.Has "apps/v1"', True, True),
        ('.Capabilities.APIVersions.Has "x/v1"', False, True),
    ],
)
async def test_a_render_is_woken_by_the_answers_it_used(pool: Pool, expression: str, same_with_more: bool, same_when_newer: bool) -> None:
    """A new kind wakes who asked for it; a new version of Kubernetes who looked at it; nobody else."""
    reads = (await render(pool, chart({"a.yaml": holding(expression)}))).capability_reads
    assert hold(reads, CAPABILITIES)
    assert hold(reads, MORE) == same_with_more
    assert hold(reads, NEWER) == same_when_newer


async def test_whoever_takes_the_whole_list_is_woken_by_any_change_of_it(pool: Pool) -> None:
    """The worker's digest of the list is ours."""
    reads = (await render(pool, chart({"a.yaml": holding(".Capabilities.APIVersions | len")}))).capability_reads
    assert hold(reads, CAPABILITIES)
    assert not hold(reads, MORE)


def test_an_unknown_question_is_no_silent_yes() -> None:
    """A newer worker may ask what we do not know."""
    with pytest.raises(ValueError, match="no question"):
        answer("nodes", "", CAPABILITIES)
