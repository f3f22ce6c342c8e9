"""Arithmetic on lengths and ranges that all bodies share."""

from __future__ import annotations

from collections.abc import Iterable

from filebody.errors import UsageError

__all__ = ["check_length", "clip", "earlier", "total_length"]


def check_length(source: str, length: int | None) -> int | None:
    """Give back a length that a caller announced.

    Raises:
        UsageError: It is negative.
    """
    if length is not None and length < 0:
        raise UsageError(f"{source}: {length} bytes are no length")
    return length


def total_length(lengths: Iterable[int | None]) -> int | None:
    """The sum of `lengths` in bytes; None as soon as one is unknown."""
    total = 0
    for length in lengths:
        if length is None:
            return None
        total += length
    return total


def clip(source: str, length: int | None, offset: int, stop: int | None) -> int | None:
    """Check a range against a body's length and give the position at which the range ends.

    Args:
        source: The body's name, for the message.
        length: The body's length in bytes, or None.
        offset: Where the range begins.
        stop: Where it ends; None for the end of the body.

    Returns:
        `stop`, or `length` where no stop was given; None if neither is known.

    Raises:
        UsageError: The range does not lie in the body.
    """
    end = length if stop is None else stop
    if offset < 0 or (end is not None and end < offset):
        raise UsageError(f"{source}: bytes {offset} to {end} are not a range")
    if length is not None and end is not None and end > length:
        raise UsageError(f"{source}: byte {end} is beyond its {length} bytes")
    return end


def earlier(first: int | None, second: int | None) -> int | None:
    """The earlier of two ends, of which None is the last there can be."""
    return min((end for end in (first, second) if end is not None), default=None)
