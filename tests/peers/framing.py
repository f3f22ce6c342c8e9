"""The server's half of HTTP/1.1 framing, strict: what a client sent, taken apart as it comes.

Written apart from what the package uses, so that nobody marks their own work. What RFC 9112 forbids
a client to send is a `BadRequest`, however harmless.
"""

from __future__ import annotations

import enum
import re

import attrs

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) (HTTP/1\.[01])")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})")
_MOST_HEAD_BYTES = 1 << 20


class BadRequest(Exception):
    """Bytes that no client may send."""


@attrs.define
class Request:
    """One request, as far as it has come.

    Attributes:
        fields: Names in lower case, in their order.
        body: With the framing taken off.
        complete: Whether all of the body came, with the last chunk and the trailer if there are.
        trailers: Like `fields`.
    """

    method: bytes
    target: bytes
    version: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytearray = attrs.field(factory=bytearray, repr=lambda body: f"<{len(body)} bytes>")
    complete: bool = False
    trailers: list[tuple[bytes, bytes]] = attrs.field(factory=list)

    def field(self, name: bytes) -> bytes | None:
        """The value of a field that comes once, or None."""
        found = [value for key, value in self.fields if key == name]
        if len(found) > 1:
            raise AssertionError(f"{name!r} came more than once: {found}")
        return found[0] if found else None


class _State(enum.Enum):
    HEAD = enum.auto()
    COUNTED = enum.auto()
    CHUNK_SIZE = enum.auto()
    CHUNK = enum.auto()
    CHUNK_END = enum.auto()
    TRAILER = enum.auto()


class RequestParser:
    """Takes the bytes of one connection, in pieces of any size.

    Attributes:
        requests: What came; the last one may be incomplete.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._buffer = bytearray()
        self._state = _State.HEAD
        self._left = 0

    @property
    def in_head(self) -> bool:
        """Whether the head of a (further) request is what comes next, or goes on."""
        return self._state is _State.HEAD

    def feed(self, data: bytes) -> None:
        """Take further bytes.

        Raises:
            BadRequest: They break RFC 9112.
        """
        self._buffer += data
        while self._step():
            pass

    def _step(self) -> bool:
        """Take one element from the buffer; whether there was one."""
        match self._state:
            case _State.HEAD:
                return self._head()
            case _State.COUNTED | _State.CHUNK:
                return self._content()
            case _State.CHUNK_SIZE:
                return self._chunk_size()
            case _State.CHUNK_END:
                return self._chunk_end()
            case _State.TRAILER:
                return self._trailer()

    def _head(self) -> bool:
        block = self._until(b"\r\n\r\n")
        if block is None:
            return False
        line, _, rest = block.partition(b"\r\n")
        match = _REQUEST_LINE.fullmatch(line)
        if match is None:
            raise BadRequest(f"request line: {line!r}")
        request = Request(match[1], match[2], match[3], _fields(rest))
        self.requests.append(request)
        self._begin_body(request)
        return True

    def _begin_body(self, request: Request) -> None:
        names = [name for name, _ in request.fields]
        for name in (b"host", b"content-length", b"transfer-encoding"):
            if names.count(name) > 1:
                raise BadRequest(f"{names.count(name)} fields {name!r}")
        if request.version == b"HTTP/1.1" and b"host" not in names:
            raise BadRequest("no Host field (RFC 9112 section 3.2)")
        length, coding = request.field(b"content-length"), request.field(b"transfer-encoding")
        if coding is not None:
            if length is not None:
                raise BadRequest("Content-Length and Transfer-Encoding (RFC 9112 section 6.2)")
            if coding != b"chunked":
                raise BadRequest(f"Transfer-Encoding: {coding!r}")
            self._state = _State.CHUNK_SIZE
        elif length is not None:
            if not length.isdigit():
                raise BadRequest(f"Content-Length: {length!r}")
            self._left = int(length)
            self._state = _State.COUNTED
            if not self._left:
                self._end()
        else:
            self._end()

    def _content(self) -> bool:
        if not self._buffer:
            return False
        piece = self._buffer[: self._left]
        del self._buffer[: self._left]
        self.requests[-1].body += piece
        self._left -= len(piece)
        if not self._left:
            if self._state is _State.COUNTED:
                self._end()
            else:
                self._state = _State.CHUNK_END
        return True

    def _chunk_size(self) -> bool:
        line = self._until(b"\r\n")
        if line is None:
            return False
        if not _CHUNK_SIZE.fullmatch(line):
            raise BadRequest(f"chunk size: {line[:40]!r}")
        self._left = int(line, 16)
        self._state = _State.CHUNK if self._left else _State.TRAILER
        return True

    def _chunk_end(self) -> bool:
        if len(self._buffer) < 2:
            return False
        if self._buffer[:2] != b"\r\n":
            raise BadRequest(f"a chunk ended with {bytes(self._buffer[:2])!r}")
        del self._buffer[:2]
        self._state = _State.CHUNK_SIZE
        return True

    def _trailer(self) -> bool:
        if self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]
        else:
            block = self._until(b"\r\n\r\n")
            if block is None:
                return False
            self.requests[-1].trailers = _fields(block)
        self._end()
        return True

    def _end(self) -> None:
        self.requests[-1].complete = True
        self._state = _State.HEAD

    def _until(self, mark: bytes) -> bytes | None:
        end = self._buffer.find(mark)
        if end < 0:
            if len(self._buffer) > _MOST_HEAD_BYTES:
                raise BadRequest(f"no end of a line or head: {bytes(self._buffer[:40])!r}...")
            return None
        taken = bytes(self._buffer[:end])
        del self._buffer[: end + len(mark)]
        return taken


def _fields(block: bytes) -> list[tuple[bytes, bytes]]:
    fields = []
    for line in block.split(b"\r\n") if block else []:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise BadRequest(f"field line: {line!r}")
        fields.append((match[1].lower(), match[2]))
    return fields
