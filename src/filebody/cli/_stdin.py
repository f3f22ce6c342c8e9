"""The beginning of the standard input: what is short gets a length, and can be sent again.

A body of unknown length is sent in chunks, which some servers do not know: they refuse them, or
store the framing as data.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from filebody.body import Body, BytesBody, ConcatBody, FileBody
from filebody.cli._job import Job
from filebody.errors import BodyReadError

__all__ = ["SHORT_BYTES", "Gathering", "is_piped"]

SHORT_BYTES = 1 << 20
"""What is longer is sent in chunks."""
# A writer that takes longer is waited for while the server has what came before.
_PATIENCE_SECONDS = 0.5
_PIECE_BYTES = 1 << 16
_NAME = "<stdin>"


def is_piped() -> bool:
    """Tell whether the standard input is a pipe or a socket."""
    if sys.stdin is None:
        return False
    mode = os.fstat(sys.stdin.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


@implementer(IReadDescriptor)
class Gathering(Job):
    """Reads the standard input until it ends, is too long, or pauses for too long.

    Args:
        reactor: The reactor.

    Attributes:
        body: The standard input; with a length if it is short.
    """

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor)
        self.body: Body | None = None
        self._descriptor = sys.stdin.fileno()
        self._pieces: list[bytes] = []
        self._count = 0
        self._done: Deferred[bool] = Deferred()

    def fileno(self) -> int:
        """See `IReadDescriptor`."""
        return self._descriptor

    def logPrefix(self) -> str:
        """See `IReadDescriptor`."""
        return _NAME

    def doRead(self) -> None:
        """See `IReadDescriptor`."""
        try:
            piece = os.read(self._descriptor, _PIECE_BYTES)
        except BlockingIOError:  # another process has taken it
            return
        except OSError as error:
            self._done.errback(Failure(BodyReadError(_NAME, self._count, error)))
            return
        self._pieces.append(piece)
        self._count += len(piece)
        if not piece or self._count > SHORT_BYTES:
            self._end(is_whole=not piece)

    def connectionLost(self, reason: Failure) -> None:  # noqa: ARG002
        """See `IReadDescriptor`; epoll tells the end of a pipe in this way."""
        while not self._done.called:
            self.doRead()

    async def _do(self) -> None:
        patience = self._reactor.callLater(_PATIENCE_SECONDS, self._end, is_whole=False)
        self._reactor.addReader(self)
        try:
            is_whole = await self._done
        finally:
            self._reactor.removeReader(self)
            if patience.active():
                patience.cancel()
        beginning = BytesBody(b"".join(self._pieces), _NAME)
        self._pieces.clear()
        if is_whole:
            self.body = beginning
        else:
            self.body = ConcatBody(beginning, FileBody(sys.stdin.buffer, close=True))

    def _end(self, *, is_whole: bool) -> None:
        if not self._done.called:
            self._done.callback(is_whole)

    def _look(self) -> None:
        """See `Job`; there is nothing to be seen."""
