"""Sizes, times, rates and names, to words and back; pure."""

from __future__ import annotations

import re

from filebody.errors import UsageError

__all__ = [
    "LONGEST_SECONDS",
    "bytes_count",
    "checked_seconds",
    "duration",
    "one_line",
    "parse_duration",
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

_DURATION_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_NUMBER = r"(\d+(?:\.\d+)?|\.\d+)"
_DURATION = re.compile(
    r"\s*".join(rf"(?:{_NUMBER}\s*{unit})?" for unit in _DURATION_UNITS), re.ASCII
)
_SECONDS = re.compile(_NUMBER, re.ASCII)


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
    from fractions import Fraction  # noqa: PLC0415 - few give a size

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


def parse_duration(text: str) -> float:
    """Read a duration in seconds: `10`, `0.5`, `500ms`, `10m`, `1h30m` or `7d`.

    Units stand in descending order, each at most once. A number without a unit is seconds.

    Raises:
        UsageError: It is no duration.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise UsageError(
            f"{text!r} is not a duration: write seconds, or 500ms, 90s, 10m, 1h30m, 7d"
        )
    parts = zip(match.groups(default="0"), _DURATION_UNITS.values(), strict=True)
    from fractions import Fraction  # noqa: PLC0415 - few give a time

    return float(sum(Fraction(number) * unit for number, unit in parts) / 1000)


def duration(seconds: float) -> str:
    """Write a duration as `parse_duration` reads it: `500ms`, `1m`, `1h30m`, `0`."""
    rest, parts = round(seconds * 1000), []
    for unit, milliseconds in _DURATION_UNITS.items():
        count, rest = divmod(rest, milliseconds)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0"


def checked_seconds(option: str, seconds: float | None) -> float:
    """The duration that `option` gave, in seconds; 0 for None.

    Raises:
        UsageError: It is negative, or longer than a timer can wait.
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
