"""A stream that can be read once only, sent so that it can be resumed all the same.

A window of it is kept in a file without a name until the server has confirmed it. The stream is
read on while a request is under way, as far as the window has room.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from zope.interface import implementer

from filebody.body import Body, BytesBody, ConcatBody, PathBody, SliceBody
from filebody.errors import BodyError, NotReplayable, UsageError
from filebody.produce import FileBodyProducer
from filebody.resumable._source import Source
from filebody.resumable._threads import in_thread
from filebody.resumable._values import Available

__all__ = ["WINDOW_BYTES", "SpoolSource"]

WINDOW_BYTES = 1 << 26


@implementer(IConsumer)
class SpoolSource(Source):
    """Gives what a stream has given so far, from a window that begins where the server is.

    Args:
        reactor: Its threads.
        whole: The stream.
        window_bytes: How much of it is kept at most.
    """

    def __init__(self, reactor: Any, whole: Body, window_bytes: int = WINDOW_BYTES) -> None:
        self._reactor = reactor
        self._whole = whole
        self._window_bytes = window_bytes
        self._file: Any = None
        self._producer: FileBodyProducer | None = None
        self._floor = 0
        self._available = 0
        self._waiting: Deferred[Available] | None = None
        self._wanted = 0
        self._backlog = b""
        self._is_writing = False
        self._is_end = False
        self._is_closed = False
        self._failure: Failure | None = None

    def body(self, start: int, stop: int | None) -> Body:
        """See `Source.body`; all of the stream itself if nothing of it was kept."""
        if self._file is None and (stop is None or stop > self._available):
            return self._whole
        if stop is None or not self._floor <= start <= stop <= self._available:
            raise NotReplayable(self._whole.source, start)
        return self._kept(start, stop)

    def hash(self, digest: hashlib._Hash, start: int, stop: int) -> None:
        """See `Source.hash`."""
        while start < stop:
            piece = os.pread(self._file.fileno(), self._run(start, stop), self._place(start))
            digest.update(piece)
            start += len(piece)

    def more(self, available: int) -> Deferred[Available]:
        """See `Source.more`."""
        self._wanted = available
        waiting = self._waiting = Deferred(self._give_up_waiting)
        if self._file is None:
            try:
                self._begin()
            except OSError as error:
                self._failure = Failure(self._no_room(error))
        self._tell()
        return waiting

    def confirmed(self, offset: int) -> None:
        """See `Source.confirmed`; what is before it is written over."""
        self._floor = max(self._floor, offset)
        self._write_on()

    def close(self) -> None:
        """See `Source.close`; the stream is closed."""
        if self._is_closed:
            return
        self._is_closed = True
        self._backlog = b""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        if self._file is not None and not self._is_writing:
            self._file.close()

    # The stream.

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """See `IConsumer`; a body's producer is not registered."""

    def unregisterProducer(self) -> None:
        """See `IConsumer`."""

    def write(self, data: bytes) -> None:
        """See `IConsumer`: the stream gave more, and pauses until that is kept."""
        self._backlog += data
        if self._producer is not None:
            self._producer.pauseProducing()
        self._write_on()

    def _begin(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="filebody-")  # noqa: SIM115 - closed in `close`
        os.ftruncate(self._file.fileno(), self._window_bytes)
        self._producer = FileBodyProducer(self._whole)
        self._producer.startProducing(self).addCallbacks(self._ended, self._failed)

    def _ended(self, _: object) -> None:
        self._producer = None
        self._is_end = True
        self._tell()

    def _failed(self, failure: Failure) -> None:
        self._producer = None
        self._failure = failure
        self._tell()

    def _write_on(self) -> None:
        """Keep what waits, as far as there is room; then let the stream go on."""
        if self._is_writing:
            return
        room = self._floor + self._window_bytes - self._available
        if self._backlog and room > 0:
            count = min(len(self._backlog), room)
            piece, self._backlog = self._backlog[:count], self._backlog[count:]
            self._is_writing = True
            writing = in_thread(self._reactor, self._store, piece, self._available)
            writing.addCallbacks(self._stored, self._not_stored, callbackArgs=(count,))
        elif not self._backlog and self._producer is not None:
            self._producer.resumeProducing()

    def _store(self, piece: bytes, position: int) -> None:
        view = memoryview(piece)
        while view:
            end = position + len(view)
            count = os.pwrite(
                self._file.fileno(), view[: self._run(position, end)], self._place(position)
            )
            view = view[count:]
            position += count

    def _stored(self, _: object, count: int) -> None:
        self._is_writing = False
        if self._is_closed:
            self._file.close()
            return
        self._available += count
        self._tell()
        self._write_on()

    def _not_stored(self, failure: Failure) -> None:
        self._is_writing = False
        if self._is_closed:
            self._file.close()
            return
        cause = failure.value
        self._failed(Failure(self._no_room(cause)) if isinstance(cause, OSError) else failure)

    def _no_room(self, cause: OSError) -> BodyError:
        """What to say where the disk does not take what the stream gave."""
        source = self._whole.source
        message = (
            f"cannot keep what was read of {source} in a temporary file: {cause.strerror}; "
            "set TMPDIR to a directory with more room"
        )
        error = BodyError(source, self._available, message)
        error.__cause__ = cause
        return error

    def _tell(self) -> None:
        """Answer who waits, if there is something to say."""
        waiting = self._waiting
        if waiting is None:
            return
        is_end = self._is_end and not self._backlog and not self._is_writing
        if self._available > self._wanted or is_end:
            self._waiting = None
            waiting.callback(Available(self._available, is_end))
        elif self._failure is not None:
            self._waiting = None
            waiting.errback(self._failure)
        elif self._available - self._floor >= self._window_bytes:
            self._waiting = None
            waiting.errback(
                UsageError(
                    f"of {self._whole.source} {self._window_bytes} bytes are kept at most, and the "
                    "server takes no request that is as small: store it in a file and send that"
                )
            )

    def _give_up_waiting(self, _: Deferred[Available]) -> None:
        self._waiting = None

    # The window: byte n of the stream is at n modulo its size.

    def _place(self, position: int) -> int:
        return position % self._window_bytes

    def _run(self, start: int, stop: int) -> int:
        """How many bytes from `start` on lie in one piece."""
        return min(stop - start, self._window_bytes - self._place(start))

    def _kept(self, start: int, stop: int) -> Body:
        if start == stop:
            return BytesBody(b"")
        window = PathBody(f"/dev/fd/{self._file.fileno()}", allow_changes=True)
        place, run = self._place(start), self._run(start, stop)
        first = SliceBody(window, place, place + run)
        rest = stop - start - run
        return ConcatBody(first, SliceBody(window, 0, rest)) if rest else first
