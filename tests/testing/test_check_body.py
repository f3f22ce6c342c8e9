"""The check itself: it accepts a body that is right and finds each fault in one that is not."""

from __future__ import annotations

import errno
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from filebody import Reader, UsageError, WaitBy
from filebody.testing import check_body
from tests.body.plain import PlainBody, PlainReader

CONTENT = bytes(range(256)) * 3
MODULE: Any = sys.modules[check_body.__module__]

# Which rule each body breaks, as the message says it, and the body.
BROKEN: list[Any] = []


@pytest.fixture
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    # Only where something is to take forever: a busy machine makes everything else slow.
    monkeypatch.setattr(MODULE, "_PATIENCE_SECONDS", 1)


def breaks(rule: str, detail: str = "") -> Callable[[type[PlainBody]], type[PlainBody]]:
    def add(kind: type[PlainBody]) -> type[PlainBody]:
        BROKEN.append(pytest.param(kind, rule, detail, id=kind.__name__))
        return kind

    return add


def breaks_reading(rule: str, detail: str = "") -> Callable[[type[Reader]], type[Reader]]:
    """As `breaks`, for a body that is right but for its reader."""

    def add(kind: Any) -> Any:
        def reader(_: PlainBody, content: bytes) -> Reader:
            made: Reader = kind(content)
            return made

        breaks(rule, detail)(type(kind.__name__, (PlainBody,), {"reader": reader}))
        return kind

    return add


@pytest.mark.parametrize("content", [b"", b"a", b"ab", CONTENT, CONTENT * 100])
def test_a_right_body_passes(content: bytes) -> None:
    check_body(lambda: PlainBody(content), content)


def test_a_right_body_without_ranges_passes() -> None:
    class Whole(PlainBody):
        def open(self, offset: int = 0, stop: int | None = None) -> Reader:
            if offset or stop not in (None, self.length):
                raise UsageError("only all of it")
            return super().open()

    check_body(lambda: Whole(CONTENT), CONTENT, ranges=False)
    with pytest.raises(AssertionError, match=r"^a range gives that part of the content"):
        check_body(lambda: Whole(CONTENT), CONTENT)


def test_a_body_with_ranges_is_found_out_where_none_were_said() -> None:
    with pytest.raises(AssertionError, match=r"^what has no ranges refuses them: open\(1, None\)"):
        check_body(lambda: PlainBody(CONTENT), CONTENT, ranges=False)


def test_an_unknown_length_and_a_single_pass_are_no_faults() -> None:
    class Stream(PlainBody):
        replayable = False

        def __init__(self, content: bytes) -> None:
            super().__init__(content)
            self.length = None

    check_body(lambda: Stream(CONTENT), CONTENT)


def test_a_stream_may_end_early_where_a_range_goes_past_its_end() -> None:
    class Lenient(PlainBody):
        def __init__(self, content: bytes) -> None:
            super().__init__(content)
            self.length = None

        def open(self, offset: int = 0, stop: int | None = None) -> Reader:
            count = len(self.content)
            if offset < 0 or (stop is not None and stop < offset):
                raise UsageError("no range")
            return super().open(min(offset, count), None if stop is None else min(stop, count))

    check_body(lambda: Lenient(CONTENT), CONTENT)


class Rewinding(PlainReader):
    """Right, and takes back what it gave."""

    can_unread = True

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.given = b""

    def take(self, size: int) -> bytes:
        self.given = super().take(size)
        return self.given

    def unread(self, count: int) -> None:
        if self.closed or not 0 <= count <= len(self.given):
            raise UsageError(f"{count}")
        kept = len(self.given) - count
        self.content = self.given[kept:] + self.content
        self.given = self.given[:kept]


def body_of(kind: type[PlainReader]) -> type[PlainBody]:
    class Body(PlainBody):
        def reader(self, content: bytes) -> Reader:
            return kind(content)

    return Body


@pytest.mark.parametrize("content", [b"", b"a", b"ab", CONTENT, CONTENT * 100])
def test_a_right_body_that_takes_back_passes(content: bytes) -> None:
    check_body(lambda: body_of(Rewinding)(content), content)


def test_a_body_may_take_back_some_reads_only() -> None:
    class Sometimes(Rewinding):
        @property
        def can_unread(self) -> bool:  # type: ignore[override]
            return bool(len(self.given) % 2)

    check_body(lambda: body_of(Sometimes)(CONTENT), CONTENT)


@pytest.mark.parametrize("wait_by", WaitBy)
def test_every_way_to_wait_is_followed(wait_by: WaitBy) -> None:
    ready, far_end = os.pipe()
    os.write(far_end, b"!")

    class Hesitant(PlainReader):
        def __init__(self, content: bytes) -> None:
            super().__init__(content)
            self.wait_by = wait_by
            self.asked = 0

        def fileno(self) -> int:
            return ready

        def read(self, size: int) -> bytes | None:
            self.asked += 1
            if self.asked % 2 and not self.closed and size > 0:
                return None
            return super().read(size)

    class Body(PlainBody):
        def reader(self, content: bytes) -> Reader:
            return Hesitant(content)

    try:
        check_body(lambda: Body(CONTENT), CONTENT)
    finally:
        os.close(ready)
        os.close(far_end)


@pytest.mark.usefixtures("_little_patience")
def test_a_descriptor_that_does_not_become_ready_is_a_fault() -> None:
    ready, far_end = os.pipe()

    class Stuck(PlainReader):
        wait_by = WaitBy.DESCRIPTOR

        def fileno(self) -> int:
            return ready

        def read(self, size: int) -> bytes | None:
            return None

    class Body(PlainBody):
        def reader(self, content: bytes) -> Reader:
            return Stuck(content)

    try:
        with pytest.raises(AssertionError, match="its descriptor was not ready"):
            check_body(lambda: Body(CONTENT), CONTENT)
    finally:
        os.close(ready)
        os.close(far_end)


def test_what_is_no_body_is_a_fault() -> None:
    class Duck:
        def open(self) -> None: ...

    with pytest.raises(AssertionError, match="Duck is not a subclass of Body"):
        check_body(Duck, CONTENT)  # type: ignore[arg-type]


@breaks("a body describes itself", "length is 769; it must be 768")
class LengthOff(PlainBody):
    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.length = len(content) + 1


@breaks("a body describes itself", "source is None")
class Nameless(PlainBody):
    source = None  # type: ignore[assignment]


@breaks("a body describes itself", "replayable is 'yes'")
class VaguelyReplayable(PlainBody):
    replayable = "yes"  # type: ignore[assignment]


@breaks("nothing is opened before the first read", "leave that to the first read")
class Eager(PlainBody):
    def reader(self, content: bytes) -> Reader:
        return OpensAtOnce(content)


class OpensAtOnce(PlainReader):
    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.descriptor = os.open(os.devnull, os.O_RDONLY)

    def close(self) -> None:
        super().close()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


@breaks_reading("reads give the content", "at byte 5 came b'?")
class WrongByte(PlainReader):
    def __init__(self, content: bytes) -> None:
        super().__init__(content.replace(b"\5", b"?"))


@breaks_reading("reads give the content", "767 of 768 bytes came")
class TooShort(PlainReader):
    def __init__(self, content: bytes) -> None:
        super().__init__(content[:-1])


@breaks_reading("reads give the content", "more than the 768 bytes came")
class Endless(PlainReader):
    def take(self, size: int) -> bytes:
        return super().take(size) or bytes(min(size, 10))


@breaks_reading("reads give the content", "a read of 1 bytes gave 2")
class Generous(PlainReader):
    def read(self, size: int) -> bytes | None:
        return super().read(size + 1 if size > 0 else size)


@breaks_reading("reads give the content", "a read gave bytearray, not bytes")
class Mutable(PlainReader):
    def read(self, size: int) -> bytes | None:
        piece = super().read(size)
        return None if piece is None else bytearray(piece)  # type: ignore[return-value]


@breaks_reading("reads give the content", "after the end came b'once more'")
class Resurrected(PlainReader):
    ended = False

    def take(self, size: int) -> bytes:
        piece = super().take(size)
        if self.ended and size > 0:
            return b"once more"[:size] if size > 8 else piece
        self.ended = not piece
        return piece


@breaks_reading("reads give the content", "ValueError('read of closed file')")
class FailsAfterTheEnd(PlainReader):
    ended = False

    def take(self, size: int) -> bytes:
        if self.ended:
            raise ValueError("read of closed file")
        piece = super().take(size)
        self.ended = not piece
        return piece


@breaks_reading("reads give the content", "it was not ready for")
class NeverReady(PlainReader):
    def read(self, size: int) -> bytes | None:
        return None


@breaks_reading("readinto gives the content", "gave a count of 8")
class Miscounted(PlainReader):
    def readinto(self, buffer: bytearray | memoryview) -> int | None:
        return None if super().readinto(buffer) is None else len(buffer) + 7


@breaks_reading("readinto gives the content", "readinto changed more than it counted")
class Untidy(PlainReader):
    def readinto(self, buffer: bytearray | memoryview) -> int | None:
        count = super().readinto(buffer)
        if count is not None and count < len(buffer):
            buffer[count] ^= 1
        return count


@breaks_reading("readinto gives the content", "TypeError")
class BytearraysOnly(PlainReader):
    def readinto(self, buffer: bytearray | memoryview) -> int | None:
        if not isinstance(buffer, bytearray):
            raise TypeError("a bytearray, please")
        return super().readinto(buffer)


@breaks_reading("read_blocking alone gives the content", "no answer within")
class StuckInThread(PlainReader):
    released = threading.Event()

    def read_blocking(self, size: int) -> bytes | None:
        if self.content and size == 1:
            self.released.wait()
        return super().read_blocking(size)


@breaks_reading("read_blocking alone gives the content", "it was not ready for")
class EmptyFromThreads(PlainReader):
    def read_blocking(self, size: int) -> bytes | None:
        return None if self.content and size == 1 else super().read_blocking(size)


@breaks_reading("read_blocking alone gives the content", "0 of 768 bytes came")
class EndsInThreads(PlainReader):
    def read_blocking(self, size: int) -> bytes | None:
        return None if self.closed else b""


@breaks_reading("what was given back comes again", "767 of 768 bytes came")
class ForgetsWhatComesBack(Rewinding):
    def unread(self, count: int) -> None:
        kept = len(self.given) - count
        super().unread(count)
        if not self.content[1:]:
            self.content = b""
            self.given = self.given[:kept]


@breaks_reading("what was given back comes again", "more than the 768 bytes came")
class TakesAllBack(Rewinding):
    def unread(self, count: int) -> None:
        super().unread(len(self.given) if count else 0)


@breaks_reading("what was given back comes again", "UsageError('1')")
class TakesBackOnce(Rewinding):
    def unread(self, count: int) -> None:
        super().unread(count)
        self.given = b""


@breaks_reading("what was given back comes again", "unread(1) did not raise UsageError")
class SaysNothing(PlainReader):
    def unread(self, count: int) -> None:
        pass


@breaks_reading("what was given back comes again", "unread(2) did not raise UsageError")
class TakesBackMoreThanItGave(Rewinding):
    def unread(self, count: int) -> None:
        super().unread(min(count, len(self.given) or count))


@breaks_reading("a closed reader stays closed", "unread(1) after close() did not raise UsageError")
class TakesBackWhenClosed(Rewinding):
    def unread(self, count: int) -> None:
        if not self.closed:
            super().unread(count)


@breaks_reading("a read needs room for a byte", "read(0) did not raise UsageError")
class TakesNothing(PlainReader):
    def read(self, size: int) -> bytes | None:
        return b"" if size == 0 else super().read(size)


@breaks_reading("a read needs room for a byte", "read(-1) raised")
class OtherErrors(PlainReader):
    def take(self, size: int) -> bytes:
        if size < 0:
            raise ValueError("negative")
        return super().take(size)


@breaks_reading("a read needs room for a byte", "readinto of no room")
class NoRoom(PlainReader):
    def readinto(self, buffer: bytearray | memoryview) -> int | None:
        return super().readinto(buffer) if buffer else 0


@breaks_reading("a closed reader stays closed", "read() after close() did not raise")
class ReadsOn(PlainReader):
    def read(self, size: int) -> bytes | None:
        return self.take(size)


@breaks_reading("a closed reader stays closed", "RuntimeError('closed already')")
class ClosesOnce(PlainReader):
    def close(self) -> None:
        # The first extra call comes from the check, the one after it from the context's end.
        if self.closed:
            raise RuntimeError("closed already")
        super().close()


@breaks_reading("a closed reader stays closed", "read_blocking() after close() gave b'")
class ThreadsReadOn(PlainReader):
    def read_blocking(self, size: int) -> bytes | None:
        return self.take(size)


@breaks_reading("a reader can be closed under a read in a thread", "Bad file descriptor")
class ClosedUnderTheRead(PlainReader):
    """Takes its descriptor away from the read, and the system tells the read so."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.gone = threading.Event()

    def read_blocking(self, size: int) -> bytes | None:
        if 1 < size == len(self.content) + 1 and self.gone.wait(0.05):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return super().read_blocking(size)

    def close(self) -> None:
        super().close()
        self.gone.set()


@breaks_reading("a reader can be closed under a read in a thread", "gave b'elsewhere'")
class ReadsElsewhere(PlainReader):
    """Its descriptor's number was given to another file while it read."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.gone = threading.Event()

    def read_blocking(self, size: int) -> bytes | None:
        if 1 < size == len(self.content) + 1 and self.gone.wait(0.05):
            return b"elsewhere"
        return super().read_blocking(size)

    def close(self) -> None:
        super().close()
        self.gone.set()


@breaks("a pass leaves no descriptor open", "stayed open after close()")
class Leaky(PlainBody):
    def reader(self, content: bytes) -> Reader:
        return Leaks(content)


class Leaks(PlainReader):
    open_files: list[int] = []  # noqa: RUF012 - closed by the test

    def take(self, size: int) -> bytes:
        self.open_files.append(os.open(os.devnull, os.O_RDONLY))
        return super().take(size)


@breaks("a second pass gives the same", "open() while there is a pass did not raise NotReplayable")
class SaysOnce(PlainBody):
    replayable = False

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        self.opened = False
        return super().open(offset, stop)


@breaks("a second pass gives the same", "open() after a pass did not raise NotReplayable")
class OnceAtATime(PlainBody):
    """Refuses while there is a pass, but not after it."""

    replayable = False

    def reader(self, content: bytes) -> Reader:
        body = self

        class Frees(PlainReader):
            def close(self) -> None:
                super().close()
                body.opened = False

        return Frees(content)


@breaks("a second pass gives the same", "0 of 768 bytes came")
class SaysAgain(PlainBody):
    def reader(self, content: bytes) -> Reader:
        self.content = b"" if content == self.content else self.content
        return super().reader(content)


@breaks("a second pass gives the same", "384 of 768 bytes came")
class SharedPosition(PlainBody):
    """Each pass rewinds the one file that all of them read."""

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        super().open(offset, stop)
        self.stream = io.BytesIO(self.content[offset:stop])
        return _ReadsStreamOf(self)


class _ReadsStreamOf(PlainReader):
    def __init__(self, body: SharedPosition) -> None:
        super().__init__(b"")
        self.body = body

    def take(self, size: int) -> bytes:
        super().take(size)
        return self.body.stream.read(size)


@breaks("a range gives that part of the content", "open(0, 0): more than the 0 bytes came")
class IgnoresStop(PlainBody):
    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        super().open(offset, stop)
        return self.reader(self.content[offset:])


@breaks("a range gives that part of the content", "open(1, None): more than the 767 bytes came")
class RoundsOffset(PlainBody):
    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        super().open(offset, stop)
        return self.reader(self.content[offset // 2 * 2 : stop])


@breaks("a range gives that part of the content", "open(-1, None) did not raise UsageError")
class SlicesLikePython(PlainBody):
    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        return self.reader(self.content[offset:stop])


@breaks("a range gives that part of the content", "open(769, None) did not raise UsageError")
class PastItsEnd(PlainBody):
    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        if offset < 0 or (stop is not None and stop < offset):
            raise UsageError("no range")
        return self.reader(self.content[offset:stop])


@breaks("a range gives that part of the content", "past an end that is not known before")
class PadsItsEnd(PlainBody):
    """Of unknown length, and makes up what a range asks for beyond its end."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.length = None

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        if offset < 0 or (stop is not None and stop < offset):
            raise UsageError("no range")
        padding = bytes(max(0, (stop or 0) - len(self.content)))
        return self.reader((self.content + padding)[offset:stop])


@pytest.fixture
def _end_what_goes_on() -> Iterator[None]:
    StuckInThread.released.clear()
    yield
    StuckInThread.released.set()
    while Leaks.open_files:
        os.close(Leaks.open_files.pop())


@pytest.mark.usefixtures("_end_what_goes_on")
@pytest.mark.usefixtures("_little_patience")
@pytest.mark.parametrize(("kind", "rule", "detail"), BROKEN)
def test_a_broken_rule_is_found(kind: type[PlainBody], rule: str, detail: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_body(lambda: kind(CONTENT), CONTENT)
    message = str(caught.value)
    assert message.startswith(rule)
    assert detail in message


def test_every_rule_has_a_body_that_breaks_it() -> None:
    broken = {param.values[1] for param in BROKEN}
    rules = [words for words, _ in [*MODULE._RULES, MODULE._RANGES]]
    assert [words for words in rules if not any(words.startswith(rule) for rule in broken)] == []


def test_the_check_runs_where_descriptors_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "isdir", lambda _: False)
    check_body(lambda: PlainBody(CONTENT), CONTENT)
    assert MODULE._descriptors() == frozenset()
