"""Sizes, times, rates and names, to words and back; pure."""

from __future__ import annotations

import re
from fractions import Fraction

from filebody.errors import UsageError

__all__ = [
    "LONGEST_SECONDS",
    "bytes_count",
    "checked_seconds",
    "one_line",
    "parse_rate",
    "parse_size",
    "rate",
    "shorten",
    "size",
    "span",
    "unicode",
]

# Eleven days; what waits for events cannot wait for more than twice as much.
LONGEST_SECONDS = 1e6

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")
_SIZE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(?:([KMGTP])(i?B?)|B)?", re.IGNORECASE | re.ASCII)


def size(count: float) -> str:
    """Bytes for people: `317 B`, `1.5 KiB`, `256.0 MiB`."""
    if count < 1024:
        return f"{int(count)} B"
    power = 1
    while power < len(_UNITS) and count / 1024**power >= 1023.95:  # would be shown as 1024.0
        power += 1
    return f"{count / 1024**power:.1f} {_UNITS[power - 1]}"


def bytes_count(count: int) -> str:
    """An exact count: `1 byte`, `1,048,576 bytes`."""
    return "1 byte" if count == 1 else f"{count:,} bytes"


def rate(bytes_per_second: float | None) -> str:
    """A rate for people: `420.0 MiB/s`."""
    return "-- B/s" if bytes_per_second is None else f"{size(bytes_per_second)}/s"


def span(seconds: float | None) -> str:
    """A time on a clock's face: `0:07`, `12:31`, `3:00:00`."""
    if seconds is None:
        return "-:--"
    minutes, rest = divmod(min(int(seconds + 0.5), 360_000_000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def parse_size(text: str) -> int:
    """Read a size as GNU tools do: 10M and 10MiB are 10 * 1024 * 1024 bytes, 10MB is 10,000,000.

    Raises:
        UsageError: It is no size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a size: write bytes, or 500K, 10M, 1.5G, 2GiB, 3GB")
    number, unit, suffix = match.groups()
    power = "KMGTP".index(unit.upper()) + 1 if unit else 0
    base = 1000 if (suffix or "").upper() == "B" else 1024
    return int(Fraction(number) * base**power)


def parse_rate(text: str) -> int | None:
    """Read a rate as curl does: 500K is 500 * 1024 bytes a second; None for 0, which is no limit.

    Raises:
        UsageError: It is no rate.
    """
    try:
        return parse_size(text) or None
    except UsageError as error:
        raise UsageError(
            f"{text!r} is not a rate: write bytes per second, or 500K, 10M, 1.5G"
        ) from error


def checked_seconds(option: str, seconds: float | None) -> float:
    """A time that was given with `option`; 0 for None.

    Raises:
        UsageError: It is negative, or longer than can be waited for.
    """
    seconds = float(seconds or 0)
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise UsageError(
            f"{option} is {seconds:g} seconds: it must be between 0 and {LONGEST_SECONDS:,.0f}"
        )
    return seconds


def one_line(text: str) -> str:
    """Make text of others safe to show: it stays on its line and cannot steer the terminal."""
    if text.isascii() and text.isprintable():
        return text
    from filebody.wire import printable  # noqa: PLC0415 - most lines do without, and start sooner

    return printable(text)


def unicode(text: str) -> str:
    """A name whose bytes may not be UTF-8, such that every reader of JSON takes it."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def shorten(text: str, width: int) -> str:
    """Cut the middle out of `text` if it is longer than `width`; the ending says the type."""
    if len(text) <= width:
        return text
    if width < 2:
        return text[:width]
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"
