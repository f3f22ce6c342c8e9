"""FileBodyProducer: writes a body to a consumer, in pieces, under the consumer's back-pressure."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IConsumer
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer

from filebody.body import Body, FileBody, WaitBy
from filebody.errors import UsageError
from filebody.produce._interface import Drain, IReaderConsumer
from filebody.produce._state import ACTIVE, TABLE, Input, State
from filebody.produce._waiting import when_ready
from filebody.progress import Progress, ProgressMeter

__all__ = ["FileBodyProducer"]

_log = Logger()

# As much as Twisted's transports send at a time (`FileDescriptor.SEND_LIMIT`).
REFILL_BYTES = 1 << 17


@implementer(IBodyProducer)
class FileBodyProducer:
    """Produces the bytes of a file, or of any `Body`, and writes them to a consumer.

    A drop-in for `twisted.web.client.FileBodyProducer`. Nothing is read before `startProducing`.
    A read that would have to wait for a disk or a pipe is waited for without holding the reactor.
    The pieces of one producer are written in order: one for each turn of the Cooperator, and as
    many as a transport takes at a time whenever it resumes.

    An open file is read from its current position and closed, once, on every way out: at its end,
    on an error, when production is stopped, also before it began. A `Body` opens and closes its
    own file for each pass, and a pass belongs to one producer.

    Args:
        inputFile: Any file-like object in binary mode, or a `Body`.
        cooperator: Has a `cooperate` method like `twisted.internet.task.Cooperator`.
        readSize: How many bytes to read at a time, at most.
        on_progress: Called after each write with a `Progress`. An exception that it raises ends
            production like one of the consumer's.
        allow_changes: Send the first `length` bytes of the file even if it grows or is touched
            meanwhile. A `Body` says that for itself.

    A consumer that provides `IReaderConsumer`, as the connections of an `UploadAgent` do, is handed
    the reader instead and drains it itself, without the Cooperator; all else stays as it is.

    Attributes:
        length: How many bytes will be written: exact, or `UNKNOWN_LENGTH`.
        body: What is produced.

    Raises:
        TypeError: The file is open in text mode, or `readSize` is no integer.
        UsageError: (a ValueError) The file's position is past its end, it is not readable, or
            `readSize` is less than 1.
        NotReplayable: The `Body` can be read only once, and was.

    Source: `twisted.web.iweb.IBodyProducer`.
    """

    length: int | str

    def __init__(
        self,
        inputFile: Any,
        cooperator: Any = task,
        readSize: int = 2**16,
        *,
        on_progress: Callable[[Progress], object] | None = None,
        allow_changes: bool = False,
    ) -> None:
        if not isinstance(readSize, int):
            raise TypeError(f"readSize must be an int, not {type(readSize).__name__}")
        if readSize < 1:
            raise UsageError(f"readSize must be at least 1 byte, not {readSize}")
        self._inputFile = inputFile
        self._cooperator = cooperator
        self._cooperate = cooperator.cooperate
        self._readSize = readSize
        self._on_progress = on_progress
        self.body = _body_of(inputFile, allow_changes=allow_changes)
        self.length = self._determineLength(inputFile)
        self._reader = self.body.open()
        self._state = State.NEW
        self._started = False
        self._done: Deferred[None] | None = None  # as long as it may fire
        self._write: Callable[[bytes], None] = _to_nobody
        self._failure: Failure | None = None
        self._drain: Drain | None = None
        self._successor: FileBodyProducer | None = None
        self._task: Any = None  # what cooperate() gave, as long as it is to be ended by us
        self._task_paused = False
        self._loop_is_over = False
        self._wait: Deferred[Any] | None = None
        self._arrived: bytes | Failure | None = None
        self._at_work = False
        self._cancel_fires = False

    def _determineLength(self, fObj: Any) -> int | str:
        """How many bytes can be read out of `fObj`, or `UNKNOWN_LENGTH`."""
        body = self.body if fObj is self._inputFile else _body_of(fObj, allow_changes=False)
        return UNKNOWN_LENGTH if body.length is None else body.length

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Begin to write the body to `consumer`.

        Args:
            consumer: Anything with `write(bytes)`. It may call the other methods from there.

        Returns:
            Fires with None when every byte was written. Fails with what went wrong before that:
            a `BodyError`, or what the file object, the consumer or `on_progress` raised. Never
            fires when `stopProducing` was called. Cancelling it stops production; then it stays
            silent if the length is known, and fails with `CancelledError` if it is not (Twisted's
            client would leak the connection).

        Raises:
            RuntimeError: Production was started before.
        """
        if self._started:
            raise RuntimeError("startProducing was called before: make a new producer")
        self._started = True
        done: Deferred[None] = Deferred(self._cancel)
        done.addErrback(self._keep_silent)
        if self._move(Input.START):
            self._done = done
            if IReaderConsumer.providedBy(consumer):
                taken: Callable[[int], None] = _uncounted
                if self._on_progress is not None:
                    meter = ProgressMeter(self.body.length, time.monotonic)
                    taken = functools.partial(self._taken, meter)
                self._drain = consumer.drain(self._reader, taken, self._drained)
                return done
            self._write = self._writer_to(consumer)
            try:
                self._task = self._cooperate(self._writeloop(consumer))
            except Exception:  # noqa: BLE001 - it goes to the caller, by the Deferred
                self._loop_over(Failure())
            else:
                self._task.whenDone().addBoth(self._loop_over)
        return done

    def pauseProducing(self) -> None:
        """Write nothing until `resumeProducing`; nothing happens unless it is producing."""
        if self._successor is not None:
            self._successor.pauseProducing()
        if not self._move(Input.PAUSE):
            return
        if self._drain is not None:
            self._drain.pause()
        elif self._task is not None and not self._task_paused:
            self._task_paused = True
            self._task.pause()

    def resumeProducing(self) -> None:
        """Go on after one or several `pauseProducing`; nothing happens unless it is paused.

        A transport calls this when its socket has taken everything, so that it is this producer's
        turn already: what it has room for is written before this returns, if it can be read
        without waiting. (Files that are not the system's own are left to the Cooperator.)
        """
        if self._successor is not None:
            self._successor.resumeProducing()
        if not self._move(Input.RESUME) or self._at_work:
            return
        if self._drain is not None:
            self._drain.resume()
            return
        if self._task_paused and self._reader.wait_by is not WaitBy.RETRY:
            self._refill()
        self._go_on()

    def stopProducing(self) -> None:
        """Write nothing any more, ever, and close the file; nothing happens after an end."""
        if self._successor is not None:
            self._successor.stopProducing()
        if self._move(Input.STOP):
            self._halt()

    @property
    def is_stopped(self) -> bool:
        """Whether `stopProducing` or a cancellation has ended it: then it never completes."""
        return self._state is State.STOPPED

    def again(self) -> FileBodyProducer:
        """A producer of the same bytes from the first one, for another attempt.

        It follows `pauseProducing`, `resumeProducing` and `stopProducing` of this one from now on,
        so that whoever holds this one still decides.

        Raises:
            NotReplayable: The body can be read only once.
        """
        self._successor = FileBodyProducer(
            self.body,
            self._cooperator,
            self._readSize,
            on_progress=self._on_progress,
        )
        return self._successor

    def _move(self, given: Input) -> bool:
        """Take `given` in; whether that changed the state."""
        before = self._state
        self._state = TABLE[before, given]
        return self._state is not before

    def _writer_to(self, consumer: IConsumer) -> Callable[[bytes], None]:
        """What writes a piece and reports it, unless that has ended production."""
        meter = ProgressMeter(self.body.length, time.monotonic)

        def write(piece: bytes) -> None:
            consumer.write(piece)
            if self._on_progress is not None and self._state in ACTIVE:
                self._on_progress(meter.advance(len(piece)))

        return write

    def _taken(self, meter: ProgressMeter, count: int) -> None:
        """The consumer has drained so many bytes."""
        progress = meter.advance(count)
        if self._on_progress is None or self._state not in ACTIVE:
            return
        try:
            self._on_progress(progress)
        except Exception:  # noqa: BLE001 - it goes to the caller, by the Deferred
            if self._drain is not None:
                self._drain.stop()
            self._drained(Failure())

    def _drained(self, failure: Failure | None) -> None:
        """The consumer has come to the reader's end, or not that far."""
        self._drain = None
        if failure is not None:
            self._fail(failure)
        else:
            self._release()
            self._move(Input.EOF)
        self._loop_over(None)

    def _writeloop(self, consumer: IConsumer) -> Iterator[Deferred[None] | None]:  # noqa: ARG002
        """An iterator that reads one piece and writes it each time it is iterated.

        It ends when production ended by itself. When somebody else ended it, the Cooperator has
        dropped the task already and must not see it end once more: then it yields.
        """
        while True:
            wait = None
            self._at_work = True
            try:
                wait = self._step()
            except BaseException:  # noqa: BLE001 - it goes to the caller, by the Deferred
                self._fail(Failure())
            self._at_work = False
            if self._task_paused:
                self._go_on()
            if self._state not in ACTIVE and not self._loop_is_over:
                return
            yield wait

    def _step(self) -> Deferred[None] | None:
        """Read a piece and write it, or say what to wait for.

        Whatever is called from here may pause, stop or cancel: the state is looked at again.
        """
        piece, self._arrived = self._arrived, None
        if isinstance(piece, Failure):
            self._fail(piece)
            return None
        if piece is None:
            piece = self._reader.read(self._readSize)
            if self._state is not State.RUNNING:
                self._keep(piece)
                return None
        if piece is None:
            self._wait = when_ready(self._reader, self._readSize)
            return self._wait.addBoth(self._waited)
        if piece:
            self._write(piece)
        else:
            self._release()  # may run the file's own code, which may stop us: only then the end
            self._move(Input.EOF)
        return None

    def _refill(self) -> None:
        """Read and write what a consumer takes at a time; leave all else to the loop."""
        room = REFILL_BYTES
        self._at_work = True
        try:
            while room > 0 and self._is_free():
                piece = self._reader.read(self._readSize)
                if not piece or not self._is_free():
                    self._keep(piece)
                    break
                room -= len(piece)
                self._write(piece)
        except BaseException:  # noqa: BLE001 - the loop hands it to the caller
            self._keep(Failure())
        finally:
            self._at_work = False

    def _go_on(self) -> None:
        """Let the loop run again if it was paused and there is something for it to do."""
        go_on = self._state is State.RUNNING or isinstance(self._arrived, Failure)
        if go_on and self._task_paused and self._task is not None:
            self._task_paused = False
            self._task.resume()

    def _is_free(self) -> bool:
        """Whether a piece may be read and written now."""
        return self._state is State.RUNNING and self._wait is None and self._arrived is None

    def _waited(self, outcome: bytes | Failure | None) -> None:
        self._wait = None
        self._keep(outcome)

    def _keep(self, outcome: bytes | Failure | None) -> None:
        """Keep what a read gave until it is this producer's turn again."""
        if self._state in ACTIVE:
            self._arrived = outcome

    def _fail(self, failure: Failure) -> None:
        """End production with `failure`, unless it has ended otherwise already."""
        if self._state in ACTIVE:
            self._release()
        if self._move(Input.ERROR):
            self._failure = failure
        else:
            _log.debug("{error} after production had ended", error=failure.value)

    def _loop_over(self, outcome: object) -> None:
        """The task has ended: by itself, by `_halt`, or because its Cooperator was stopped."""
        self._task = None
        self._loop_is_over = True
        if isinstance(outcome, Failure) and self._state in ACTIVE:
            self._fail(outcome)
        done, self._done = self._done, None
        if self._state is State.STOPPED or done is None:
            return
        failure, self._failure = self._failure, None
        if failure is None:
            done.callback(None)
        else:
            done.errback(failure)

    def _halt(self) -> None:
        """End the task first, so that nothing can be written any more, and then release."""
        drain, self._drain = self._drain, None
        if drain is not None:
            drain.stop()
        the_task, self._task = self._task, None
        if the_task is not None:
            with contextlib.suppress(task.TaskFinished):
                the_task.stop()
        self._release()

    def _release(self) -> None:
        """Give up waiting, let go of the consumer, and close the file: on every way out, once."""
        self._write = _to_nobody
        wait, self._wait, self._arrived = self._wait, None, None
        if wait is not None:
            wait.cancel()
        try:
            self._reader.close()
        except Exception:  # noqa: BLE001 - the outcome does not depend on it any more
            _log.failure("closing {source} failed", source=self.body.source)

    def _cancel(self, _: Deferred[None]) -> None:
        """Somebody cancelled the Deferred of `startProducing`."""
        if self._move(Input.CANCEL):
            self._cancel_fires = self.length is UNKNOWN_LENGTH
            self._halt()

    def _keep_silent(self, failure: Failure) -> Deferred[None]:
        """After a stop the Deferred never fires, not even because it is cancelled, or again."""
        if self._state is not State.STOPPED or self._cancel_fires:
            return fail(failure)
        return Deferred[None]().addErrback(self._keep_silent)


def _uncounted(count: int) -> None:
    """What hears of drained bytes when nobody wants to know."""


def _to_nobody(piece: bytes) -> None:
    """What writes when there is no consumer: none is kept alive before a start or after an end."""


def _body_of(source: Any, *, allow_changes: bool) -> Body:
    if isinstance(source, Body):
        if allow_changes:
            raise UsageError("allow_changes is for files: say it to the Body itself")
        return source
    if isinstance(source, (str, bytes, bytearray, os.PathLike)):
        raise TypeError(
            f"{type(source).__name__} is not a file: pass an open file, a PathBody or a BytesBody"
        )
    return FileBody(source, close=True, allow_changes=allow_changes)
