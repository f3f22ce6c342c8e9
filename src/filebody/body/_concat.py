"""Several bodies, one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack, closing

import attrs

from filebody.body._interface import Body, Reader, WaitBy
from filebody.body._range import clip, earlier, total_length
from filebody.body._source import SourceReader

__all__ = ["ConcatBody"]


@attrs.frozen(init=False)
class ConcatBody(Body):
    """The bytes of `parts` in their order.

    Lengths add up, and an unknown one makes the whole unknown. It is replayable if all parts are.
    A pass closes all of its parts, however far it came.

    Args:
        *parts: Other bodies.

    Raises:
        TypeError: A part is not a body.
    """

    parts: tuple[Body, ...]
    length: int | None
    replayable: bool
    source: str

    def __init__(self, *parts: Body) -> None:
        for part in parts:
            if not isinstance(part, Body):
                raise TypeError(f"a part must be a Body, not {type(part).__name__}")
        self.__attrs_init__(
            parts,
            total_length(part.length for part in parts),
            all(part.replayable for part in parts),
            " + ".join(dict.fromkeys(part.source for part in parts)) or "<nothing>",
        )

    @property
    def is_touched(self) -> bool:
        """See `Body.is_touched`."""
        return any(part.is_touched for part in self.parts)

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        """See `Body.open`."""
        end = clip(self.source, self.length, offset, stop)
        with ExitStack() as opened:
            turns, drop = _open_parts(self.parts, offset, end, opened)
            return _ConcatReader(self, turns, opened.pop_all(), offset, end, drop)


def _open_parts(
    parts: Iterable[Body], offset: int, stop: int | None, opened: ExitStack
) -> tuple[list[Reader], int]:
    """Begin a pass over each part, also over those which the range leaves out: all get closed.

    Returns:
        The readers of the parts that are to be read, each with its part of the range, and how many
        bytes of what they give lie before `offset`: into a part of known length one can jump,
        behind one of unknown length one has to read.
    """
    turns = []
    drop = 0
    begin: int | None = 0  # of the part in the whole; None behind a part of unknown length
    for part in parts:
        length = part.length
        if begin is None:
            turns.append(opened.enter_context(closing(part.open())))
            continue
        before = begin < offset and length is not None and begin + length <= offset
        after = stop is not None and begin >= stop
        if before or after:
            opened.enter_context(closing(part.open()))
        else:
            skip = max(offset - begin, 0)
            if length is None:
                skip, drop = 0, skip
            end = earlier(length, None if stop is None else stop - begin)
            turns.append(opened.enter_context(closing(part.open(skip, end))))
        begin = None if length is None else begin + length
    return turns, drop


class _ConcatReader(SourceReader):
    """Reads its parts in turn; what a part says of waiting holds while it is the current one."""

    def __init__(
        self,
        body: ConcatBody,
        turns: Iterable[Reader],
        opened: ExitStack,
        offset: int,
        stop: int | None,
        drop: int,
    ) -> None:
        super().__init__(body.source, offset, stop, exact=body.length is not None, drop=drop)
        self._turns = iter(turns)
        self._part = next(self._turns, None)
        self._opened = opened

    @property
    def wait_by(self) -> WaitBy:
        return WaitBy.RETRY if self._part is None else self._part.wait_by

    @property
    def device(self) -> int | None:
        return None if self._part is None else self._part.device

    def fileno(self) -> int:
        return super().fileno() if self._part is None else self._part.fileno()

    @property
    def can_unread(self) -> bool:
        # A part stays the current one after its last bytes: that it has ended is told by the next
        # read, which gives nothing of it.
        can = self._part is not None and self._part.can_unread
        return can and not (self._closed or self._failed)

    def _read_source(self, size: int) -> bytes | None:
        while self._part is not None:
            piece = self._part.read(size)
            if piece != b"":
                return piece
            self._end_part(self._part)
        return b""

    def _read_source_blocking(self, size: int) -> bytes | None:
        if self._part is None:
            return b""
        piece = self._part.read_blocking(size)
        if piece == b"":
            self._end_part(self._part)
            return None  # the next part may be one that is not for threads: `read` sees to it
        return piece

    def _fill(self, buffer: bytearray | memoryview) -> int | None:
        while self._part is not None:
            count = self._part.readinto(buffer)
            if count != 0:
                return count
            self._end_part(self._part)
        return 0

    def _rewind_source(self, count: int) -> None:
        if self._part is not None:
            self._part.unread(count)

    def _end_part(self, part: Reader) -> None:
        self._part = next(self._turns, None)
        part.close()

    def _close_source(self) -> None:
        self._opened.close()
