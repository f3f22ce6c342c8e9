"""A body as a user would write one from the interface alone, right in every respect."""

from __future__ import annotations

import threading

from filebody import Body, NotReplayable, Reader, UsageError, WaitBy


class PlainBody(Body):
    """Gives its content; what to break is open to subclasses."""

    length: int | None
    source = "plain"
    replayable = True

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.length = len(content)
        self.opened = False

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        end = len(self.content) if stop is None else stop
        if not 0 <= offset <= end <= len(self.content):
            raise UsageError(f"{offset} to {stop}")
        if self.opened and not self.replayable:
            raise NotReplayable(self.source)
        self.opened = True
        return self.reader(self.content[offset:end])

    def reader(self, content: bytes) -> Reader:
        return PlainReader(content)


class PlainReader(Reader):
    wait_by = WaitBy.RETRY
    device = None

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.closed = False
        self.lock = threading.Lock()

    def fileno(self) -> int:
        raise UsageError("nothing to wait on")

    def take(self, size: int) -> bytes:
        if size < 1:
            raise UsageError(f"{size}")
        taken, self.content = self.content[:size], self.content[size:]
        return taken

    def read(self, size: int) -> bytes | None:
        if self.closed:
            raise UsageError("closed")
        return self.take(size)

    def readinto(self, buffer: bytearray | memoryview) -> int | None:
        piece = self.read(len(buffer))
        if piece is None:
            return None
        buffer[: len(piece)] = piece
        return len(piece)

    def read_blocking(self, size: int) -> bytes | None:
        with self.lock:
            return None if self.closed else self.take(size)

    def close(self) -> None:
        with self.lock:
            self.closed = True
