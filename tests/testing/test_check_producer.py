"""check_producer: ours and other people's correct producers pass; each broken rule is found."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.client import FileBodyProducer as TwistedFileBodyProducer
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from filebody import FileBodyProducer, IterableBody
from filebody.testing import _producers, check_producer
from tests.contract.rows import Stream

CONTENT = bytes(range(256)) * 40
PIECE = 1000


def ours(source: Any, cls: Any = FileBodyProducer) -> Any:
    return cls(source, readSize=PIECE)


def pipe() -> Any:
    read_end, write_end = os.pipe()
    os.write(write_end, CONTENT)
    os.close(write_end)
    return os.fdopen(read_end, "rb")


def temporary_file() -> Any:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the producer closes it
    file.write(CONTENT)
    file.seek(0)
    return file


class ThreadedFile:
    """Has a descriptor and a `read` of its own, so that threads read it."""

    def __init__(self) -> None:
        self._file = temporary_file()
        self.fileno, self.read, self.close = self._file.fileno, self._file.read, self._file.close


class RightTests(TestCase):
    """Every kind of source that ours can have."""

    timeout = 60

    def test_in_memory(self) -> Deferred[None]:
        return check_producer(lambda: ours(io.BytesIO(CONTENT)), CONTENT)

    def test_stream(self) -> Deferred[None]:
        return check_producer(lambda: ours(Stream(CONTENT)), CONTENT)

    def test_regular_file(self) -> Deferred[None]:
        return check_producer(lambda: ours(temporary_file()), CONTENT)

    def test_pipe(self) -> Deferred[None]:
        return check_producer(lambda: ours(pipe()), CONTENT)

    def test_threads(self) -> Deferred[None]:
        return check_producer(lambda: ours(ThreadedFile()), CONTENT)

    def test_iterable(self) -> Deferred[None]:
        pieces = [CONTENT[:5000], b"", CONTENT[5000:]]
        return check_producer(lambda: ours(IterableBody(pieces)), CONTENT)


class Renamed:
    """Ours without its interface."""

    def __init__(self) -> None:
        self._producer = ours(io.BytesIO(CONTENT))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)


@implementer(IBodyProducer)
class Broken(Renamed):
    """Ours, with one promise broken by a subclass."""

    @property
    def length(self) -> int:
        return len(CONTENT)

    def startProducing(self, consumer: IConsumer) -> Any:
        return self._producer.startProducing(consumer)

    def pauseProducing(self) -> None:
        self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        self._producer.resumeProducing()

    def stopProducing(self) -> None:
        self._producer.stopProducing()


class WrongLength(Broken):
    @property
    def length(self) -> int:
        return len(CONTENT) + 1


class Views(Broken):
    def startProducing(self, consumer: Any) -> Any:
        class Wrapper:
            def write(self, data: bytes) -> None:
                consumer.write(memoryview(data))

        return self._producer.startProducing(Wrapper())


class Truncating(Broken):
    def __init__(self) -> None:
        self._producer = ours(io.BytesIO(CONTENT[:-1]))


class Unpausable(Broken):
    def pauseProducing(self) -> None:
        pass


class CountingPauses(Broken):
    paused = 0

    def pauseProducing(self) -> None:
        self.paused += 1
        super().pauseProducing()

    def resumeProducing(self) -> None:
        self.paused = max(0, self.paused - 1)
        if not self.paused:
            super().resumeProducing()


class StrictAboutResume(Broken):
    paused = False

    def pauseProducing(self) -> None:
        self.paused = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        if not self.paused:
            raise RuntimeError("not paused")
        self.paused = False
        super().resumeProducing()


class Unstoppable(Broken):
    def stopProducing(self) -> None:
        pass


class FiringWhenStopped(Broken):
    def startProducing(self, consumer: IConsumer) -> Any:
        self._producer.startProducing(consumer)
        self.done: Deferred[None] = Deferred()
        return self.done

    def stopProducing(self) -> None:
        super().stopProducing()
        if not self.done.called:
            self.done.callback(None)


class NeedsStart(Broken):
    started = False

    def startProducing(self, consumer: IConsumer) -> Any:
        self.started = True
        return super().startProducing(consumer)

    def stopProducing(self) -> None:
        if not self.started:
            raise AttributeError("_task")
        super().stopProducing()


class SwallowingErrors(Broken):
    def startProducing(self, consumer: IConsumer) -> Any:
        return super().startProducing(consumer).addErrback(lambda _: None)


class LoudAboutCancel(Broken):
    def startProducing(self, consumer: IConsumer) -> Any:
        started = super().startProducing(consumer)
        done: Deferred[None] = Deferred(lambda _: started.cancel())
        started.addCallbacks(done.callback, done.errback)
        return done


class Restartable(Broken):
    def startProducing(self, consumer: IConsumer) -> Any:
        try:
            return super().startProducing(consumer)
        except RuntimeError:
            return Deferred()


class WrongTests(TestCase):
    """Every rule is broken by something, and named."""

    timeout = 60

    def breaks(self, make: Callable[[], Any], words: str) -> Deferred[Any]:
        def named(failure: Failure) -> None:
            failure.trap(AssertionError)
            assert words in str(failure.value)

        def missed(_: None) -> None:
            raise AssertionError("It passed.")

        return check_producer(make, CONTENT).addCallbacks(missed, named)

    def test_interface(self) -> Deferred[Any]:
        return self.breaks(Renamed, "provides IBodyProducer")

    def test_length(self) -> Deferred[Any]:
        return self.breaks(WrongLength, "its length is exact")

    def test_kind(self) -> Deferred[Any]:
        return self.breaks(Views, "memoryview")

    def test_truncated(self) -> Deferred[Any]:
        self.patch(Truncating, "length", len(CONTENT))  # type: ignore[no-untyped-call]
        return self.breaks(Truncating, "writes everything")

    def test_one_piece(self) -> Deferred[Any]:
        return self.breaks(lambda: FileBodyProducer(io.BytesIO(CONTENT)), "several pieces")

    def test_pause(self) -> Deferred[Any]:
        return self.breaks(Unpausable, "A paused producer writes nothing")

    def test_counted_pauses(self) -> Deferred[Any]:
        self.patch(_producers, "_PATIENCE_SECONDS", 0.1)  # type: ignore[no-untyped-call]
        return self.breaks(CountingPauses, "one resume ends any number of pauses")

    def test_resume(self) -> Deferred[Any]:
        return self.breaks(StrictAboutResume, "Resuming while running")

    def test_stop(self) -> Deferred[Any]:
        return self.breaks(Unstoppable, "stopped writes nothing more")

    def test_firing_when_stopped(self) -> Deferred[Any]:
        self.patch(_producers, "_RULES", [_producers._stop_in_a_write])  # type: ignore[no-untyped-call]
        return self.breaks(FiringWhenStopped, "its Deferred never fires")

    def test_stop_before_start(self) -> Deferred[Any]:
        return self.breaks(NeedsStart, "stopped before it was started")

    def test_swallowed_error(self) -> Deferred[Any]:
        return self.breaks(SwallowingErrors, "What a write raises fails the Deferred")

    def test_cancel(self) -> Deferred[Any]:
        return self.breaks(LoudAboutCancel, "is silent if its length is known")

    def test_second_start(self) -> Deferred[Any]:
        return self.breaks(Restartable, "started again, with RuntimeError")

    def test_upstream(self) -> Deferred[Any]:
        self.patch(_producers, "_PATIENCE_SECONDS", 0.1)  # type: ignore[no-untyped-call]
        make = lambda: ours(io.BytesIO(CONTENT), TwistedFileBodyProducer)  # noqa: E731
        return self.breaks(make, "one resume ends any number of pauses")
