"""The table of what upstream gets wrong, as checks that take the class.

Each check raises unless the class does it right. `test_rows.py` runs every one against ours (it
must pass) and against Twisted's (it must fail); the docs show the same table.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import socket
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IConsumer
from twisted.internet.task import Cooperator, deferLater
from twisted.python.failure import Failure
from twisted.web._newclient import Request
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer

from filebody import BodyChanged, BodyShrank
from tests.fakes import FakeReactor, PromptPool

Check = Callable[[Any], Any]


@attrs.frozen
class Row:
    """One row: `check` may return a Deferred, which then needs the real reactor."""

    number: int
    upstream: str
    ours: str
    check: Check

    @property
    def name(self) -> str:
        return f"{self.number:02d}_{self.check.__name__}"


ROWS: list[Row] = []


def row(number: int, upstream: str, ours: str) -> Callable[[Check], Check]:
    """Put a check into the table."""

    def add(check: Check) -> Check:
        ROWS.append(Row(number, upstream, ours, check))
        return check

    return add


class Steps:
    """A Cooperator that works one unit at a time, when it is told to."""

    def __init__(self) -> None:
        self._calls: deque[Callable[[], None]] = deque()
        self.cooperator = Cooperator(lambda: lambda: True, self._schedule)

    def _schedule(self, call: Callable[[], None]) -> Any:
        self._calls.append(call)
        return _Call(lambda: self._calls.remove(call))

    def run(self, most: int = 10_000) -> None:
        """Work until nothing is left to do."""
        for _ in range(most):
            if not self._calls:
                return
            self._calls.popleft()()
        raise AssertionError(f"still working after {most} steps")

    @property
    def working(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._calls)

    def one(self) -> None:
        """Work one unit."""
        self._calls.popleft()()

    def some(self) -> None:
        """Work one unit of every task there is."""
        for _ in range(len(self.cooperator._tasks)):
            if self._calls:
                self.one()


@attrs.frozen
class _Call:
    cancel: Callable[[], None]


@implementer(IConsumer)
class Sink:
    """Takes what is written; may do something on each write."""

    def __init__(self, on_write: Callable[[], object] = lambda: None) -> None:
        self.pieces: list[bytes] = []
        self.on_write = on_write

    def write(self, data: bytes) -> None:
        self.pieces.append(data)
        self.on_write()

    def registerProducer(self, producer: object, streaming: bool) -> None:
        raise AssertionError("a body producer registers nothing")

    def unregisterProducer(self) -> None:
        raise AssertionError("a body producer unregisters nothing")

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces)


class Watched(io.BytesIO):
    """Counts how often it is closed."""

    closings = 0

    def close(self) -> None:
        self.closings += 1
        super().close()


def outcome_of(deferred: Deferred[Any]) -> list[Any]:
    """A list that gets the Deferred's result when it fires."""
    outcomes: list[Any] = []
    deferred.addBoth(outcomes.append)
    return outcomes


def failure_of(deferred: Deferred[None], *kinds: type[Exception]) -> Exception:
    """The exception with which the Deferred has failed: one of `kinds`."""
    outcomes = outcome_of(deferred)
    assert outcomes, "it has not fired"
    assert isinstance(outcomes[0], Failure), "it has succeeded"
    error = outcomes[0].value
    assert isinstance(error, kinds), error
    return error


def refusal(kind: type[Exception], call: Callable[[], object]) -> str:
    """What the exception of `kind` says that `call` raises."""
    try:
        answer = call()
    except kind as error:
        return str(error)
    raise AssertionError(f"it was taken: {answer}")


@contextlib.contextmanager
def file_with(content: bytes) -> Iterator[Path]:
    """A real file, on a real file system."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "file.bin")
        path.write_bytes(content)
        yield path


@row(
    1,
    "A pause after the end raises TaskDone; some chunked uploads fail by it (T#8473)",
    "Pause and resume outside of production do nothing",
)
def pause_after_the_end(cls: Any) -> None:
    steps = Steps()
    producer = cls(io.BytesIO(b"abc"), steps.cooperator)
    done = outcome_of(producer.startProducing(Sink()))
    steps.run()
    producer.pauseProducing()
    producer.resumeProducing()
    assert done == [None]
    # The last chunk fills the transport's buffer, so that it pauses while it is let go.
    for length in range(65536 - 250, 65536):
        steps, transport = Steps(), Drain()
        body = cls(Stream(bytes(length)), steps.cooperator, 2**17)
        request = Request(b"PUT", b"/", Headers({b"host": [b"h"]}), body)
        sent = outcome_of(request.writeTo(transport))
        steps.run()
        transport.drain()
        steps.run()
        assert sent == [None], f"{length} bytes: {sent}"


@row(
    2,
    "A resume while running raises NotPaused (T#8334, T#9003)",
    "Nothing happens",
)
def resume_while_running(cls: Any) -> None:
    steps, sink = Steps(), Sink()
    producer = cls(io.BytesIO(b"abcdef"), steps.cooperator, 2)
    done = outcome_of(producer.startProducing(sink))
    producer.resumeProducing()
    steps.one()
    producer.resumeProducing()
    steps.run()
    assert (sink.content, done) == (b"abcdef", [None])


@row(
    3,
    "Pauses are counted: two pauses and one resume hang for good",
    "One flag",
)
def two_pauses_one_resume(cls: Any) -> None:
    steps, sink = Steps(), Sink()
    producer = cls(io.BytesIO(b"abcdef"), steps.cooperator, 2)
    done = outcome_of(producer.startProducing(sink))
    steps.one()
    producer.pauseProducing()
    producer.pauseProducing()
    producer.resumeProducing()
    steps.run()
    assert (sink.content, done) == (b"abcdef", [None])


@row(
    4,
    "Stop before start: AttributeError, and the file stays half handled",
    "Legal: the file is closed; a later start gives a Deferred that never fires",
)
def stop_before_start(cls: Any) -> None:
    steps, sink, file = Steps(), Sink(), Watched(b"abc")
    producer = cls(file, steps.cooperator)
    producer.stopProducing()
    producer.stopProducing()
    assert file.closings == 1
    done = outcome_of(producer.startProducing(sink))
    steps.run()
    assert (sink.pieces, done) == ([], [])


@row(
    5,
    "A `close()` that raises inside stop leaves the task writing on, and the Deferred succeeds",
    "It stops first, then closes, once; a failing close is logged",
)
def failing_close(cls: Any) -> None:
    class Stubborn(Stream):
        def close(self) -> None:
            raise OSError("this file cannot be closed")

    steps, sink = Steps(), Sink()
    producer = cls(Stubborn(b"abcdef"), steps.cooperator, 2)
    done = outcome_of(producer.startProducing(sink))
    steps.one()
    with contextlib.suppress(OSError):
        producer.stopProducing()
    steps.run()
    assert (sink.content, done) == (b"ab", [])


@row(
    6,
    "A `write` that stops and raises freezes every task of that Cooperator (T#7427, T#9712)",
    "Nothing is raised into the Cooperator",
)
def write_that_stops_and_raises(cls: Any) -> None:
    steps = Steps()
    producer = cls(io.BytesIO(b"abcdef"), steps.cooperator, 2)

    def stop_and_raise() -> None:
        producer.stopProducing()
        raise RuntimeError("no more")

    done = outcome_of(producer.startProducing(Sink(stop_and_raise)))
    others = outcome_of(steps.cooperator.coiterate(iter([None] * 5)))
    with contextlib.suppress(Exception):
        steps.run()
    steps.run()
    assert done == []
    assert len(others) == 1
    assert not isinstance(others[0], Failure)


@row(7, "A failing read or write leaves the file open", "It is closed on every way out")
def failing_read_and_write(cls: Any) -> None:
    class Broken(Watched):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("bad sector")

    def refuse() -> None:
        raise RuntimeError("no more")

    for file, sink in [(Broken(b"abc"), Sink()), (Watched(b"abc"), Sink(refuse))]:
        steps = Steps()
        done = cls(file, steps.cooperator).startProducing(sink)
        steps.run()
        failure_of(done, OSError, RuntimeError)
        assert file.closings == 1


@row(
    8,
    "Pipes, sockets' files, stdin and subprocess output raise OSError in the constructor",
    "Their length is `UNKNOWN_LENGTH`, and they are sent",
)
def pipes_and_sockets(cls: Any) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b"through the pipe")
    os.close(write_end)
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(b"over the socket")
    with ours:
        sources = [
            (os.fdopen(read_end, "rb"), b"through the pipe"),
            (ours.makefile("rb"), b"over the socket"),
        ]
        for file, content in sources:
            with file:
                steps, sink = Steps(), Sink()
                producer = cls(file, steps.cooperator)
                assert producer.length is UNKNOWN_LENGTH
                done = outcome_of(producer.startProducing(sink))
                steps.run()
                assert (sink.content, done) == (content, [None])


@row(
    9,
    "A position past the end puts `Content-Length: -7` on the wire",
    "ValueError at construction",
)
def position_past_the_end(cls: Any) -> None:
    with file_with(b"abc") as path, path.open("rb") as file:
        for source in (file, io.BytesIO(b"abc")):
            source.seek(10)
            assert "byte 10" in refusal(ValueError, lambda: cls(source).length)  # noqa: B023 - called at once


@row(
    10,
    "Devices and the files of /proc and /sys get wrong lengths",
    "Only a regular file's size is trusted; the others are `UNKNOWN_LENGTH`, and are sent",
)
def made_up_files(cls: Any) -> None:
    with open("/dev/zero", "rb") as zero:
        assert cls(zero).length is UNKNOWN_LENGTH
    with open("/sys/kernel/mm/transparent_hugepage/enabled", "rb") as setting:
        assert cls(setting).length is UNKNOWN_LENGTH
    with open("/proc/version", "rb") as version:
        assert cls(version).length is UNKNOWN_LENGTH


@row(
    11,
    "Text-mode file: the headers go out, then TypeError (Q#286)",
    "TypeError at construction, which says “open it in binary mode”",
)
def text_mode(cls: Any) -> None:
    with file_with(b"abc") as path, path.open(encoding="ascii") as file:
        for source in (file, io.StringIO("abc")):
            hint = refusal(TypeError, lambda: cls(source))  # noqa: B023 - called at once
            assert "open it in binary mode" in hint


@row(
    12,
    "The file grew while it was sent: the overflowing piece is dropped, WrongBodyLength",
    "At most `length` bytes are ever read; BodyChanged",
)
def file_grew(cls: Any) -> None:
    with FakeReactor(PromptPool()).installed(), file_with(bytes(100)) as path:
        steps, sink = Steps(), Sink()
        producer = cls(path.open("rb"), steps.cooperator, 30)
        done = producer.startProducing(sink)
        steps.one()
        with path.open("ab") as file:
            file.write(bytes(50))
        steps.run()
        assert len(sink.content) < 100, f"{len(sink.content)} bytes went out"
        error = failure_of(done, BodyChanged)
        assert "from 100 to 150 bytes" in str(error)


@row(
    13,
    "The file shrank: “too few bytes written”",
    "BodyShrank, with path, offset and expected length",
)
def file_shrank(cls: Any) -> None:
    with FakeReactor(PromptPool()).installed(), file_with(bytes(100)) as path:
        steps = Steps()
        producer = cls(path.open("rb"), steps.cooperator, 30)
        done = producer.startProducing(Sink())
        steps.one()
        os.truncate(path, 40)
        steps.run()
        error = failure_of(done, BodyShrank)
        assert isinstance(error, BodyShrank)
        assert (error.source, error.offset, error.expected_end) == (str(path), 40, 100)


@row(
    14,
    "A non-blocking `read()` that returns None ends the body early, as a success",
    "Would-block: it waits, and never truncates",
)
def read_that_returns_none(cls: Any) -> Deferred[None]:
    class Hesitant:
        def __init__(self) -> None:
            self._answers: list[bytes | None] = [None, b"ab", None, None, b"cd", b""]

        def read(self, size: int) -> bytes | None:
            return self._answers.pop(0)

        def close(self) -> None:
            self._answers = []

    sink = Sink()

    def check(_: None) -> None:
        assert sink.content == b"abcd"

    deferred: Deferred[None] = cls(Hesitant()).startProducing(sink)
    return deferred.addCallback(check)


@row(
    15,
    "`readSize=0` sends nothing, as a success; -1 reads everything at once",
    "ValueError at construction",
)
def senseless_read_size(cls: Any) -> None:
    for size in (0, -1):
        made = functools.partial(cls, io.BytesIO(b"abc"), readSize=size)
        assert str(size) in refusal(ValueError, made)


@row(
    16,
    "A read blocks the reactor; so does a close during a read",
    "Reads wait in worker threads, and a close is carried out by the read that comes back",
)
def read_that_blocks(cls: Any) -> Deferred[None]:
    reading, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    class Slow:
        """On a real descriptor, as a disk is."""

        def __init__(self) -> None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close

        def fileno(self) -> int:
            return self._file.fileno()

        def read(self, size: int) -> bytes:
            assert threading.current_thread() is not threading.main_thread(), "in the reactor"
            reading.set()
            go_on.wait(10)
            return self._file.read(size)

        def close(self) -> None:
            closed.set()
            self._file.close()

    async def stop_under_a_read() -> None:
        from twisted.internet import reactor

        sink, file = Sink(), Slow()
        producer = cls(file)
        done = outcome_of(producer.startProducing(sink))
        try:
            while not reading.is_set():
                assert not done, done
                await deferLater(reactor, 0.001)
            producer.stopProducing()
            assert not closed.is_set(), "closed under the read"
        finally:
            go_on.set()
            if not reading.is_set():
                file.close()
        while not closed.is_set():
            await deferLater(reactor, 0.001)
        assert (sink.pieces, done) == ([], [])

    return Deferred.fromCoroutine(stop_under_a_read())


@row(
    17,
    "A second start interleaves the pieces, or reads a closed file",
    "RuntimeError at the call",
)
def second_start(cls: Any) -> None:
    steps = Steps()
    producer = cls(io.BytesIO(b"abcdef"), steps.cooperator, 2)
    producer.startProducing(Sink())
    for _ in range(2):
        again = functools.partial(producer.startProducing, Sink())
        assert "startProducing" in refusal(RuntimeError, again)
        steps.run()


@row(
    18,
    "More bytes than asked for, str or memoryview go out as they are",
    "They are checked: TypeError or ValueError through the Deferred, and the file is closed",
)
def read_that_lies(cls: Any) -> None:
    class Liar(Watched):
        answer: Any = None

        def read(self, size: int | None = -1, /) -> Any:
            return self.answer

    for answer in (b"more than four", "text", memoryview(b"view")):
        file, sink, steps = Liar(bytes(8)), Sink(), Steps()
        file.answer = answer
        done = cls(file, steps.cooperator, 4).startProducing(sink)
        steps.one()
        failure_of(done, TypeError, ValueError)
        assert (sink.pieces, file.closings) == ([], 1)


@row(
    19,
    "Cancelling a chunked upload leaks the connection (T#9712)",
    "It fails with CancelledError",
)
def cancel_of_unknown_length(cls: Any) -> None:
    steps, sink = Steps(), Sink()
    producer = cls(Stream(b"abcdef"), steps.cooperator, 2)
    assert producer.length is UNKNOWN_LENGTH
    done = producer.startProducing(sink)
    steps.one()
    done.cancel()
    failure_of(done, CancelledError)
    steps.run()
    assert sink.content == b"ab"


class Stream:
    """A file that can be read and closed only: its length cannot be known."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def close(self) -> None:
        self._file.close()


class Drain(FileDescriptor):
    """Twisted's own transport, with its buffer and its pauses, onto nothing."""

    connected = 1

    def __init__(self) -> None:
        super().__init__(reactor=object())  # type: ignore[arg-type]

    def drain(self) -> None:
        """Be ready for writing once."""
        self.doWrite()  # type: ignore[no-untyped-call]

    def startWriting(self) -> None:
        pass

    def stopWriting(self) -> None:
        pass

    def writeSomeData(self, data: bytes) -> int:
        return len(data)
