"""HTTP/1.1 framing: h11 reads heads and writes responses; bodies pass beside it.

h11 copies every byte of a body three times, and takes 11 µs for each chunk. A body with a
Content-Length needs no parser: it is the next N bytes, and they go on uncopied. Chunked bodies have
a decoder of their own. Each request gets a fresh `h11.Connection`, which sees only its head.
"""

from __future__ import annotations

from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING

import h11

from filebody.receiver._chunked import ChunkedDecoder
from filebody.receiver._head import check_head, check_length, head_end

if TYPE_CHECKING:
    from h11._events import Event

__all__ = ["Framing"]


class Framing:
    """The server's side of one connection: bytes in, h11's events out, and the other way round.

    Args:
        max_head_bytes: The longest request head or trailer section.
    """

    def __init__(self, max_head_bytes: int) -> None:
        self._max_head_bytes = max_head_bytes
        self._h11 = h11.Connection(h11.SERVER)
        self._buffer = bytearray()  # what is not content of a known length
        self._searched = 0  # so much of it has no end of a head
        self._unread: deque[bytes] = deque()  # content of a known length
        self._has_head = False
        self._left: int | None = None  # of a body of known length
        self._chunked: ChunkedDecoder | None = None
        self._ended = False
        self._eof = False
        self._is_waited_for = False  # whether the client wants a 100, and has not got it
        self.has_body = False  # whether the request that was begun last has content to be read

    def receive(self, data: bytes) -> None:
        """Take bytes from the socket; empty means that no more will come."""
        if not data:
            self._eof = True
        elif self._left is not None and not self._ended:
            self._unread.append(data)
        else:
            self._buffer += data

    def next_event(self) -> type[h11.NEED_DATA | h11.PAUSED] | Event:
        """Give the next event, as `h11.Connection.next_event` does.

        Raises:
            h11.RemoteProtocolError: The client broke the protocol.
        """
        if not self._has_head:
            return self._next_head()
        if self._ended:
            return h11.PAUSED
        if self._chunked is not None:
            return self._next_of_chunks(self._chunked)
        return self._next_of_counted(self._left or 0)

    def _next_head(self) -> type[h11.NEED_DATA | h11.PAUSED] | Event:
        buffer = self._buffer
        if not self._searched and buffer.startswith(b"\r\n"):
            del buffer[:2]  # RFC 9112 section 2.2: an empty line before the request line
        if not buffer:
            return h11.ConnectionClosed() if self._eof else h11.NEED_DATA
        if buffer[0] <= 0x20:
            raise h11.RemoteProtocolError("this is no HTTP request")
        end = head_end(buffer, self._searched)
        if end < 0:
            self._searched = len(buffer)
            check_length(len(buffer), self._max_head_bytes)
            if self._eof:
                raise h11.RemoteProtocolError("the request head ended too early")
            return h11.NEED_DATA
        head = bytes(buffer[:end])
        check_head(head, self._max_head_bytes)
        del buffer[:end]
        self._searched = 0
        self._h11.receive_data(head)
        event = self._h11.next_event()
        if isinstance(event, h11.Request):
            self._has_head = True
            self._is_waited_for = self._h11.they_are_waiting_for_100_continue
            self._begin_body(event)
        return event

    def _begin_body(self, request: h11.Request) -> None:
        fields = dict(request.headers)  # h11 has checked that there is one Content-Length
        if b"transfer-encoding" in fields:  # chunked: h11 knows no other
            self._chunked = ChunkedDecoder(self._max_head_bytes)
            self.has_body = True
            return
        self._left = int(fields.get(b"content-length", 0))
        self.has_body = self._left > 0
        self._ended = not self.has_body
        if first := bytes(self._buffer[: self._left]):
            del self._buffer[: self._left]
            self._unread.append(first)

    def _next_of_counted(self, left: int) -> type[h11.NEED_DATA] | Event:
        if left == 0:
            self._end_body()
            return h11.EndOfMessage()
        if not self._unread:
            if self._eof:
                raise h11.RemoteProtocolError(f"the body ended {left} bytes too early")
            return h11.NEED_DATA
        data = self._unread.popleft()
        if len(data) > left:
            self._unread.appendleft(data[left:])
            data = data[:left]
        self._left = left - len(data)
        return h11.Data(data=data)

    def _next_of_chunks(self, decoder: ChunkedDecoder) -> type[h11.NEED_DATA] | Event:
        data = decoder.decode(self._buffer)
        if data:
            self._is_waited_for = False
            return h11.Data(data=data)
        if decoder.trailer is not None:
            self._end_body()
            return h11.EndOfMessage(headers=decoder.trailer)
        if self._eof:
            raise h11.RemoteProtocolError("the body ended before its last chunk")
        return h11.NEED_DATA

    def _end_body(self) -> None:
        self._ended = True
        while self._unread:
            self._buffer += self._unread.popleft()

    def discard(self) -> None:
        """Forget what has come and was not read: no request will be read any more."""
        self._buffer.clear()
        self._unread.clear()

    def count(self, size_bytes: int) -> None:
        """Take note of bytes of a counted body that were read elsewhere."""
        if self._left is not None:
            self._left -= size_bytes

    def send(self, event: Event) -> bytes:
        """Turn an event into bytes for the socket.

        Raises:
            h11.LocalProtocolError: It cannot be sent now, or never.
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
        return not self._has_head and not self._buffer

    @property
    def held_bytes(self) -> int:
        """How much of heads and framing waits to be read."""
        return len(self._buffer)

    @property
    def left_bytes(self) -> int | None:
        """How much of a counted body is still to come as events; None for other requests."""
        return None if self._ended else self._left

    @property
    def has_unread(self) -> bool:
        """Whether bytes of a counted body have arrived that are still to come as events."""
        return bool(self._unread)

    @property
    def wants_continue(self) -> bool:
        """Whether the client waits for a 100 before it sends the body (RFC 9110 section 10.1.1)."""
        return self._is_waited_for and not self._unread and not self._buffer

    @property
    def is_body_read(self) -> bool:
        """Whether the request has been read to its end."""
        return self._ended

    @property
    def is_reusable(self) -> bool:
        """Whether request and response are complete and another request may follow."""
        return self._ended and self._h11.our_state is h11.DONE

    def next_cycle(self) -> None:
        """Go on to the next request; only while `is_reusable`."""
        self._h11 = h11.Connection(h11.SERVER)
        self._left = self._chunked = None
        self._has_head = self._ended = self.has_body = self._is_waited_for = False
