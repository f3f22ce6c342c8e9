"""Bytes in memory."""

from __future__ import annotations

import attrs

from filebody.body._interface import Body, Reader
from filebody.body._range import clip
from filebody.body._source import SourceReader

__all__ = ["BytesBody"]


def _to_bytes(content: bytes | bytearray | memoryview) -> bytes:
    if not isinstance(content, (bytes, bytearray, memoryview)):  # bytes(5) are five zeros
        raise TypeError(f"content must be bytes, not {type(content).__name__}")
    return bytes(content)


@attrs.frozen
class BytesBody(Body):
    """A body of bytes in memory; replayable.

    Args:
        content: The bytes; a bytearray or memoryview is copied, so that it cannot change later.
        source: The name for messages.

    Raises:
        TypeError: The content is not bytes.
    """

    content: bytes = attrs.field(converter=_to_bytes, repr=False)
    source: str = "<bytes>"
    length: int = attrs.field(init=False)
    replayable: bool = attrs.field(default=True, init=False)

    @length.default
    def _count(self) -> int:
        return len(self.content)

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        """See `Body.open`."""
        end = clip(self.source, self.length, offset, stop)
        return _BytesReader(self.source, self.content, offset, end)


class _BytesReader(SourceReader):
    _rewinds = True

    def __init__(self, source: str, content: bytes, offset: int, stop: int | None) -> None:
        super().__init__(source, offset, stop, exact=True)
        self._content = content

    def _read_source(self, size: int) -> bytes:
        return self._content[self._offset : self._offset + size]

    def _fill(self, buffer: bytearray | memoryview) -> int:
        # One copy: not first the bytes and then those into the buffer.
        buffer[:] = memoryview(self._content)[self._offset : self._offset + len(buffer)]
        return len(buffer)

    def _close_source(self) -> None:
        self._content = b""
