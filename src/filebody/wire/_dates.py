"""Dates, and the waits that servers ask for."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["parse_http_date", "parse_retry_after"]

# Longer than any date. The parser of `email` is made for other things as well.
_MAX_DATE_CHARACTERS: Final = 100
# Thirty years: whatever is longer means "never", and is still a duration that timers can take.
_MAX_SECONDS: Final = 1e9


def parse_http_date(value: str | None) -> float | None:
    """Read a date, in each of the three formats and with a numeric zone.

    Returns:
        Seconds since 1970; None if it is absent or no date.

    Source: RFC 9110 section 5.6.7.
    """
    if value is None or len(value) > _MAX_DATE_CHARACTERS:
        return None
    try:
        date = parsedate_to_datetime(value)
        # The asctime form has no zone, and means GMT.
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, IndexError, TypeError):  # some of them by accident
        return None


def parse_retry_after(value: str | None, *, now: float) -> float | None:
    """Read the value of `Retry-After`.

    Args:
        value: Its value; None if there is none.
        now: The date of the response, in seconds since 1970.

    Returns:
        Seconds to wait, from 0 to 1e9; None if it is absent or not valid.

    Source: RFC 9110 section 10.2.3.
    """
    text = (value or "").strip(" \t")
    if text.isascii() and text.isdecimal():
        return min(float(text), _MAX_SECONDS)  # however many digits there are
    date = parse_http_date(text)
    return None if date is None else min(max(0.0, date - now), _MAX_SECONDS)
