"""What the contract's rows and the state machine leave open: arguments, bodies, progress."""

from __future__ import annotations

import io
import os
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from twisted.internet import task
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface.verify import verifyObject

from filebody import (
    Body,
    BodyChanged,
    BodyReadError,
    BytesBody,
    ConcatBody,
    FileBodyProducer,
    IterableBody,
    NotReplayable,
    PathBody,
    Progress,
    Reader,
    SliceBody,
    UsageError,
    WaitBy,
)
from filebody.body._source import SourceReader
from filebody.produce._waiting import RETRY_SECONDS
from tests.contract.rows import Sink, Steps, Stream, Watched, outcome_of
from tests.fakes import FakeReactor, PromptPool


@pytest.fixture
def reactor() -> Iterator[FakeReactor]:
    with FakeReactor().installed() as fake:
        yield fake


@pytest.fixture
def prompt_threads() -> Iterator[None]:
    with FakeReactor(PromptPool()).installed():
        yield


def run(source: Any, **arguments: Any) -> tuple[bytes, list[Any]]:
    """Produce all of `source`, which is always ready."""
    steps, sink = Steps(), Sink()
    producer = FileBodyProducer(source, steps.cooperator, **arguments)
    outcome = outcome_of(producer.startProducing(sink))
    steps.run()
    return sink.content, outcome


def test_interface() -> None:
    assert verifyObject(IBodyProducer, FileBodyProducer(io.BytesIO()))


def test_attributes_of_the_api_page() -> None:
    file = io.BytesIO(b"abcdef")
    producer = FileBodyProducer(file, task, 3)
    assert producer._inputFile is file
    assert producer._cooperate == task.cooperate
    assert producer._readSize == 3
    assert producer._determineLength(file) == 6
    assert producer._determineLength(io.BytesIO(b"other")) == 5
    assert producer._determineLength(object()) is UNKNOWN_LENGTH


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7, 2**20])
def test_read_size_bounds_each_write(size: int) -> None:
    steps, sink = Steps(), Sink()
    FileBodyProducer(io.BytesIO(b"abcdef"), steps.cooperator, size).startProducing(sink)
    steps.run()
    assert sink.content == b"abcdef"
    assert max(map(len, sink.pieces)) <= size


@pytest.mark.parametrize("size", [None, 1.5, "64k"])
def test_read_size_of_a_wrong_type(size: Any) -> None:
    with pytest.raises(TypeError, match="readSize must be an int"):
        FileBodyProducer(io.BytesIO(), readSize=size)


@pytest.mark.parametrize("source", ["name", b"content", Path("name"), bytearray(b"content")])
def test_what_is_no_file_is_refused_with_what_to_pass(source: Any) -> None:
    with pytest.raises(TypeError, match="pass an open file, a PathBody or a BytesBody"):
        FileBodyProducer(source)


def test_nothing_is_read_before_start() -> None:
    class Unread(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError("read in the constructor")

    assert FileBodyProducer(Unread(b"abc")).length == 3


def test_bodies(tmp_path: Path, prompt_threads: None) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    body = ConcatBody(
        BytesBody(b"<"), SliceBody(PathBody(path), 2, 5), IterableBody([b"a", b"", b"b"], length=2)
    )
    assert FileBodyProducer(body).length == 6
    assert run(body) == (b"<234ab", [None])
    assert run(body, readSize=1) == (b"<234ab", [None])  # replayable: a second pass


def test_one_shot_body_is_refused_the_second_time() -> None:
    body = IterableBody(iter([b"abc"]))
    assert run(body) == (b"abc", [None])
    with pytest.raises(NotReplayable):
        FileBodyProducer(body)


def test_a_stopped_producer_leaves_its_body_alone(tmp_path: Path, prompt_threads: None) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    body = PathBody(path)
    FileBodyProducer(body).stopProducing()
    assert run(body) == (b"abc", [None])


def test_missing_file_fails_through_the_deferred(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    body = PathBody(path)
    path.unlink()
    content, [failure] = run(body)
    assert content == b""
    assert failure.check(BodyReadError)
    assert failure.check(FileNotFoundError, OSError)
    assert str(path) in str(failure.value)


def test_a_cooperator_that_cannot_start_closes_the_file() -> None:
    class Refusing:
        def cooperate(self, iterator: object) -> object:
            raise RuntimeError("no more tasks")

    file = Watched(b"abc")
    outcome = outcome_of(FileBodyProducer(file, Refusing()).startProducing(Sink()))
    assert isinstance(outcome[0], Failure)
    assert outcome[0].check(RuntimeError)
    assert file.closings == 1


def test_a_stopped_cooperator_fails_the_producer() -> None:
    steps, file = Steps(), Watched(b"abc")
    steps.cooperator.stop()
    outcome = outcome_of(FileBodyProducer(file, steps.cooperator).startProducing(Sink()))
    assert isinstance(outcome[0], Failure)
    assert outcome[0].check(task.SchedulerStopped)
    assert file.closings == 1


def test_progress() -> None:
    seen: list[Progress] = []
    assert run(io.BytesIO(b"abcdef"), readSize=4, on_progress=seen.append) == (b"abcdef", [None])
    assert [(progress.sent_bytes, progress.total_bytes) for progress in seen] == [(4, 6), (6, 6)]
    assert all(progress.elapsed_seconds >= 0 for progress in seen)


def test_progress_without_a_total() -> None:
    seen: list[Progress] = []
    run(IterableBody([b"ab", b"c"]), on_progress=seen.append)
    assert [(progress.sent_bytes, progress.total_bytes) for progress in seen] == [
        (2, None),
        (3, None),
    ]


def test_progress_that_raises_ends_production() -> None:
    file = Watched(b"abcdef")

    def refuse(progress: Progress) -> None:
        raise RuntimeError("enough")

    content, [failure] = run(file, readSize=2, on_progress=refuse)
    assert content == b"ab"
    assert failure.check(RuntimeError)
    assert file.closings == 1


@pytest.mark.parametrize("allow_changes", [False, True])
def test_growing_file(tmp_path: Path, allow_changes: bool, prompt_threads: None) -> None:
    path = tmp_path / "file.log"
    path.write_bytes(bytes(100))
    steps, sink = Steps(), Sink()
    producer = FileBodyProducer(path.open("rb"), steps.cooperator, 30, allow_changes=allow_changes)
    outcome = outcome_of(producer.startProducing(sink))
    steps.one()
    with path.open("ab") as log:
        log.write(b"more")
    steps.run()
    if allow_changes:
        assert (sink.content, outcome) == (bytes(100), [None])
    else:
        assert len(sink.content) < 100
        assert outcome[0].check(BodyChanged)


def test_allow_changes_is_said_to_a_body_itself(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="say it to the Body itself"):
        FileBodyProducer(BytesBody(b""), allow_changes=True)


def test_a_pipe_is_waited_for_without_a_thread(reactor: FakeReactor) -> None:
    read_end, write_end = os.pipe()
    steps, sink = Steps(), Sink()
    producer = FileBodyProducer(os.fdopen(read_end, "rb"), steps.cooperator)
    outcome = outcome_of(producer.startProducing(sink))
    steps.run()
    [waiting] = reactor.readers
    assert waiting.fileno() == read_end
    os.write(write_end, b"abc")
    waiting.doRead()
    steps.run()
    assert sink.content == b"abc"
    os.close(write_end)
    [waiting] = reactor.readers
    waiting.connectionLost(Failure(RuntimeError("hung up")))
    waiting.connectionLost(Failure(RuntimeError("and again")))
    steps.run()
    assert outcome == [None]
    assert (reactor.readers, reactor.pool.given) == ([], 0)


def test_stop_gives_up_waiting_for_a_pipe(reactor: FakeReactor) -> None:
    read_end, write_end = os.pipe()
    with open(write_end, "wb"):
        file = os.fdopen(read_end, "rb")
        steps = Steps()
        producer = FileBodyProducer(file, steps.cooperator)
        producer.startProducing(Sink())
        steps.run()
        assert reactor.readers
        producer.stopProducing()
        assert not reactor.readers
        assert file.closed


class Threaded(io.BytesIO):
    """In memory, but with a descriptor: of a kind that only threads may read."""

    def __init__(self, descriptor_of: Any, content: bytes) -> None:
        super().__init__(content)
        self._descriptor_of = descriptor_of

    def fileno(self) -> int:
        descriptor: int = self._descriptor_of.fileno()
        return descriptor


def test_a_paused_producer_asks_no_thread(reactor: FakeReactor) -> None:
    with open("/dev/null", "rb") as null:
        file = Threaded(null, b"abcdef")
        steps, sink = Steps(), Sink()
        producer = FileBodyProducer(file, steps.cooperator, 3)
        producer.startProducing(sink)
        steps.run()
        [read] = reactor.pool.calls
        producer.pauseProducing()
        reactor.pool.calls.clear()
        read.run()  # the read in flight comes back, and its bytes are kept
        steps.run()
        assert sink.content == b""
        assert not reactor.pool.calls
        producer.resumeProducing()
        steps.run()
        assert sink.content == b"abc"


def test_an_abandoned_close_that_fails_is_said_in_the_log(reactor: FakeReactor) -> None:
    class Stubborn(Stream):
        before_read: Callable[[], None]
        fileno: Callable[[], int]

        def read(self, size: int) -> bytes:
            self.before_read()
            return super().read(size)

        def close(self) -> None:
            raise OSError("this file cannot be closed")

    with open("/dev/null", "rb") as null:
        steps = Steps()
        file = Stubborn(b"abc")
        file.fileno = null.fileno
        producer = FileBodyProducer(file, steps.cooperator)
        outcome = outcome_of(producer.startProducing(Sink()))
        steps.run()
        [read] = reactor.pool.calls
        file.before_read = producer.stopProducing
        with mock.patch("filebody.produce._threads._log") as log:
            read.run()
        assert "cannot be closed" in str(log.warn.call_args)
        assert outcome == []


@pytest.fixture
def regular_file(tmp_path: Path, prompt_threads: None) -> Path:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(250)) * 4096)
    return path


def test_a_resume_answers_with_what_a_transport_takes(regular_file: Path) -> None:
    steps, sink = Steps(), Sink()
    producer = FileBodyProducer(regular_file.open("rb"), steps.cooperator, 2**15)
    outcome = outcome_of(producer.startProducing(sink))
    steps.one()
    producer.pauseProducing()
    steps.run()
    assert len(sink.content) == 2**15
    producer.resumeProducing()  # the sink never pauses: no more than a transport would take
    assert len(sink.content) == 2**15 + 2**17
    steps.run()
    assert (sink.content, outcome) == (regular_file.read_bytes(), [None])


def test_a_transport_that_pauses_needs_the_cooperator_for_nothing(regular_file: Path) -> None:
    steps, sink = Steps(), Sink()
    producer = FileBodyProducer(regular_file.open("rb"), steps.cooperator, 2**16)
    outcome = outcome_of(producer.startProducing(sink))
    sink.on_write = producer.pauseProducing
    steps.run()
    for pieces in range(2, 17):
        producer.resumeProducing()
        assert len(sink.pieces) == pieces
        assert not steps.working
    sink.on_write = lambda: None
    producer.resumeProducing()
    steps.run()
    assert (sink.content, outcome) == (regular_file.read_bytes(), [None])


def test_a_pause_and_a_resume_within_a_write_do_not_nest(regular_file: Path) -> None:
    depth = deepest = 0
    steps = Steps()
    producer = FileBodyProducer(regular_file.open("rb"), steps.cooperator, 2**10)

    def pause_and_resume() -> None:
        nonlocal depth, deepest
        depth += 1
        deepest = max(depth, deepest)
        producer.pauseProducing()
        producer.resumeProducing()
        depth -= 1

    sink = Sink(pause_and_resume)
    outcome = outcome_of(producer.startProducing(sink))
    steps.one()
    producer.pauseProducing()
    producer.resumeProducing()
    steps.run()
    assert (sink.content, outcome) == (regular_file.read_bytes(), [None])
    assert deepest <= 2


def test_a_failure_within_a_resume_goes_through_the_deferred(regular_file: Path) -> None:
    steps, sink = Steps(), Sink()
    producer = FileBodyProducer(regular_file.open("rb"), steps.cooperator)
    outcome = outcome_of(producer.startProducing(sink))
    steps.one()

    def pause_and_raise() -> None:
        producer.pauseProducing()
        raise RuntimeError("no more")

    sink.on_write = pause_and_raise
    producer.pauseProducing()
    producer.resumeProducing()
    steps.run()
    assert outcome[0].check(RuntimeError)


def test_a_consumer_may_pause_and_resume_before_it_takes_what_is_written(
    regular_file: Path,
) -> None:
    class Hesitant(Sink):
        def write(self, data: bytes) -> None:
            producer.pauseProducing()
            producer.resumeProducing()
            super().write(data)

    steps, sink = Steps(), Hesitant()
    producer = FileBodyProducer(regular_file.open("rb"), steps.cooperator, 2**10)
    outcome = outcome_of(producer.startProducing(sink))
    steps.run()
    assert (sink.content, outcome) == (regular_file.read_bytes(), [None])


class CalledBackBody(Body):
    """Calls back while it is read, and is of a kind that a resume reads at once."""

    length = None
    replayable = False
    source = "<called back>"
    is_ready = True

    def __init__(self, content: bytes) -> None:
        self.file = io.BytesIO(content)
        self.on_read: Callable[[], object] = lambda: None

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        return CalledBackReader(self)


class CalledBackReader(SourceReader):
    _wait_by = WaitBy.THREAD
    _reading = False

    def __init__(self, body: CalledBackBody) -> None:
        super().__init__(body.source, 0, None, exact=False)
        self._body = body

    def _read_source(self, size: int) -> bytes | None:
        return self._read_source_blocking(size) if self._body.is_ready else None

    def _read_source_blocking(self, size: int) -> bytes:
        assert not self._reading
        self._reading = True
        self._body.on_read()
        self._reading = False
        return self._body.file.read(size)

    def _close_source(self) -> None:
        self._body.file.close()


def test_no_read_begins_within_another() -> None:
    def pause_and_resume() -> None:
        producer.pauseProducing()
        producer.resumeProducing()

    body = CalledBackBody(b"abcdef")
    body.on_read = pause_and_resume
    steps, sink = Steps(), Sink()
    producer = FileBodyProducer(body, steps.cooperator, 4)
    outcome = outcome_of(producer.startProducing(sink))
    steps.run()
    assert (sink.pieces, outcome) == ([b"abcd", b"ef"], [None])


def test_an_interrupt_goes_through_the_deferred_as_well(regular_file: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    steps, sink, file = Steps(), Sink(), regular_file.open("rb")
    producer = FileBodyProducer(file, steps.cooperator)
    outcome = outcome_of(producer.startProducing(sink))
    steps.one()
    producer.pauseProducing()
    sink.on_write = interrupt
    producer.resumeProducing()
    steps.run()
    assert outcome[0].check(KeyboardInterrupt)
    assert file.closed


def test_an_interrupt_after_a_stop_does_not_freeze_the_cooperator() -> None:
    def stop_and_interrupt() -> None:
        producer.stopProducing()
        raise KeyboardInterrupt

    steps = Steps()
    producer = FileBodyProducer(io.BytesIO(b"abc"), steps.cooperator)
    outcome = outcome_of(producer.startProducing(Sink(stop_and_interrupt)))
    others = outcome_of(steps.cooperator.coiterate(iter([None] * 5)))
    steps.run()
    assert (len(others), outcome) == (1, [])


@pytest.mark.parametrize("stop", [False, True])
def test_a_cooperator_that_does_not_wait_for_the_reactor(stop: bool) -> None:
    units: list[None] = []

    def too_many() -> bool:
        units.append(None)
        return len(units) > 10

    def now(tick: Callable[[], None]) -> Any:
        if len(units) < 10:
            tick()

    at_once = task.Cooperator(lambda: too_many, now)
    file = Watched(b"abcdef")
    producer = FileBodyProducer(file, at_once, 2)
    sink = Sink(producer.stopProducing if stop else lambda: None)
    outcome = outcome_of(producer.startProducing(sink))
    assert (sink.content, outcome) == ((b"ab", []) if stop else (b"abcdef", [None]))
    assert file.closings == 1
    assert len(units) < 10


@pytest.mark.parametrize("end", ["eof", "error", "stop"])
def test_an_ended_producer_holds_nobody(end: str) -> None:
    def refuse() -> None:
        raise RuntimeError("no more")

    steps, sink = Steps(), Sink(refuse if end == "error" else lambda: None)
    producer = FileBodyProducer(io.BytesIO(b"abc"), steps.cooperator, 1)
    deferred = producer.startProducing(sink)
    deferred.addErrback(lambda failure: failure.trap(RuntimeError))
    steps.one()
    if end == "stop":
        producer.stopProducing()
    steps.run()
    held: list[weakref.ref[Any]] = [weakref.ref(sink), weakref.ref(deferred), weakref.ref(producer)]
    del sink, deferred, refuse
    assert [ref() for ref in held] == [None, None, producer]
    del producer
    assert held[-1]() is None, "it is left to the garbage collector"


def test_what_is_in_memory_is_read_once_a_tick_also_after_a_resume() -> None:
    steps, sink = Steps(), Sink()
    producer = FileBodyProducer(io.BytesIO(b"abcdef"), steps.cooperator, 2)
    producer.startProducing(sink)
    steps.one()
    producer.pauseProducing()
    producer.resumeProducing()
    assert sink.pieces == [b"ab"]
    steps.run()
    assert sink.content == b"abcdef"


def test_a_write_that_stops_is_no_progress() -> None:
    seen: list[Progress] = []
    steps = Steps()
    producer = FileBodyProducer(io.BytesIO(b"abc"), steps.cooperator, on_progress=seen.append)
    producer.startProducing(Sink(producer.stopProducing))
    steps.run()
    assert seen == []


@pytest.mark.parametrize("in_a_resume", [False, True])
def test_what_a_read_gave_that_paused_is_kept(in_a_resume: bool) -> None:
    body = CalledBackBody(b"abcdef")
    steps, sink = Steps(), Sink()
    producer = FileBodyProducer(body, steps.cooperator, 2)
    outcome = outcome_of(producer.startProducing(sink))
    if in_a_resume:
        steps.one()
        producer.pauseProducing()
    body.on_read = producer.pauseProducing
    if in_a_resume:
        producer.resumeProducing()
    steps.run()
    assert sink.content == (b"ab" if in_a_resume else b"")
    body.on_read = lambda: None
    producer.resumeProducing()
    steps.run()
    assert (sink.content, outcome) == (b"abcdef", [None])


def test_a_resume_does_not_read_beside_a_thread(reactor: FakeReactor) -> None:
    body = CalledBackBody(b"abcdef")
    body.is_ready = False
    steps, sink = Steps(), Sink()
    producer = FileBodyProducer(body, steps.cooperator, 3)
    outcome = outcome_of(producer.startProducing(sink))
    steps.run()
    [read] = reactor.pool.calls
    body.is_ready = True
    producer.pauseProducing()
    producer.resumeProducing()
    assert sink.content == b""
    read.run()
    steps.run()
    assert (sink.content, outcome) == (b"abcdef", [None])


def test_a_stop_leaves_nothing_to_the_cooperator() -> None:
    steps = Steps()
    producer = FileBodyProducer(io.BytesIO(b"abc"), steps.cooperator)
    producer.startProducing(Sink())
    assert steps.working
    producer.stopProducing()
    assert not steps.working


def test_a_file_that_has_nothing_yet_is_asked_again_a_little_later(reactor: FakeReactor) -> None:
    answers: list[bytes | None] = [None, b"abc", b""]

    class Hesitant(Stream):
        def read(self, size: int) -> bytes | None:  # type: ignore[override]
            return answers.pop(0)

    steps, sink = Steps(), Sink()
    outcome = outcome_of(FileBodyProducer(Hesitant(b""), steps.cooperator).startProducing(sink))
    steps.run()
    reactor.advance(RETRY_SECONDS / 2)
    steps.run()
    assert len(answers) == 2
    reactor.advance(RETRY_SECONDS)
    steps.run()
    assert (sink.content, outcome) == (b"abc", [None])
