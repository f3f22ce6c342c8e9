from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filebody import BodyShrank, IterableBody, NotReplayable, UsageError
from filebody.testing import check_body
from tests.body.reading import content_of

PIECES = st.lists(st.binary(max_size=20), max_size=8)


@settings(max_examples=15, deadline=None)
@given(PIECES, st.booleans(), st.booleans())
def test_conformance(pieces: list[bytes], known: bool, once: bool) -> None:
    content = b"".join(pieces)
    length = len(content) if known else None

    def make_body() -> IterableBody:
        return IterableBody(iter(pieces) if once else pieces, length=length)

    check_body(make_body, content)
    assert make_body().replayable is not once
    assert make_body().length == length


def test_a_bytearray_is_copied_when_it_is_given() -> None:
    buffer = bytearray(b"ab")

    def pieces() -> Iterator[bytearray]:
        yield buffer
        buffer[:] = b"cd"
        yield buffer

    with closing(IterableBody(pieces()).open()) as reader:  # type: ignore[arg-type]
        assert [reader.read(1) for _ in range(5)] == [b"a", b"b", b"c", b"d", b""]


@pytest.mark.parametrize("wrong", ["text", memoryview(b"x"), 7, None])
def test_a_piece_that_is_not_bytes_is_refused_for_good(wrong: object) -> None:
    with closing(IterableBody([b"ok", wrong, b"more"]).open()) as reader:  # type: ignore[list-item]
        assert reader.read(10) == b"ok"
        with pytest.raises(TypeError, match=f"<iterable> gave {type(wrong).__name__}, not bytes"):
            reader.read(10)
        with pytest.raises(UsageError, match="failed before"):
            reader.read(10)


def test_an_exception_of_a_generator_does_not_become_its_end() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"ab"
        raise LookupError("of its own")

    with closing(IterableBody(pieces()).open()) as reader:
        assert reader.read(10) == b"ab"
        with pytest.raises(LookupError):
            reader.read(10)
        with pytest.raises(UsageError, match="failed before"):
            reader.read(10)


@pytest.mark.parametrize("reads", [0, 1, 3])
def test_a_generator_is_closed_with_the_pass(reads: int) -> None:
    ended: list[str] = []

    def pieces() -> Iterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            ended.append("here")

    generator = pieces()
    reader = IterableBody(generator).open()
    for _ in range(reads):
        reader.read(1)
    reader.close()
    assert ended == ["here"] * (reads > 0)
    with pytest.raises(StopIteration):
        next(generator)


def test_an_iterable_is_not_asked_for_an_iterator_before_the_first_read() -> None:
    asked: list[str] = []

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            asked.append("now")
            return iter([b"a"])

    body = IterableBody(Pieces())
    with closing(body.open()) as reader:
        assert asked == []
        assert reader.read(1) == b"a"
    assert asked == ["now"]
    body.open().close()
    assert asked == ["now"]


def test_too_few_bytes_are_an_error_and_more_are_not_asked_for() -> None:
    with closing(IterableBody([b"abc"], length=5, source="made up").open()) as reader:
        assert reader.read(10) == b"abc"
        with pytest.raises(BodyShrank) as caught:
            reader.read(10)
    assert (caught.value.source, caught.value.offset, caught.value.expected_end) == (
        "made up",
        3,
        5,
    )

    def endless() -> Iterator[bytes]:
        yield b"abc"
        raise AssertionError("asked for more")

    assert content_of(IterableBody(endless(), length=2)) == b"ab"


def test_an_end_before_the_offset_is_said_with_its_position() -> None:
    with (
        closing(IterableBody([b"abc"], length=9).open(5)) as reader,
        pytest.raises(BodyShrank) as caught,
    ):
        reader.read(1)
    assert (caught.value.offset, caught.value.expected_end) == (3, 9)


def test_a_source_that_ended_is_not_asked_again() -> None:
    asked: list[str] = []

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            return self

        def __next__(self) -> bytes:
            asked.append("now")
            raise StopIteration

    with closing(IterableBody(Pieces()).open(3)) as reader:
        assert [reader.read(1) for _ in range(3)] == [b"", b"", b""]
    assert asked == ["now"]


def test_a_generator_gives_one_pass() -> None:
    body = IterableBody(iter([b"a"]), source="stream")
    body.open().close()
    with pytest.raises(NotReplayable, match=r"^stream can be read only once") as caught:
        body.open()
    assert caught.value.offset == 0


def test_a_negative_length_is_refused() -> None:
    with pytest.raises(UsageError, match="-1"):
        IterableBody([], length=-1)


def test_it_shows_what_it_is() -> None:
    assert repr(IterableBody([], length=3, source="x")) == "<IterableBody x length=3>"
