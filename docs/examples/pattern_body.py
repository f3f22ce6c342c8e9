"""A body and a reader from nothing: a pattern, again and again, as long as one likes."""

from filebody import Body, Reader, UsageError, WaitBy


class PatternBody(Body):
    """`length` bytes of a pattern that repeats.

    Args:
        pattern: At least one byte.
        length: How many bytes in all.
    """

    replayable = True
    length: int

    def __init__(self, pattern: bytes, length: int) -> None:
        self.pattern = pattern
        self.length = length
        self.source = f"<{length} bytes of {pattern!r}>"

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        end = self.length if stop is None else stop
        if not 0 <= offset <= end <= self.length:
            raise UsageError(f"{self.source} has no range from {offset} to {end}")
        return _PatternReader(self, offset, end)


class _PatternReader(Reader):
    wait_by = WaitBy.RETRY  # never needed: it is always ready
    device = None

    def __init__(self, body: PatternBody, offset: int, end: int) -> None:
        self._body = body
        self._offset = offset
        self._end = end
        self._closed = False

    def read(self, size: int) -> bytes:
        if self._closed:
            raise UsageError(f"the reader of {self._body.source} is closed")
        if size < 1:
            raise UsageError("a read needs room for a byte")
        size = min(size, self._end - self._offset, 1 << 16)
        pattern = self._body.pattern
        begin = self._offset % len(pattern)
        copies = (begin + size) // len(pattern) + 1
        self._offset += size
        return (pattern * copies)[begin : begin + size]

    def readinto(self, buffer: bytearray | memoryview) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def read_blocking(self, size: int) -> bytes | None:
        return None if self._closed else self.read(size)

    def fileno(self) -> int:
        raise UsageError(f"{self._body.source} has no descriptor")

    def close(self) -> None:
        self._closed = True
