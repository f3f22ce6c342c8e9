"""What is read of a response's body: a sentence of a refusal, and the rest to be rid of it."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from filebody.agent import Response

__all__ = ["drain", "read_detail"]

# What is longer is ended with its connection.
_MOST_BYTES = 1 << 16
# Longer than any sentence.
_DETAIL_CHARACTERS = 300
_READABLE = (b"text/plain", b"application/json", b"application/problem+json")


class _Beginning(Protocol):
    """Collects the first bytes; what cannot be had is left out."""

    takes_any_end = True  # see `Response.deliverBody`

    def __init__(self) -> None:
        self._content = b""
        self.done: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self._content += data[: _MOST_BYTES - len(self._content)]
        if len(self._content) == _MOST_BYTES:
            self._end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        self._end()

    def _end(self) -> None:
        if not self.done.called:
            self.done.callback(self._content)


async def drain(response: Response) -> bytes:
    """Take the whole body, so that the connection is free; of a long one its beginning."""
    beginning = _Beginning()
    try:
        response.deliverBody(beginning)
        content = await beginning.done
    except BaseException:
        response.abort()
        raise
    if len(content) == _MOST_BYTES:
        response.abort()
    return content


async def read_detail(response: Response) -> str:
    """What a refusal says, if it is text: shortened, in one line."""
    content = await drain(response)
    kind = (response.headers.getRawHeaders(b"content-type") or [b""])[0].lower()
    if not kind.startswith(_READABLE):
        return ""
    words = " ".join(content.decode("utf-8", "replace").split())
    shown = "".join(character for character in words if character.isprintable())
    return shown if len(shown) <= _DETAIL_CHARACTERS else f"{shown[:_DETAIL_CHARACTERS]}..."
