from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.render.frames import LENGTHS, Frame, OversizedFrameError, Splitter, encode

pytestmark = pytest.mark.fast
frames = st.lists(st.builds(Frame, st.binary(max_size=40), st.binary(max_size=200)), max_size=8)


def _drain(splitter: Splitter) -> list[Frame]:
    return list(iter(splitter.next, None))


@given(frames, st.integers(1, 64))
def test_frames_come_back_however_the_bytes_arrive(sent: list[Frame], step: int) -> None:
    """A stream cut anywhere gives the frames that were sent, in order, each as soon as it is whole."""
    stream = b"".join(map(encode, sent))
    splitter = Splitter()
    received: list[Frame] = []
    for start in range(0, len(stream), step):
        splitter.feed(stream[start : start + step])
        received += _drain(splitter)
    assert received == sent


def test_a_frame_over_the_limit_is_refused_before_its_content_arrives() -> None:
    """Eight bytes are enough to refuse what would fill memory."""
    splitter = Splitter(max_body=100)
    splitter.feed(LENGTHS.pack(10, 101))
    with pytest.raises(OversizedFrameError, match="10 \\+ 101 bytes"):
        splitter.next()


def test_reading_pauses_only_when_more_than_a_frame_is_held() -> None:
    """A large frame is let in whole; what comes after it unasked is held up."""
    splitter = Splitter()
    splitter.feed(encode(Frame(b"{}", bytes(3 << 20)))[:-1])
    assert not splitter.ahead()
    splitter.feed(bytes(2 << 20))
    assert splitter.ahead()


def test_a_stream_of_nonsense_is_held_up() -> None:
    """Lengths that make no sense do not make us take the rest."""
    splitter = Splitter(max_body=1)
    splitter.feed(b"\xff" * (2 << 20))
    assert splitter.ahead()
