"""Bounds on request heads and trailer sections, checked before a parser sees them.

A parser's work must be in proportion to what a client sent. h11's patterns take time by the square
of a field's length where a forbidden character follows many blanks, and its lists many times the
memory of very short fields. So this is looked at first, in linear time.

Source: RFC 9112 sections 2.2, 5.1 and 5.2; RFC 6585 section 5.
"""

from __future__ import annotations

import re
from typing import Final

import h11

__all__ = ["MAX_FIELDS", "check_head", "check_length", "fields_of", "head_end"]

MAX_FIELDS: Final = 200
_END: Final = re.compile(rb"\n\r?\n")
_FORBIDDEN: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_FOLDED: Final = re.compile(rb"\n[ \t]")
_FIELD: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([^\r\n]*)")
_TOO_LONG: Final = 431


def head_end(buffer: bytearray, searched: int) -> int:
    """Find the end of a head.

    Args:
        buffer: The bytes from the start of the head on.
        searched: How many of them were looked at before.

    Returns:
        The position behind the empty line; -1 if it has not come.
    """
    match = _END.search(buffer, max(0, searched - 2))
    return -1 if match is None else match.end()


def check_head(head: bytes, max_bytes: int) -> None:
    """Check a head, or the section of a trailer.

    Raises:
        h11.RemoteProtocolError: 431 for one that is too long or has too many fields; 400 for
            control characters and folded lines.
    """
    check_length(len(head), max_bytes)
    if head.count(b"\n") > MAX_FIELDS + 2:  # with the request line and the empty one
        raise h11.RemoteProtocolError(
            f"the request has more than {MAX_FIELDS} fields", error_status_hint=_TOO_LONG
        )
    if _FORBIDDEN.search(head):
        raise h11.RemoteProtocolError("the request head has a control character in it")
    if _FOLDED.search(head):
        raise h11.RemoteProtocolError("a field is folded over several lines")


def check_length(size_bytes: int, max_bytes: int) -> None:
    """Check how long a head is, whole or not.

    Raises:
        h11.RemoteProtocolError: 431.
    """
    if size_bytes > max_bytes:
        raise h11.RemoteProtocolError(
            f"the request head is longer than {max_bytes} bytes", error_status_hint=_TOO_LONG
        )


def fields_of(section: bytes) -> list[tuple[bytes, bytes]]:
    """Read the fields of a trailer section; names in lower case.

    Raises:
        h11.RemoteProtocolError: As `check_head`, or 400 for a line that is no field.
    """
    check_head(section, len(section))
    fields = []
    for line in section.split(b"\r\n"):
        if not line:
            continue
        match = _FIELD.fullmatch(line)
        if match is None:
            raise h11.RemoteProtocolError("a line of the trailer section is no field")
        fields.append((match[1].lower(), match[2].strip(b" \t")))
    return fields
