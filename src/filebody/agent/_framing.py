"""What goes out around a body: the request's head, chunks, and their end (RFC 9112)."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

__all__ = [
    "CHUNK_END",
    "Fields",
    "check_field",
    "check_method",
    "chunk_head",
    "last_chunk",
    "request_head",
]

Fields = Sequence[tuple[bytes, bytes]]

CHUNK_END = b"\r\n"
# RFC 9110 sections 5.6.2 and 5.5: nothing that could end a field, or be read as two.
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


def request_head(method: bytes, path: bytes, fields: Fields) -> bytes:
    """A request line and header fields, all of them checked before."""
    lines = [b"%b %b HTTP/1.1\r\n" % (method, path)]
    lines += [b"%b: %b\r\n" % field for field in fields]
    lines.append(b"\r\n")
    return b"".join(lines)


@functools.lru_cache(maxsize=64)  # most programs use one method
def check_method(method: bytes) -> None:
    """See whether it can be sent.

    Raises:
        ValueError: Something else would be read.
    """
    if not _TOKEN.fullmatch(method):
        raise ValueError(f"{_shown(method)} is no method")


def check_field(name: bytes, value: bytes) -> None:
    """See whether it can be sent.

    Raises:
        ValueError: Something else would be read.
    """
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{_shown(name)} is no name of a field")
    if not _VALUE.fullmatch(value):
        raise ValueError(f"the field {name.decode()} has a character that cannot be sent in it")


def chunk_head(count: int) -> bytes:
    """What stands before `count` bytes of a chunked body; `CHUNK_END` stands behind them."""
    return b"%x\r\n" % count


def last_chunk(trailers: Fields) -> bytes:
    """The end of a chunked body."""
    lines = [b"0\r\n"]
    lines += [b"%b: %b\r\n" % field for field in trailers]
    lines.append(b"\r\n")
    return b"".join(lines)


def _shown(text: bytes) -> str:
    return repr(text[:100])[1:]
