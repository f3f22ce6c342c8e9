"""A producer whose consumer drains the reader itself."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from filebody import (
    BodyReadError,
    BytesBody,
    FileBodyProducer,
    IReaderConsumer,
    IterableBody,
    NotReplayable,
    Progress,
    Reader,
)


@implementer(IReaderConsumer)
class Drainer:
    """Takes the reader and does with it what the test says."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.content = b""
        self.reader: Reader | None = None

    def drain(
        self,
        reader: Reader,
        taken: Callable[[int], None],
        ended: Callable[[Failure | None], None],
    ) -> Drainer:
        self.reader, self.taken, self.ended = reader, taken, ended
        return self

    def read(self, size: int) -> None:
        assert self.reader is not None
        piece = self.reader.read(size)
        assert piece is not None
        self.content += piece
        if piece:
            self.taken(len(piece))
        else:
            self.ended(None)

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")

    def stop(self) -> None:
        self.calls.append("stop")

    def write(self, data: bytes) -> None:
        raise AssertionError("the reader was handed over")

    def registerProducer(self, producer: Any, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...


def outcomes(done: Deferred[None]) -> list[object]:
    found: list[object] = []
    done.addBoth(found.append)
    return found


def test_it_completes_when_the_reader_is_drained() -> None:
    file = io.BytesIO(b"content")
    consumer = Drainer()
    done = outcomes(FileBodyProducer(file).startProducing(consumer))
    consumer.read(4)
    consumer.read(4)
    assert done == []
    consumer.read(4)
    assert done == [None]
    assert consumer.content == b"content"
    assert file.closed


def test_progress_is_what_the_consumer_took() -> None:
    seen: list[Progress] = []
    consumer = Drainer()
    producer = FileBodyProducer(BytesBody(b"content"), on_progress=seen.append)
    producer.startProducing(consumer)
    consumer.read(4)
    consumer.read(4)
    assert [progress.sent_bytes for progress in seen] == [4, 7]


def test_an_exception_of_on_progress_ends_it() -> None:
    def fail(progress: Progress) -> None:
        raise LookupError

    file = io.BytesIO(b"content")
    consumer = Drainer()
    done = outcomes(FileBodyProducer(file, on_progress=fail).startProducing(consumer))
    consumer.read(4)
    [failure] = done
    assert isinstance(failure, Failure)
    assert failure.check(LookupError)
    assert consumer.calls == ["stop"]
    assert file.closed


def test_a_failure_of_the_reader_is_that_of_the_producer() -> None:
    file = io.BytesIO(b"content")
    consumer = Drainer()
    done = outcomes(FileBodyProducer(file).startProducing(consumer))
    consumer.ended(Failure(BodyReadError("file", 3, OSError(5, "broken"))))
    [failure] = done
    assert isinstance(failure, Failure)
    assert failure.check(BodyReadError)
    assert file.closed


def test_pause_and_resume_reach_the_drain_once() -> None:
    consumer = Drainer()
    producer = FileBodyProducer(BytesBody(b"content"))
    producer.startProducing(consumer)
    producer.resumeProducing()
    producer.pauseProducing()
    producer.pauseProducing()
    producer.resumeProducing()
    producer.resumeProducing()
    assert consumer.calls == ["pause", "resume"]


def test_stop_ends_the_drain_and_is_silent() -> None:
    file = io.BytesIO(b"content")
    consumer = Drainer()
    producer = FileBodyProducer(file)
    done = outcomes(producer.startProducing(consumer))
    producer.stopProducing()
    producer.stopProducing()
    assert consumer.calls == ["stop"]
    assert file.closed
    assert done == []
    assert producer.is_stopped


def test_cancelling_ends_the_drain() -> None:
    file = io.BytesIO(b"content")
    consumer = Drainer()
    done = FileBodyProducer(file).startProducing(consumer)
    found = outcomes(done)
    done.cancel()
    assert consumer.calls == ["stop"]
    assert file.closed
    assert found == []


def test_another_pass_follows_who_holds_the_first_one() -> None:
    first = FileBodyProducer(BytesBody(b"content"))
    first.startProducing(Drainer())
    first.stopProducing()
    again = first.again()
    consumer = Drainer()
    again.startProducing(consumer)
    first.pauseProducing()
    first.resumeProducing()
    consumer.read(7)
    first.stopProducing()
    assert consumer.content == b"content"
    assert consumer.calls == ["pause", "resume", "stop"]


def test_what_can_be_read_once_has_no_other_pass() -> None:
    with pytest.raises(NotReplayable):
        FileBodyProducer(IterableBody(iter([b"content"]))).again()
