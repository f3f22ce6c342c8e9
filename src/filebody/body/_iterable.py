"""Generators and other iterables of bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from filebody.body._interface import Reader
from filebody.body._range import check_length
from filebody.body._source import SourceBody, SourceReader

__all__ = ["IterableBody"]


class IterableBody(SourceBody):
    """A body of the pieces that an iterable gives, such as a generator.

    The pieces may have any size; empty ones are skipped. The iterable is advanced on the event
    loop, so that it must not block. A generator is closed with the pass.

    Args:
        pieces: Gives bytes. Replayable if it is not its own iterator (a list is not).
        length: How many bytes it gives in all, if that is known; more are never asked for.
        source: The name for messages.

    Raises:
        UsageError: `length` is negative.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        *,
        length: int | None = None,
        source: str = "<iterable>",
    ) -> None:
        self.length = check_length(source, length)
        self.source = source
        self.replayable = not isinstance(pieces, Iterator)
        self._pieces = pieces

    def __repr__(self) -> str:
        return f"<IterableBody {self.source} length={self.length}>"

    def _reader(self, offset: int, stop: int | None) -> Reader:
        exact = self.length is not None
        return _IterableReader(self.source, self._pieces, offset, stop, exact=exact)


class _IterableReader(SourceReader):
    def __init__(
        self, source: str, pieces: Iterable[bytes], offset: int, stop: int | None, *, exact: bool
    ) -> None:
        super().__init__(source, offset, stop, exact=exact, drop=offset)
        self._pieces = pieces
        self._iterator = pieces if isinstance(pieces, Iterator) else None
        self._rest = memoryview(b"")

    def _read_source(self, size: int) -> bytes:
        if self._iterator is None:
            self._iterator = iter(self._pieces)
        while not self._rest:
            try:
                piece = next(self._iterator)
            except StopIteration:
                return b""
            if not isinstance(piece, (bytes, bytearray)):
                raise TypeError(f"{self._source} gave {type(piece).__name__}, not bytes")
            self._rest = memoryview(bytes(piece))
        taken = bytes(self._rest[:size])
        self._rest = self._rest[size:]
        return taken

    def _close_source(self) -> None:
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()
