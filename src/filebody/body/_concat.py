"""Several bodies, one after the other."""

from __future__ import annotations

import attrs

from filebody.body._interface import Body, Reader, WaitBy
from filebody.body._range import clip, total_length
from filebody.body._source import SourceReader

__all__ = ["ConcatBody"]


@attrs.frozen(init=False)
class ConcatBody(Body):
    """The bytes of `parts` in their order.

    Lengths add up, and an unknown one makes the whole unknown. It is replayable if all parts are.
    Each part is opened when the one before it has ended.

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
            " + ".join(part.source for part in parts) or "<nothing>",
        )

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        """See `Body.open`."""
        end = clip(self.source, self.length, offset, stop)
        return _ConcatReader(self, offset, end)


class _ConcatReader(SourceReader):
    """Reads its parts in turn; what a part says of waiting holds while it is the current one."""

    def __init__(self, body: ConcatBody, offset: int, stop: int | None) -> None:
        rest = list(body.parts)
        skip = offset
        while skip and rest[0].length is not None and rest[0].length <= skip:
            skip -= rest.pop(0).length or 0
        # Into a part of known length one can jump; behind one of unknown length one has to read.
        jump = skip if skip and rest[0].length is not None else 0
        exact = body.length is not None
        super().__init__(body.source, offset, stop, exact=exact, drop=skip - jump)
        self._part = rest.pop(0).open(jump) if rest else None
        self._rest = rest

    @property
    def wait_by(self) -> WaitBy:
        return WaitBy.RETRY if self._part is None else self._part.wait_by

    @property
    def device(self) -> int | None:
        return None if self._part is None else self._part.device

    def fileno(self) -> int:
        return super().fileno() if self._part is None else self._part.fileno()

    def _read_source(self, size: int) -> bytes | None:
        while self._part is not None:
            piece = self._part.read(size)
            if piece != b"":
                return piece
            self._next_part()
        return b""

    def _read_source_blocking(self, size: int) -> bytes | None:
        if self._part is None:
            return b""
        return self._part.read_blocking(size) or None  # `read` sees its end and goes on

    def _next_part(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            part.close()
        if self._rest:
            self._part = self._rest.pop(0).open()

    def _close_source(self) -> None:
        if self._part is not None:
            self._part.close()
