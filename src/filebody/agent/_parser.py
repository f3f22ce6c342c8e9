"""What comes back on a connection, taken apart: bytes in, events out.

The syntax of HTTP/1.1 is read by llhttp, through httptools. What it leaves to its user is done
here: where a body ends, what may be used again, and what is HTTP/2 or endless instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs
import httptools

from filebody.agent._head_lines import MAX_HEAD_BYTES, TOKEN, HeadLines

__all__ = ["Broken", "End", "Head", "ParserEvent", "ResponseParser"]

# What llhttp lets through along with folded fields, and nobody may (RFC 9110 section 5.5).
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_DIGITS = re.compile(rb"[0-9]{1,19}")
_VERSIONS = {"1.1": (b"HTTP", 1, 1), "1.0": (b"HTTP", 1, 0)}


@attrs.frozen
class Head:
    """A response up to its body.

    Attributes:
        status: The status code.
        phrase: The reason phrase.
        version: As `IResponse` has it.
        fields: Names as they came, and values without the space around them.
        length: Of the body in bytes; None if that is not known before its end.
        ends_by_close: Whether only the end of the connection ends the body.
    """

    status: int
    phrase: bytes
    version: tuple[bytes, int, int]
    fields: list[tuple[bytes, bytes]]
    length: int | None
    ends_by_close: bool

    @property
    def is_final(self) -> bool:
        """Whether it is the answer, and not one on the way (RFC 9110 section 15.2)."""
        return self.status >= 200


@attrs.frozen
class End:
    """The response is complete.

    Attributes:
        trailers: The fields behind a chunked body.
    """

    trailers: Sequence[tuple[bytes, bytes]]


_BARE_END = End(())


@attrs.frozen
class Broken:
    """This is not HTTP/1.1, and nothing after it means anything.

    Attributes:
        reason: Why, for messages.
    """

    reason: str


ParserEvent = Head | bytes | End | Broken
"""An interim or the final head, a piece of the body, its end; nothing comes after `Broken`."""


class ResponseParser:
    """Reads the responses of one connection, one for each `expect`.

    Attributes:
        ends_by_close: Whether only the end of the connection ends the body.
        has_more: Whether something came after the end, which nobody asked for.

    Source: RFC 9112; RFC 9110 section 6.4.1 for what has no body.
    """

    __slots__ = (
        "_body_bytes",
        "_connection",
        "_events",
        "_fields",
        "_has_length",
        "_is_chunked",
        "_is_closing",
        "_is_over",
        "_is_persistent",
        "_is_within",
        "_length",
        "_lines",
        "_machine",
        "_method",
        "_phrase",
        "_silent_bytes",
        "ends_by_close",
        "has_more",
    )

    def __init__(self) -> None:
        self._events: list[ParserEvent] = []
        self._machine: httptools.HttpResponseParser | None = None
        self._method = b""
        self._is_over = True
        self._is_within = self._is_persistent = self.ends_by_close = self.has_more = False
        self._is_closing = False
        self._lines = HeadLines()
        self._body_bytes = self._silent_bytes = 0

    def close(self) -> None:
        """There will be nothing more."""
        self._machine = None  # they hold each other
        self._is_persistent = False

    def _made(self) -> httptools.HttpResponseParser:
        machine = self._machine = httptools.HttpResponseParser(self)
        # What some servers do and RFC 9112 lets a client bear: folded fields (5.2), a bare LF
        # (2.2), and a Content-Length beside chunks (6.3); that connection is not used again.
        machine.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_chunked_length=True,
            lenient_optional_cr_before_lf=True,
        )
        return machine

    def expect(self, method: bytes) -> None:
        """A request was sent with this method: now its response may come."""
        self._method = method
        self._is_over = self._is_within = self._is_persistent = self.ends_by_close = False
        self._is_closing = False
        self._lines.clear()
        self._silent_bytes = 0

    @property
    def is_reusable(self) -> bool:
        """Whether the response is complete, and the connection is good for another one."""
        return self._is_over and self._is_persistent and not self.has_more

    def feed(self, data: bytes) -> list[ParserEvent]:
        """Take in what was received.

        Returns:
            What it means, in order.
        """
        events = self._events = []
        rest: bytes | memoryview = data
        while rest and not (self._is_over or self._is_within):
            rest = self._feed_head(rest)
        if rest and self._is_over:
            if bytes(rest).strip(b"\r\n"):  # section 2.2: empty lines mean nothing
                self.has_more = True
        elif rest:
            self._feed_body(rest)
        return events

    def _feed_head(self, data: bytes | memoryview) -> bytes | memoryview:
        """Read a head, as a whole; returns what follows it."""
        fault = self._lines.take(data)
        if fault is not None:
            self._break(fault)
            return b""
        if self._lines.is_complete:
            head, rest = self._lines.split()
            self._run(head)
            return rest
        return b""

    def _feed_body(self, data: bytes | memoryview) -> None:
        known = self._body_bytes
        self._run(data)
        if self._body_bytes > known:
            self._silent_bytes = 0
        else:
            self._silent_bytes += len(data)
            if self._silent_bytes > MAX_HEAD_BYTES:
                self._break("a chunk's extensions or its trailers have no end")

    def _run(self, data: bytes | memoryview) -> None:
        try:
            (self._machine or self._made()).feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break("it switched protocols, which nobody asked for")
        except httptools.HttpParserCallbackError:
            raise  # a defect of ours
        except httptools.HttpParserError as error:
            self._break(_lower(str(error)))

    def _break(self, reason: str) -> None:
        self._is_persistent = False
        if not self._is_over:
            self._is_over = True
            self._events.append(Broken(reason))

    # What llhttp calls.

    def on_message_begin(self) -> None:
        """Something begins: a response, or what nobody asked for."""
        if self._is_over:
            self.has_more = True
        self._fields: list[tuple[bytes, bytes]] = []
        self._phrase = b""
        self._length: int | None = None
        self._connection: list[bytes] = []
        self._is_chunked = self._has_length = False

    def on_status(self, phrase: bytes) -> None:
        """A part of the reason phrase."""
        if _CONTROL.search(phrase):
            self._break("its status line has a control character in it")
        self._phrase += phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head, or a trailer."""
        value = value.strip(b" \t")
        if _CONTROL.search(value):
            self._break("a field has a control character in it")
        self._fields.append((name, value))
        if self._is_within:
            if not TOKEN.fullmatch(name):
                self._break("a trailer has a name that is no token")
            return
        lower = name.lower()
        if lower == b"content-length":
            if not _DIGITS.fullmatch(value):
                self._break("its Content-Length is no length")
                return
            self._length = int(value)
            self._has_length = True
        elif lower == b"connection":
            self._connection += [token.strip() for token in value.lower().split(b",")]
        elif lower == b"transfer-encoding":
            if self._is_chunked or value.lower() != b"chunked":
                self._break("it uses a transfer coding that nobody asked for")
            self._is_chunked = True

    def on_headers_complete(self) -> None:
        """A head is complete."""
        machine = self._machine
        if self._is_over or machine is None:
            return
        status = machine.get_status_code()
        version = _VERSIONS.get(machine.get_http_version())
        if version is None:
            self._break(f"it speaks HTTP/{machine.get_http_version()}")
            return
        if status < 100:
            self._break(f"its status is {status}")
            return
        if status == 101:
            self._break("it switched protocols, which nobody asked for")
            return
        if status < 200 and (self._is_chunked or self._length):
            self._break(f"its {status} announces a body")  # RFC 9112 section 6
            return
        # RFC 9112 section 6.3; the status of CONNECT's success begins a tunnel.
        is_tunnel = self._method == b"CONNECT" and 200 <= status < 300
        has_no_body = is_tunnel or self._method == b"HEAD" or status < 200 or status in (204, 304)
        self.ends_by_close = not (has_no_body or self._is_chunked or self._has_length)
        length = None if self._is_chunked else self._length
        length = 0 if has_no_body else length
        head = Head(status, self._phrase, version, self._fields, length, self.ends_by_close)
        self._events.append(head)
        self._is_closing = self._is_closing or b"close" in self._connection
        if not head.is_final:
            self._machine = None  # it would stop where this one says `close`
            return
        self._is_within = True
        self._fields = []
        is_odd = status == 204 and (self._is_chunked or bool(self._length))  # it may follow yet
        self._is_persistent = (
            self._says_persistent(version) and not self.ends_by_close and not is_odd
        )
        if has_no_body:
            self._machine = None  # it might wait for a body that never comes
            self._complete()

    def _says_persistent(self, version: tuple[bytes, int, int]) -> bool:
        """RFC 9112 section 9.3."""
        if self._is_closing or (self._is_chunked and self._has_length):
            return False
        if version[2] == 1:
            return True
        # HTTP/1.0 has no chunks: something between has changed the framing (section 6.1).
        return b"keep-alive" in self._connection and not self._is_chunked

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self._is_over:
            self.has_more = True
        else:
            self._body_bytes += len(data)
            self._events.append(data)

    def on_message_complete(self) -> None:
        """A response is complete, an interim one perhaps."""
        if self._is_within and not self._is_over:
            self._complete()

    def _complete(self) -> None:
        self._is_over = True
        self._events.append(End(tuple(self._fields)) if self._fields else _BARE_END)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
