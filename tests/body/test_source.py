"""What all of our readers share: closing under a read, and no way on after an error."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from types import TracebackType
from typing import Any

import pytest

from filebody import BytesBody, FileBody, UsageError
from tests.body.reading import in_threads


class Gate:
    """A file whose read waits until it is let through, and that notes what happens to it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.let_through = threading.Event()
        self.events: list[str] = []

    def read(self, size: int) -> bytes:
        self.entered.set()
        assert self.let_through.wait(10)
        self.events.append("read")
        return b"x" * size

    def close(self) -> None:
        self.events.append("closed")


def test_a_close_under_a_read_returns_at_once_and_is_carried_out_by_the_read() -> None:
    gate = Gate()
    reader = FileBody(gate, close=True).open()
    given: list[bytes | None] = []
    thread = threading.Thread(target=lambda: given.append(reader.read_blocking(3)))
    thread.start()
    assert gate.entered.wait(10)
    reader.close()
    reader.close()
    assert gate.events == []
    with pytest.raises(UsageError, match="is closed"):
        reader.read(1)
    assert reader.read_blocking(1) is None
    gate.let_through.set()
    thread.join(10)
    assert gate.events == ["read", "closed"]
    assert given == [b"xxx"]
    reader.close()
    assert gate.events == ["read", "closed"]


def test_a_close_that_fails_under_a_read_is_raised_by_the_read_once() -> None:
    class Bad(Gate):
        def close(self) -> None:
            super().close()
            raise OSError("full")

    gate = Bad()
    reader = FileBody(gate, close=True).open()
    raised: list[BaseException] = []

    def read() -> None:
        try:
            reader.read_blocking(3)
        except OSError as error:
            raised.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    assert gate.entered.wait(10)
    reader.close()
    gate.let_through.set()
    thread.join(10)
    assert [str(error) for error in raised] == ["full"]
    reader.close()
    assert gate.events == ["read", "closed"]


def test_a_close_that_fails_is_raised_once_and_the_reader_is_closed() -> None:
    class Bad(io.BytesIO):
        closes = 0

        def close(self) -> None:
            self.closes += 1
            raise OSError("full")

    file = Bad(b"abc")
    reader = FileBody(file, close=True).open()
    with pytest.raises(OSError, match="full"):
        reader.close()
    reader.close()
    with pytest.raises(UsageError, match="is closed"):
        reader.read(1)
    assert file.closes == 1
    Bad.close = io.BytesIO.close  # type: ignore[method-assign] # the interpreter closes it too


def test_a_failing_read_that_was_closed_meanwhile_closes() -> None:
    class Failing(Gate):
        def read(self, size: int) -> bytes:
            super().read(size)
            raise OSError("gone")

    gate = Failing()
    gate.let_through.set()
    reader = FileBody(gate, close=True).open()
    closes = iter([reader.close])

    def read(size: int) -> bytes:
        next(closes)()
        return Failing.read(gate, size)

    gate.read = read  # type: ignore[method-assign]
    with pytest.raises(OSError, match="gone"):
        reader.read_blocking(1)
    assert gate.events == ["read", "closed"]


def test_a_close_just_before_the_read_in_a_thread_begins_is_no_error() -> None:
    """As the two race: the read finds out only when it has the lock."""
    reader: Any = BytesBody(b"abc").open()

    class ClosesFirst:
        def __init__(self, lock: threading.Lock) -> None:
            self.lock = lock

        def __enter__(self) -> None:
            reader._lock = self.lock
            reader.close()
            self.lock.acquire()

        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            traceback: TracebackType | None,
        ) -> None:
            self.lock.release()

    reader._lock = ClosesFirst(reader._lock)
    assert reader.read_blocking(1) is None


def test_after_an_error_nothing_is_read() -> None:
    class Flaky(io.RawIOBase):
        answers = iter([b"a", OSError("once"), b"c"])

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> Any:
            answer = next(self.answers)
            if isinstance(answer, OSError):
                raise answer
            return answer

    reader = FileBody(Flaky()).open()
    assert reader.read(1) == b"a"
    with pytest.raises(OSError, match="once"):
        reader.read(1)
    for read in (reader.read, reader.read_blocking):
        with pytest.raises(UsageError, match="failed before: begin another pass"):
            read(1)
    with pytest.raises(UsageError, match="failed before"):
        reader.readinto(bytearray(1))
    reader.close()
    assert reader.read_blocking(1) is None
    with pytest.raises(UsageError, match="is closed"):
        reader.read(1)


def test_reads_and_closes_from_many_threads_close_once() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(100):
            _close_while_reading()
    finally:
        sys.setswitchinterval(interval)


def _close_while_reading() -> None:
    closes: list[str] = []
    reading = threading.Lock()

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            with reading:
                assert not closes, "a read began after the close"
                return super().read(size)

        def close(self) -> None:
            assert reading.acquire(blocking=False), "closed under a read"
            closes.append(threading.current_thread().name)
            reading.release()

    reader = FileBody(Watched(b"x" * 50), close=True).open()
    failures: list[BaseException] = []

    def guarded(call: Any) -> None:
        try:
            call()
        except BaseException as error:
            failures.append(error)

    def read() -> None:
        while reader.read_blocking(1):
            pass

    def threads() -> Iterator[threading.Thread]:
        yield threading.Thread(target=guarded, args=(read,))
        for _ in range(3):
            yield threading.Thread(target=guarded, args=(reader.close,))

    in_threads(threads())
    assert failures == []
    assert len(closes) == 1


def test_one_read_gives_a_mebibyte_at_most_whatever_it_is_asked_for() -> None:
    with closing(BytesBody(bytes(3 << 20)).open()) as reader:
        piece = reader.read(10 << 20)
        assert piece is not None
        assert len(piece) == 1 << 20
