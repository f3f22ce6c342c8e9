from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filebody import Body, BytesBody, IterableBody, SliceBody, UsageError
from filebody.testing import check_body
from tests.body.reading import content_of


@settings(max_examples=15, deadline=None)
@given(st.data(), st.binary(max_size=60), st.integers(1, 3), st.booleans())
def test_slices_of_slices_conform(data: Any, content: bytes, depth: int, known: bool) -> None:
    ranges: list[tuple[int, int]] = []
    count = len(content)
    for _ in range(depth):
        start = data.draw(st.integers(0, count))
        stop = data.draw(st.integers(start, count))
        ranges.append((start, stop))
        count = stop - start

    def make_body() -> Body:
        body: Body = BytesBody(content) if known else IterableBody([content[:5], content[5:]])
        for start, stop in ranges:
            body = SliceBody(body, start, stop)
        return body

    expected = content
    for start, stop in ranges:
        expected = expected[start:stop]
    check_body(make_body, expected)
    assert make_body().length == (len(expected) if known else None)


def test_without_a_stop_it_goes_to_the_end() -> None:
    assert content_of(SliceBody(BytesBody(b"abcdef"), 2)) == b"cdef"
    assert content_of(SliceBody(IterableBody([b"abc", b"def"]), 2)) == b"cdef"
    assert content_of(SliceBody(IterableBody([b"abc", b"def"]), 2), 1, 3) == b"de"


def test_a_slice_of_a_stream_never_gives_more_than_the_slice() -> None:
    body = SliceBody(IterableBody([b"abcdef"]), 2, 4)
    assert content_of(body, 0, 100) == b"cd"
    assert content_of(body, 1, 100) == b"d"


def test_a_slice_of_a_stream_ends_where_the_stream_does() -> None:
    assert content_of(SliceBody(IterableBody([b"abc"]), 1, 100)) == b"bc"
    assert content_of(SliceBody(IterableBody([b"abc"]), 50, 100)) == b""


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (4, None), (0, 4), (2, 1)])
def test_a_range_outside_is_refused_at_once(start: int, stop: int | None) -> None:
    with pytest.raises(UsageError, match=r"^letters: "):
        SliceBody(BytesBody(b"abc", source="letters"), start, stop)


def test_it_can_be_sent_again_when_the_whole_can() -> None:
    assert SliceBody(BytesBody(b"abc"), 1).replayable
    assert not SliceBody(IterableBody(iter([b"abc"])), 1).replayable


def test_it_is_a_value() -> None:
    assert SliceBody(BytesBody(b"abc"), 1) == SliceBody(BytesBody(b"abc"), 1, 3)
    with closing(SliceBody(BytesBody(b"abc"), 1).open()) as reader:
        assert reader.device is None
        with pytest.raises(UsageError, match="no descriptor"):
            reader.fileno()
