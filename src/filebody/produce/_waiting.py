"""Waiting for a reader that is not ready, without holding the event loop.

Each kind of waiting is a Deferred that can be cancelled at any time and leaves nothing behind in
the reactor then. (A read that a worker thread has begun cannot be taken back: its bytes are
dropped, and the reader closes itself when it returns.)
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from filebody.body import Reader, WaitBy
from filebody.clock import monotonic
from filebody.produce._threads import read_in_thread

__all__ = ["when_ready"]

RETRY_SECONDS = 0.01


def when_ready(reader: Reader, size: int) -> Deferred[bytes | None]:
    """Wait as `reader.wait_by` says.

    Args:
        reader: Just answered "not ready".
        size: How many bytes to read, at most, if that is done on the way.

    Returns:
        Fires with the bytes that a worker thread read (empty at the end), or with None when
        `reader.read` is to be asked again. Fails with what the read raised.
    """
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one

    match reader.wait_by:
        case WaitBy.THREAD:
            return read_in_thread(reader, size, reactor)
        case WaitBy.DESCRIPTOR:
            return _Readable(reader.fileno(), reactor).deferred
        case WaitBy.RETRY:
            return deferLater(monotonic(reactor), RETRY_SECONDS, lambda: None)


@implementer(IReadDescriptor)
class _Readable:
    """Watches a descriptor until it is readable or hung up, once."""

    def __init__(self, descriptor: int, reactor: Any) -> None:
        self._descriptor = descriptor
        self._reactor = reactor
        self.deferred: Deferred[bytes | None] = Deferred(lambda _: reactor.removeReader(self))
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._descriptor

    def doRead(self) -> None:
        self._reactor.removeReader(self)
        self.deferred.callback(None)

    def connectionLost(self, reason: Failure) -> None:  # noqa: ARG002 - the interface's
        if not self.deferred.called:
            self.doRead()  # the next read tells what is the matter

    def logPrefix(self) -> str:
        return "filebody"
