"""The file name in Content-Disposition.

The parser of the standard library's `email` takes time by the square of the length, and raises
whatever a codec of the client's choice raises. This one is linear, and never raises.

Source: RFC 6266 section 4; RFC 8187 section 3.2.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

__all__ = ["parse_filename"]

_TYPE: Final = re.compile(r"[^;]*")
_PARAMETER: Final = re.compile(
    r"""; [ \t]* ([^\s;="*]+ \*?) [ \t]* = [ \t]*  ( "(?:[^"\\]|\\.)*" | [^;"]* )  [ \t]* """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_CHARSETS: Final = {"utf-8": "utf-8", "iso-8859-1": "latin-1"}


def parse_filename(value: str) -> str | None:
    """Read the file name, the one that says its charset where there are two.

    Args:
        value: The value of the field, each byte as one character (ISO-8859-1).

    Returns:
        The name, which may be anything that the client liked to send; None if there is none.
    """
    plain: str | None = None
    extended: str | None = None
    start = _match_end(_TYPE, value, 0)
    while match := _PARAMETER.match(value, start):
        start = match.end()
        key, content = match[1].lower(), match[2]
        if content.startswith('"'):
            content = _ESCAPED.sub(r"\1", content[1:-1])
        if key == "filename" and plain is None:
            plain = _decoded(content.strip(" \t"))
        elif key == "filename*" and extended is None:
            extended = _extended(content.strip(" \t"))
    return plain if extended is None else extended


def _match_end(pattern: re.Pattern[str], value: str, start: int) -> int:
    match = pattern.match(value, start)
    return start if match is None else match.end()


def _decoded(text: str) -> str:
    """Read bytes as what they mostly are: UTF-8, or else what RFC 6266 has."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def _extended(text: str) -> str | None:
    charset, _, rest = text.partition("'")
    _, mark, encoded = rest.partition("'")
    codec = _CHARSETS.get(charset.lower())
    if codec is None or not mark:
        return None
    try:
        return unquote_to_bytes(encoded.encode("latin-1")).decode(codec)
    except UnicodeError:
        return None
