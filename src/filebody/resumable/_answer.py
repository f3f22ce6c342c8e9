"""What is read of a response's body: a sentence of a refusal, and the rest to be rid of it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from filebody.agent import Response
from filebody.wire import reason_of

__all__ = ["drain", "read_detail"]

# What is longer is ended with its connection.
_MOST_BYTES = 1 << 16
_MOST_SECONDS = 10.0


class _Beginning(Protocol):
    """Collects the first bytes; what cannot be had is left out."""

    takes_any_end = True  # see `Response.deliverBody`

    def __init__(self) -> None:
        self._content = b""
        self.done: Deferred[bytes] = Deferred()
        self.is_whole = False

    def dataReceived(self, data: bytes) -> None:
        self._content += data[: _MOST_BYTES - len(self._content)]
        if len(self._content) == _MOST_BYTES:
            self.end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        self.is_whole = True
        self.end()

    def end(self) -> None:
        """Do with what came; the rest is not waited for."""
        if not self.done.called:
            self.done.callback(self._content)


async def drain(response: Response, reactor: Any) -> bytes:
    """Take the whole body, so that the connection is free; of a long or slow one its beginning."""
    beginning = _Beginning()
    timer = reactor.callLater(_MOST_SECONDS, beginning.end)
    try:
        response.deliverBody(beginning)
        content = await beginning.done
    except BaseException:
        response.abort()
        raise
    finally:
        if timer.active():
            timer.cancel()
    if not beginning.is_whole:
        response.abort()
    return content


async def read_detail(response: Response, reactor: Any) -> str:
    """What a refusal says: shortened, in one line."""
    content = await drain(response, reactor)
    kind = response.headers.getRawHeaders(b"content-type")
    return reason_of(None if kind is None else kind[0].decode("latin-1"), content)
