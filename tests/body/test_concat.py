from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filebody import (
    Body,
    BodyChanged,
    BytesBody,
    ConcatBody,
    DigestBody,
    FileBody,
    IterableBody,
    NotReplayable,
    PathBody,
    Reader,
    SliceBody,
    UsageError,
    WaitBy,
    as_body,
)
from filebody.testing import check_body
from tests.body.plain import PlainBody, PlainReader
from tests.body.reading import content_of, old_file, pipe_with, read_when_ready, rest_of

KINDS: dict[str, Callable[[bytes], Body]] = {
    "bytes": BytesBody,
    "list": lambda content: IterableBody([content[:2], content[2:]]),
    "list of known length": lambda content: IterableBody([content], length=len(content)),
    "generator": lambda content: IterableBody(iter([content])),
    "object": lambda content: FileBody(io.BytesIO(content)),
    "slice": lambda content: SliceBody(BytesBody(b"<" + content + b">"), 1, len(content) + 1),
    "nested": lambda content: ConcatBody(BytesBody(content[:1]), BytesBody(content[1:])),
}
PARTS = st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.binary(max_size=12)), max_size=5)


@settings(max_examples=25, deadline=None)
@given(PARTS)
def test_concatenations_of_anything_conform(parts: list[tuple[str, bytes]]) -> None:
    def make_body() -> Body:
        return ConcatBody(*(KINDS[kind](content) for kind, content in parts))

    check_body(make_body, b"".join(content for _, content in parts))


def test_files_among_others_conform(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"in the file")
    empty = old_file(tmp_path / "empty", b"")

    def make_body() -> Body:
        return ConcatBody(
            PathBody(empty), BytesBody(b"["), PathBody(path), PathBody(empty), BytesBody(b"]")
        )

    check_body(make_body, b"[in the file]")


def test_a_pipe_among_others_says_what_to_wait_for(keep: ExitStack) -> None:
    near, far = pipe_with(b"")
    file = keep.enter_context(os.fdopen(near, "rb"))
    body = ConcatBody(BytesBody(b"["), FileBody(file), BytesBody(b"]"))
    assert (body.length, body.replayable) == (None, False)
    with closing(body.open()) as reader:
        assert reader.read(10) == b"["
        assert reader.read(10) is None
        assert (reader.wait_by, reader.fileno()) == (WaitBy.DESCRIPTOR, near)
        os.write(far, b"piped")
        assert reader.read(10) == b"piped"
        os.close(far)
        assert reader.read(10) == b"]"
        assert reader.read(10) == b""
        assert reader.wait_by is WaitBy.RETRY
        assert reader.device is None
        with pytest.raises(UsageError, match="no descriptor"):
            reader.fileno()


def test_the_device_is_that_of_the_part_being_read(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"x")
    with closing(ConcatBody(PathBody(path)).open()) as reader:
        assert reader.device == path.stat().st_dev


@pytest.mark.parametrize("begun", [False, True])
def test_every_part_is_closed_however_far_the_pass_came(begun: bool) -> None:
    files = [io.BytesIO(b"one"), io.BytesIO(b"two")]
    body = ConcatBody(
        BytesBody(b"header"),
        FileBody(files[0], close=True),
        BytesBody(b"between"),
        FileBody(files[1], close=True),
    )
    reader = body.open()
    if begun:
        assert reader.read(3) == b"hea"
    reader.close()
    assert [file.closed for file in files] == [True, True]


def test_a_part_that_a_range_leaves_out_is_closed_too() -> None:
    files = [io.BytesIO(b"one"), io.BytesIO(b"two"), io.BytesIO(b"three")]
    body = ConcatBody(*(FileBody(file, close=True) for file in files))
    assert content_of(body, 3, 6) == b"two"
    assert [file.closed for file in files] == [True, True, True]
    assert files[0].closed


def test_one_failing_close_does_not_leave_the_others_open() -> None:
    class Bad(io.BytesIO):
        def close(self) -> None:
            super().close()
            raise OSError("full")

    files = [Bad(b"one"), io.BytesIO(b"two"), Bad(b"three")]
    reader = ConcatBody(*(FileBody(file, close=True) for file in files)).open()
    with pytest.raises(OSError, match="full"):
        reader.close()
    assert [file.closed for file in files] == [True, True, True]
    reader.close()


def test_a_part_is_closed_when_it_ended() -> None:
    first = io.BytesIO(b"one")
    with closing(ConcatBody(FileBody(first, close=True), BytesBody(b"two")).open()) as reader:
        assert [reader.read(3), reader.read(3)] == [b"one", b"two"]
        assert first.closed


def test_a_second_pass_is_refused_when_it_is_opened_and_not_half_way() -> None:
    body = ConcatBody(BytesBody(b"sent again"), IterableBody(iter([b"once"]), source="stream"))
    body.open().close()
    with pytest.raises(NotReplayable, match="stream"):
        body.open()


def test_what_was_opened_before_a_refusal_is_closed() -> None:
    file = io.BytesIO(b"one")
    used = IterableBody(iter([b"once"]))
    used.open().close()
    with pytest.raises(NotReplayable):
        ConcatBody(FileBody(file, close=True), used).open()
    assert file.closed


def test_a_changed_file_is_noticed_where_a_range_ends_in_it(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"0123456789")
    body = ConcatBody(BytesBody(b"abc"), PathBody(path))
    with closing(body.open(0, 8)) as reader:
        assert read_when_ready(reader, 4) == b"abc"
        assert read_when_ready(reader, 2) == b"01"
        with path.open("r+b") as file:
            file.write(b"9876543210")
        with pytest.raises(BodyChanged):
            read_when_ready(reader, 10)


def test_offsets_reach_through_parts_of_unknown_length() -> None:
    body = ConcatBody(BytesBody(b"ab"), IterableBody([b"cd", b"e"]), BytesBody(b"fgh"))
    for offset in range(9):
        for stop in [None, *range(offset, 9)]:
            assert content_of(body, offset, stop, size=3) == b"abcdefgh"[offset:stop]


def test_a_digest_cannot_be_made_of_half_a_part_but_the_part_can_be_left_out() -> None:
    def body() -> ConcatBody:
        return ConcatBody(DigestBody(BytesBody(b"abc")), BytesBody(b"def"))

    assert content_of(body(), 3) == b"def"
    assert content_of(body(), 0, 3) == b"abc"
    with pytest.raises(UsageError, match="a digest needs all bytes"):
        body().open(1)
    with pytest.raises(UsageError, match="a digest needs all bytes"):
        body().open(0, 2)


def test_read_blocking_alone_comes_to_the_end() -> None:
    body = ConcatBody(BytesBody(b"a"), BytesBody(b""), IterableBody([b"b"]))
    with closing(body.open()) as reader:
        answers = [reader.read_blocking(5) for _ in range(6)]
    assert [piece for piece in answers if piece] == [b"a", b"b"]
    assert answers[-1] == b""


def test_a_read_in_a_thread_does_not_begin_a_part_that_belongs_to_the_event_loop() -> None:
    advanced: list[str] = []

    def pieces() -> Iterator[bytes]:
        advanced.append("now")
        yield b"b"

    with closing(ConcatBody(BytesBody(b"a"), IterableBody(pieces())).open()) as reader:
        assert reader.read_blocking(5) == b"a"
        assert reader.read_blocking(5) is None
        assert advanced == []
        assert reader.wait_by is WaitBy.RETRY
        assert reader.read(5) == b"b"


def test_an_error_of_a_part_ends_the_pass() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"b"
        raise LookupError

    body = ConcatBody(BytesBody(b"a"), IterableBody(pieces()), BytesBody(b"c"))
    with closing(body.open()) as reader:
        assert [reader.read(9), reader.read(9)] == [b"a", b"b"]
        with pytest.raises(LookupError):
            reader.read(9)
        with pytest.raises(UsageError, match="failed before"):
            reader.read(9)


def test_what_was_read_of_a_part_can_be_given_back_if_that_part_can() -> None:
    body = ConcatBody(BytesBody(b"abc"), IterableBody([b"de"]), BytesBody(b"fg"))
    with closing(body.open()) as reader:
        assert [reader.read(2), reader.can_unread] == [b"ab", True]
        reader.unread(1)
        assert [reader.read(9), reader.can_unread] == [b"bc", True]
        reader.unread(1)
        assert [reader.read(9), reader.read(9), reader.can_unread] == [b"c", b"de", False]
        with pytest.raises(UsageError, match="cannot be given back"):
            reader.unread(1)
        assert [reader.read(9), reader.can_unread] == [b"fg", True]
        reader.unread(2)
        assert [reader.read(9), reader.read(9), reader.can_unread] == [b"fg", b"", False]
        with pytest.raises(UsageError, match="cannot be given back"):
            reader.unread(1)


def test_giving_back_the_end_of_a_part_has_its_file_checked_again(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"0123456789")
    with closing(ConcatBody(PathBody(path), BytesBody(b"abc")).open()) as reader:
        assert read_when_ready(reader) == b"0123456789"
        reader.unread(1)
        path.write_bytes(b"9876543210")
        with pytest.raises(BodyChanged):
            read_when_ready(reader)
        assert not reader.can_unread


def test_readinto_gives_a_part_the_callers_own_buffer() -> None:
    buffers: list[bytearray | memoryview] = []

    class Seen(PlainReader):
        def readinto(self, buffer: bytearray | memoryview) -> int | None:
            buffers.append(buffer)
            return super().readinto(buffer)

    class Body(PlainBody):
        def reader(self, content: bytes) -> Reader:
            return Seen(content)

    buffer = bytearray(4)
    with closing(ConcatBody(BytesBody(b""), Body(b"abc"), Body(b"defg")).open()) as reader:
        assert [reader.readinto(buffer), buffer[:3]] == [3, b"abc"]
        assert [reader.readinto(buffer), buffer] == [4, b"defg"]
        assert [reader.readinto(buffer), reader.readinto(buffer)] == [0, 0]
    assert buffers[0] is buffer


def test_readinto_at_an_offset_behind_an_unknown_length() -> None:
    near = ConcatBody(IterableBody([b"abc"]), BytesBody(b"defg"))
    buffer = bytearray(10)
    with closing(near.open(2, 6)) as reader:
        assert [reader.readinto(buffer), buffer[:1]] == [1, b"c"]
        assert [reader.readinto(buffer), buffer[:3]] == [3, b"def"]
        assert reader.readinto(buffer) == 0


def test_nothing_and_what_is_no_body() -> None:
    assert (ConcatBody().length, ConcatBody().source) == (0, "<nothing>")
    assert content_of(ConcatBody()) == b""
    with pytest.raises(TypeError, match="a part must be a Body, not bytes"):
        ConcatBody(b"abc")  # type: ignore[arg-type]


def test_it_names_its_parts() -> None:
    body = ConcatBody(BytesBody(b"", source="a"), as_body([b""]))
    assert body.source == "a + <iterable>"
    with closing(body.open()) as reader:
        assert rest_of(reader) == b""
