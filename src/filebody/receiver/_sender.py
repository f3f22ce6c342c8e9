"""One file's way to the socket: reads in worker threads, at the pace of the client."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from filebody.receiver._budget import Budget
    from filebody.receiver._workers import Workers

__all__ = ["Sender"]

_READ_BYTES: Final = 256 * 1024
_LEAST_READ_BYTES: Final = 16 * 1024  # where memory is short


@implementer(IPushProducer)
class Sender:
    """Reads a range of an open file piece by piece, and closes it.

    Register it with the transport as a streaming producer, then call `start`. After the end,
    `on_end` has been called once; after `stopProducing` it never is.

    Args:
        descriptor: The open file; this object's own from now on.
        workers: The threads to read in.
        start: The first byte to send.
        length: How many bytes to send.
        budget: Says whether memory is short.
        on_data: Takes each piece, in order.
        on_end: Takes None after the last byte, or the reason why there is no more.
    """

    def __init__(
        self,
        descriptor: int,
        workers: Workers,
        *,
        start: int,
        length: int,
        budget: Budget,
        on_data: Callable[[bytes], None],
        on_end: Callable[[str | None], None],
    ) -> None:
        self._descriptor = descriptor
        self._workers = workers
        self._offset = start
        self._end = start + length
        self._budget = budget
        self._on_data = on_data
        self._on_end = on_end
        self._paused = False
        self._reading = False
        self._stopped = False

    def start(self) -> None:
        """Begin to read."""
        self._next()

    def resumeProducing(self) -> None:
        """The client has taken what was there (IPushProducer)."""
        if self._paused:
            self._paused = False
            self._next()

    def pauseProducing(self) -> None:
        """The client does not keep up (IPushProducer)."""
        self._paused = True

    def stopProducing(self) -> None:
        """The connection is gone (IProducer): close the file, after the read under way."""
        if not self._stopped:
            self._stopped = True
            if not self._reading:
                self._workers.run(os.close, self._descriptor)

    def _next(self) -> None:
        if self._paused or self._reading or self._stopped:
            return
        if self._offset == self._end:
            self._finish(None)
            return
        self._reading = True
        most = _LEAST_READ_BYTES if self._budget.is_full else _READ_BYTES
        size = min(most, self._end - self._offset)
        self._workers.run(os.pread, self._descriptor, size, self._offset).addCallbacks(
            self._read, self._failed
        )

    def _read(self, data: bytes) -> None:
        self._reading = False
        if self._stopped:
            self._workers.run(os.close, self._descriptor)
        elif not data:
            self._finish(f"the file ended at byte {self._offset} while it was being sent")
        else:
            self._offset += len(data)
            self._on_data(data)
            self._next()

    def _failed(self, failure: Failure) -> None:
        self._reading = False
        if self._stopped:
            self._workers.run(os.close, self._descriptor)
        else:
            self._finish(f"reading failed at byte {self._offset}: {failure.getErrorMessage()}")

    def _finish(self, reason: str | None) -> None:
        self.stopProducing()
        self._on_end(reason)
