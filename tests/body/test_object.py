"""Objects with a `read` method, as they come."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filebody import BodyChanged, BodyReadError, BodyShrank, FileBody, UsageError, WaitBy
from filebody.testing import check_body
from tests.body.reading import content_of, old_file, read_when_ready, rest_of


class OnlyRead:
    """The least that is accepted."""

    def __init__(self, content: bytes, read: Callable[[bytes], Any] = bytes) -> None:
        self._content = content
        self._answer = read
        self.asked: list[int] = []

    def read(self, size: int) -> Any:
        self.asked.append(size)
        piece, self._content = self._content[:size], self._content[size:]
        return self._answer(piece)


class Hesitant(OnlyRead):
    """Has nothing yet each second time, as a non-blocking raw file."""

    def read(self, size: int) -> Any:
        if len(self.asked) % 2 == 0:
            self.asked.append(size)
            return None
        return super().read(size)


class WithDescriptor:
    """Wraps an open file as progress bars do: what it has not itself, the file has."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.calls = 0

    def read(self, size: int = -1) -> bytes:
        self.calls += 1
        piece: bytes = self._file.read(size)
        return piece.upper()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@settings(max_examples=10, deadline=None)
@given(st.binary(max_size=200), st.booleans(), st.sampled_from([OnlyRead, Hesitant, io.BytesIO]))
def test_conformance(content: bytes, known: bool, kind: Any) -> None:
    length = len(content) if known else None
    check_body(lambda: FileBody(kind(content), length=length), content)


def test_conformance_in_threads(opened: Callable[..., Any], tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"abcdefghi" * 10)
    check_body(lambda: FileBody(WithDescriptor(opened(path))), b"ABCDEFGHI" * 10)


def test_conformance_in_threads_with_hesitation(opened: Callable[..., Any], tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"abcdefghi")

    class Both(WithDescriptor):
        def read(self, size: int = -1) -> Any:
            self.calls += 1
            return None if self.calls % 2 else self._file.read(size)

    check_body(lambda: FileBody(Both(opened(path))), b"abcdefghi")


def test_with_a_descriptor_it_is_read_in_threads_only(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    path = old_file(tmp_path / "file", b"abcdef")
    file = WithDescriptor(opened(path))
    body = FileBody(file)
    assert (body.length, body.replayable, body.source) == (6, False, str(path))
    with closing(body.open()) as reader:
        assert reader.read(4) is None
        assert (file.calls, reader.wait_by) == (0, WaitBy.THREAD)
        assert reader.readinto(bytearray(4)) is None
        assert reader.device == path.stat().st_dev
        assert reader.read_blocking(4) == b"ABCD"
        assert rest_of(reader) == b"EF"


def test_without_a_descriptor_it_is_read_at_once() -> None:
    with closing(FileBody(OnlyRead(b"abc")).open()) as reader:
        assert reader.device is None
        assert reader.read(2) == b"ab"
        assert reader.read_blocking(2) == b"c"
        assert reader.readinto(bytearray(2)) == 0


def test_nothing_yet_is_no_end() -> None:
    with closing(FileBody(Hesitant(b"abc")).open()) as reader:
        assert reader.read(2) is None
        assert reader.wait_by is WaitBy.RETRY
        assert reader.readinto(bytearray(2)) == 2
        assert reader.readinto(bytearray(2)) is None
        assert rest_of(reader) == b"c"


def test_nothing_yet_from_a_thread_is_asked_for_later(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    class Empty(WithDescriptor):
        def read(self, size: int = -1) -> Any:
            return None

    path = old_file(tmp_path / "file", b"abc")
    with closing(FileBody(Empty(opened(path))).open()) as reader:
        waits = []
        for _ in range(4):
            assert reader.read(1) is None
            waits.append(reader.wait_by)
            if reader.wait_by is WaitBy.THREAD:
                assert reader.read_blocking(1) is None
        assert waits == [WaitBy.THREAD, WaitBy.RETRY] * 2


def test_a_bytearray_is_taken() -> None:
    given = bytearray(b"abc")

    class Reuses:
        def read(self, size: int) -> bytearray:
            return given

    with closing(FileBody(Reuses()).open()) as reader:
        piece = reader.read(3)
        given[:] = b"xyz"
        assert piece == b"abc"


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (lambda piece: piece.decode(), TypeError, r"read\(\) gave str, not bytes: open it in bin"),
        (memoryview, TypeError, r"read\(\) gave memoryview, not bytes$"),
        (list, TypeError, r"read\(\) gave list, not bytes$"),
        (len, TypeError, r"read\(\) gave int, not bytes$"),
        (lambda piece: piece + b"!", UsageError, r"read\(3\) gave 4 bytes$"),
    ],
)
def test_a_wrong_answer_is_an_error_for_good(
    answer: Callable[[bytes], Any], error: type[Exception], says: str
) -> None:
    with closing(FileBody(OnlyRead(b"abcdef", answer)).open()) as reader:
        with pytest.raises(error, match=f"^<OnlyRead>: {says}"):
            reader.read(3)
        with pytest.raises(UsageError, match="failed before"):
            reader.read(3)


def test_its_own_exceptions_are_passed_on() -> None:
    class Broken:
        def read(self, size: int) -> bytes:
            raise LookupError("of its own")

    with closing(FileBody(Broken()).open()) as reader, pytest.raises(LookupError):
        reader.read(1)


def test_no_more_than_the_announced_length_is_asked_for() -> None:
    file = OnlyRead(b"abcdef")
    assert content_of(FileBody(file, length=4), size=3) == b"abcd"
    assert file.asked == [3, 1]
    assert content_of(FileBody(OnlyRead(b"abc"), length=0)) == b""


def test_an_end_before_the_announced_length() -> None:
    with closing(FileBody(OnlyRead(b"abc"), length=4).open()) as reader:
        assert reader.read(9) == b"abc"
        with pytest.raises(BodyShrank) as caught:
            reader.read(9)
    assert (caught.value.source, caught.value.offset, caught.value.expected_end) == (
        "<OnlyRead>",
        3,
        4,
    )


def test_a_change_of_the_file_below_is_noticed(opened: Callable[..., Any], tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"abcdef")
    with closing(FileBody(WithDescriptor(opened(path))).open()) as reader:
        assert read_when_ready(reader, 4) == b"ABCD"
        path.write_bytes(b"uvwxyz")
        with pytest.raises(BodyChanged) as caught:
            read_when_ready(reader, 4)
    assert caught.value.offset == 6
    file = WithDescriptor(opened(path))
    with closing(FileBody(file, allow_changes=True).open()) as reader:
        path.write_bytes(b"123456789")
        assert rest_of(reader) == b"123456"
        assert reader.device == path.stat().st_dev


def test_the_file_below_cannot_be_asked_any_more(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    path = old_file(tmp_path / "file", b"abc")

    class Vanishing(WithDescriptor):
        def fileno(self) -> int:
            return -1 if self.calls else int(self._file.fileno())

    with (
        closing(FileBody(Vanishing(opened(path))).open()) as reader,
        pytest.raises(BodyReadError, match="Bad file descriptor") as caught,
    ):
        read_when_ready(reader)
    assert caught.value.offset == 3


class TestClosing:
    def test_the_callers_file_stays_open(self) -> None:
        file = io.BytesIO(b"abc")
        assert content_of(FileBody(file)) == b"abc"
        assert not file.closed

    @pytest.mark.parametrize("reads", [0, 1, 2])
    def test_it_is_closed_once_on_demand(self, reads: int) -> None:
        closes: list[str] = []

        class Counted(OnlyRead):
            def close(self) -> None:
                closes.append("closed")

        reader = FileBody(Counted(b"abc"), close=True).open()
        for _ in range(reads):
            reader.read(3)
        reader.close()
        reader.close()
        assert closes == ["closed"]

    def test_what_cannot_be_closed_is_not(self) -> None:
        assert content_of(FileBody(OnlyRead(b"abc"), close=True)) == b"abc"
