"""The lines of a response's head, checked before they are read.

llhttp repairs some heads that are not clean: it takes a space before a colon, or before the first
field. What it makes of such a head may differ from what another reader makes of it, and then both
disagree about where the response ends. Here each line is a field or the continuation of one, and
the fields that say where the body ends are never continued.

Source: RFC 9112 sections 2.2, 4, 5.1 and 5.2.
"""

from __future__ import annotations

import re

__all__ = ["MAX_HEAD_BYTES", "TOKEN", "HeadLines"]

MAX_HEAD_BYTES = 1 << 16
"""A longer head is refused; so are longer trailers."""

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++")
_BEGIN = b"HTTP/"
# In front of the first line they mean nothing (section 2.2).
_EMPTY_LINES = re.compile(rb"\A(?:\r?\n)+")
_END = re.compile(rb"\n\r?\n")
_FIELDS = re.compile(rb"[^\n]*\n(?:%b:[^\n]*\n(?:[ \t][^\n]*\n)*)*\r?\n" % TOKEN.pattern)
# Nearly all heads are this: in one piece, with nothing to look at twice.
_PLAIN = re.compile(rb"HTTP/[^\r\n]*+\r\n(?:%b:[^\r\n]*+\r\n)*+\r\n" % TOKEN.pattern)
_FOLDED_FRAMING = re.compile(
    rb"\n(?:content-length|transfer-encoding|connection):[^\n]*\n[ \t]", re.IGNORECASE
)
_SHOWN_BYTES = 20


class HeadLines:
    """Collects the bytes of one head after the other.

    Attributes:
        is_complete: Whether a whole head is there, to be taken by `split`.
    """

    __slots__ = ("_data", "_end", "is_complete")

    def __init__(self) -> None:
        self._data = b""
        self._end = 0
        self.is_complete = False

    def clear(self) -> None:
        """Forget what is there."""
        self._data, self.is_complete = b"", False

    def take(self, data: bytes | memoryview) -> str | None:
        """Take in what was received.

        Returns:
            Why it is no head; None if it is one, or may become one.
        """
        known = len(self._data)
        plain = None if known else _PLAIN.match(data)
        self._data = self._data + data if known else bytes(data)
        if plain is not None and plain.end() <= MAX_HEAD_BYTES:
            self._end = plain.end()
            self.is_complete = True
            return None
        if self._data[:1] in (b"\r", b"\n"):
            self._data = _EMPTY_LINES.sub(b"", self._data, 1)
        begin = self._data[: len(_BEGIN)]
        if begin != _BEGIN[: len(begin)] and begin != b"\r":
            return f"it begins with {self._data[:_SHOWN_BYTES]!r}"
        end = _END.search(self._data, max(0, known - 2))
        if end is None:
            return "its head has no end" if len(self._data) > MAX_HEAD_BYTES else None
        self._end = end.end()
        if self._end > MAX_HEAD_BYTES:
            return "its head is too long"
        if not _FIELDS.fullmatch(self._data, 0, self._end):
            return "a line of its head is no field"
        if _FOLDED_FRAMING.search(self._data, 0, self._end):
            return "a field about its framing is folded"
        self.is_complete = True
        return None

    def split(self) -> tuple[bytes, bytes]:
        """Take out the head; returns it, and what follows it."""
        head, rest = self._data[: self._end], self._data[self._end :]
        self._data, self.is_complete = b"", False
        return head, rest
