"""Hashing what is read, where it is read: off the reactor's back if a worker thread can read it."""

from __future__ import annotations

from typing import Any

from filebody.body import Reader, WaitBy, check_digest

__all__ = ["HashingReader"]


class HashingReader(Reader):
    """A reader that shows all bytes to a hash object, once.

    A source that threads may read is read by threads only. Pipes and iterables are not: nobody
    knows how long they would hold one; what comes out of them is hashed where it comes out.

    Args:
        source: The name for messages.
        reader: Whose bytes. It stays the caller's, who closes it.
        hashing: Has `update`.
    """

    def __init__(self, source: str, reader: Reader, hashing: Any) -> None:
        self._reader = reader
        self._hashing = hashing
        self._source = source
        self._count = 0
        self._is_checked = False

    @property
    def wait_by(self) -> WaitBy:
        """See `Reader.wait_by`."""
        return self._reader.wait_by

    @property
    def device(self) -> int | None:
        """See `Reader.device`."""
        return self._reader.device

    def fileno(self) -> int:
        """See `Reader.fileno`."""
        return self._reader.fileno()

    def readinto(self, buffer: bytearray | memoryview) -> int | None:
        """See `Reader.readinto`."""
        if self._reader.wait_by is WaitBy.THREAD:
            return None
        count = self._reader.readinto(buffer)
        if count:
            self._hashing.update(memoryview(buffer)[:count])
            self._count += count
        return count

    def read(self, size: int) -> bytes | None:
        """See `Reader.read`."""
        if self._reader.wait_by is WaitBy.THREAD:
            return None
        return self._hashed(self._reader.read(size))

    def read_blocking(self, size: int) -> bytes | None:
        """See `Reader.read_blocking`."""
        piece = self._hashed(self._reader.read_blocking(size))
        if self._reader.is_touched and not self._is_checked:
            self._is_checked = True
            check_digest(self._reader, self._source, self._hashing, self._count)
        return piece

    def close(self) -> None:
        """See `Reader.close`."""
        self._reader.close()

    def _hashed(self, piece: bytes | None) -> bytes | None:
        if piece:
            self._hashing.update(piece)
            self._count += len(piece)
        return piece
