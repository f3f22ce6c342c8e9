"""Sizes and offsets as tus writes them."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MAX_SIZE_BYTES", "parse_tus_size"]

# RFC 9651 section 3.3.1: an Integer has at most 15 digits. A petabyte is enough for tus as well.
MAX_SIZE_BYTES: Final = 999_999_999_999_999

_DIGITS = re.compile(r"[0-9]{1,15}")


def parse_tus_size(value: str) -> int:
    """Read the value of Upload-Length, Upload-Offset or Tus-Max-Size in tus.

    Raises:
        ValueError: It is not a decimal number of at most 15 digits; the text says so.
    """
    if not _DIGITS.fullmatch(value.strip(" \t")):
        raise ValueError(f"{value!r} is not a number of bytes")
    return int(value)
