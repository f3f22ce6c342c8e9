"""The way of an answer to the socket: head, pieces, end, and interim responses before."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import h11

from filebody.receiver._responses import response_fields
from filebody.wire import RESUMPTION_SUPPORTED, TUS_CHECKSUM_MISMATCH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filebody.receiver._framing import Framing

__all__ = ["Replies"]

# What http.HTTPStatus does not have.
_PHRASES: Final = {
    RESUMPTION_SUPPORTED: "Upload Resumption Supported",
    TUS_CHECKSUM_MISMATCH: "Checksum Mismatch",
}


class Replies:
    """Writes responses for one connection.

    Args:
        framing: The connection's.
        write: Takes bytes for the socket.

    Attributes:
        always: Fields that every response to the request under way has.
    """

    def __init__(self, framing: Framing, write: Callable[[bytes], None]) -> None:
        self.always: list[tuple[str, str]] = []
        self._framing = framing
        self._write = write

    def inform(self, status: int, fields: Sequence[tuple[str, str]] = ()) -> None:
        """Send an interim response; nothing where a final one was begun."""
        if self._framing.can_respond:
            headers = [*self.always, *fields] if status != HTTPStatus.CONTINUE else []
            self._send(
                h11.InformationalResponse(
                    status_code=status, headers=headers, reason=_phrase(status)
                )
            )

    def begin(self, status: int, fields: Sequence[tuple[str, str]], *, close: bool) -> None:
        """Send a head; `close` says that no further request will be heard."""
        headers = response_fields([*self.always, *fields], close=close)
        self._send(h11.Response(status_code=status, headers=headers, reason=_phrase(status)))

    def data(self, data: bytes) -> None:
        """Send a piece of the content."""
        self._send(h11.Data(data=data))

    def end(self) -> None:
        """End the response."""
        self._send(h11.EndOfMessage())

    def _send(
        self, event: h11.InformationalResponse | h11.Response | h11.Data | h11.EndOfMessage
    ) -> None:
        self._write(self._framing.send(event))


def _phrase(status: int) -> bytes:
    return (_PHRASES.get(status) or HTTPStatus(status).phrase).encode()
