"""A range of another body."""

from __future__ import annotations

import attrs

from filebody.body._interface import Body, Reader
from filebody.body._range import clip, earlier

__all__ = ["SliceBody"]


@attrs.frozen(init=False)
class SliceBody(Body):
    """The bytes of `body` from `start` up to, but not including, `stop`.

    A slice of a body of unknown length has an unknown length too, and ends early if that does.

    Args:
        body: Another body.
        start: The zero-based position of the first byte.
        stop: The position after the last byte; None for the end of `body`.

    Raises:
        UsageError: The range does not lie in `body`.
    """

    body: Body
    start: int
    stop: int | None
    length: int | None
    replayable: bool
    source: str

    def __init__(self, body: Body, start: int = 0, stop: int | None = None) -> None:
        end = clip(body.source, body.length, start, stop)
        length = None if body.length is None or end is None else end - start
        self.__attrs_init__(body, start, end, length, body.replayable, body.source)

    @property
    def is_touched(self) -> bool:
        """See `Body.is_touched`."""
        return self.body.is_touched

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        """See `Body.open`."""
        end = clip(self.source, self.length, offset, stop)
        # Of a body of unknown length a caller may ask for more than the slice has.
        inner_stop = earlier(self.stop, None if end is None else self.start + end)
        return self.body.open(self.start + offset, inner_stop)
