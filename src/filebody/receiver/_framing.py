"""HTTP/1.1 framing by h11, with a short cut for bodies of known length.

h11 copies every byte of a body three times. A body with a Content-Length needs no parser: it is the
next N bytes. So h11 reads the head, and for chunked bodies everything; the bytes of a body of known
length go past it uncopied, and the request after that gets a fresh `h11.Connection`.
"""

from __future__ import annotations

from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING

import h11

if TYPE_CHECKING:
    from h11._events import Event

__all__ = ["Framing"]


class Framing:
    """The server's side of one connection: bytes in, h11's events out, and the other way round.

    Args:
        max_head_bytes: The longest request head, chunk header or trailer section.
    """

    def __init__(self, max_head_bytes: int) -> None:
        self._max_head_bytes = max_head_bytes
        self._h11 = self._fresh()
        self._unread: deque[bytes] = deque()
        self._left: int | None = None  # of a body of known length; None: h11 is at the wheel
        self._ended = False
        self._eof = False
        self._is_waited_for = False  # whether the client wants a 100, and has not got it
        self.has_body = False  # whether the request that was begun last has content to be read

    def _fresh(self) -> h11.Connection:
        return h11.Connection(h11.SERVER, max_incomplete_event_size=self._max_head_bytes)

    def receive(self, data: bytes) -> None:
        """Take bytes from the socket; empty means that no more will come."""
        if self._left is None:
            self._h11.receive_data(data)
        elif data:
            self._unread.append(data)
        else:
            self._eof = True

    def next_event(self) -> type[h11.NEED_DATA | h11.PAUSED] | Event:
        """Give the next event, as `h11.Connection.next_event` does.

        Raises:
            h11.RemoteProtocolError: The client broke the protocol.
        """
        if self._left is None:
            event = self._h11.next_event()
            if isinstance(event, h11.Request):
                # h11 takes any interim response for that 100.
                self._is_waited_for = self._h11.they_are_waiting_for_100_continue
                self._take_over(event)
            elif isinstance(event, h11.Data):
                self._is_waited_for = False
            return event
        if self._ended:
            return h11.PAUSED
        if self._left == 0:
            self._ended = True
            return h11.EndOfMessage()
        if not self._unread:
            if self._eof:
                raise h11.RemoteProtocolError(f"the body ended {self._left} bytes too early")
            return h11.NEED_DATA
        data = self._unread.popleft()
        if len(data) > self._left:
            self._unread.appendleft(data[self._left :])
            data = data[: self._left]
        self._left -= len(data)
        return h11.Data(data=data)

    def _take_over(self, request: h11.Request) -> None:
        fields = dict(request.headers)  # h11 has checked that there is one Content-Length
        length = int(fields.get(b"content-length", 0))
        is_chunked = b"transfer-encoding" in fields
        self.has_body = is_chunked or length > 0
        if is_chunked or length == 0:
            return
        self._left = length
        rest, self._eof = self._h11.trailing_data
        if rest:
            self._unread.append(rest)

    def count(self, size_bytes: int) -> None:
        """Take note of bytes of a counted body that were read elsewhere."""
        if self._left is not None:
            self._left -= size_bytes

    def send(self, event: Event) -> bytes:
        """Turn an event into bytes for the socket.

        Raises:
            h11.LocalProtocolError: It cannot be sent now.
        """
        if (
            isinstance(event, h11.InformationalResponse)
            and event.status_code == HTTPStatus.CONTINUE
        ):
            self._is_waited_for = False
        return self._h11.send(event) or b""

    @property
    def can_respond(self) -> bool:
        """Whether a final response can still be begun."""
        return self._h11.our_state in {h11.IDLE, h11.SEND_RESPONSE}

    @property
    def is_silent(self) -> bool:
        """Whether nothing of a next request has come."""
        return self._left is None and not self._h11.trailing_data[0]

    @property
    def left_bytes(self) -> int | None:
        """How much of a counted body is still to come as events; None where h11 reads."""
        return self._left

    @property
    def has_unread(self) -> bool:
        """Whether bytes of a counted body have arrived that are still to come as events."""
        return bool(self._unread)

    @property
    def wants_continue(self) -> bool:
        """Whether the client waits for a 100 before it sends the body (RFC 9110 section 10.1.1)."""
        if self._left is None and self._h11.trailing_data[0]:
            return False
        return self._is_waited_for and not self._unread

    @property
    def is_body_read(self) -> bool:
        """Whether the request has been read to its end."""
        if self._left is None:
            return self._h11.their_state in {h11.DONE, h11.MUST_CLOSE, h11.CLOSED}
        return self._ended

    @property
    def is_reusable(self) -> bool:
        """Whether request and response are complete and another request may follow."""
        return self.is_body_read and self._h11.our_state is h11.DONE

    def next_cycle(self) -> None:
        """Go on to the next request; only while `is_reusable`."""
        if self._left is None:
            self._h11.start_next_cycle()
            return
        self._h11 = self._fresh()
        self._left = None
        self._ended = False
        while self._unread:
            self._h11.receive_data(self._unread.popleft())
        if self._eof:
            self._h11.receive_data(b"")
