"""How much of a body went out: what a server says that it has cannot be more."""

from __future__ import annotations

from filebody.body import Body, Reader, WaitBy

__all__ = ["CountedBody"]


class CountedBody(Body):
    """The bytes of another body, counted.

    Attributes:
        taken_bytes: How many were taken, and not given back, by the pass that took most.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self.length = body.length
        self.replayable = body.replayable
        self.source = body.source
        self.taken_bytes = 0

    @property
    def is_touched(self) -> bool:
        """See `Body.is_touched`."""
        return self._body.is_touched

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        """See `Body.open`."""
        return _CountingReader(self, self._body.open(offset, stop), offset)


class _CountingReader(Reader):
    def __init__(self, owner: CountedBody, reader: Reader, offset: int) -> None:
        self._owner = owner
        self._reader = reader
        self._position = offset
        self._before = owner.taken_bytes

    @property
    def wait_by(self) -> WaitBy:
        return self._reader.wait_by

    @property
    def device(self) -> int | None:
        return self._reader.device

    @property
    def is_touched(self) -> bool:
        return self._reader.is_touched

    def fileno(self) -> int:
        return self._reader.fileno()

    def readinto(self, buffer: bytearray | memoryview) -> int | None:
        count = self._reader.readinto(buffer)
        if count:
            self._moved(count)
        return count

    def read(self, size: int) -> bytes | None:
        return self._taken(self._reader.read(size))

    def read_blocking(self, size: int) -> bytes | None:
        return self._taken(self._reader.read_blocking(size))

    @property
    def can_unread(self) -> bool:
        return self._reader.can_unread

    def unread(self, count: int) -> None:
        self._reader.unread(count)
        self._moved(-count)

    def close(self) -> None:
        self._reader.close()

    def _taken(self, piece: bytes | None) -> bytes | None:
        if piece:
            self._moved(len(piece))
        return piece

    def _moved(self, count: int) -> None:
        self._position += count
        self._owner.taken_bytes = max(self._before, self._position)
