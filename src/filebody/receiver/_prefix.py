"""The digest of a file that grows, through restarts of the receiver.

As long as the receiver lives, what is appended is hashed on its way. What was there before cannot
be skipped: it is read again, in portions, while the rest arrives.
"""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from hashlib import _Hash

__all__ = ["Prefix"]

_READ_BYTES: Final = 1024 * 1024
# One visit to a worker thread: others wait for their turn.
_VISIT_BYTES: Final = 32 * 1024 * 1024


class Prefix:
    """SHA-256 of the first bytes of a file. May be used by two threads at once.

    Attributes:
        size_bytes: Of how many.
    """

    def __init__(self) -> None:
        self.size_bytes = 0
        self._running = hashlib.sha256()
        self._lock = threading.Lock()

    def follow(self, offset: int, piece: bytes | bytearray | memoryview) -> None:
        """Take in what was appended, if nothing is missing before it."""
        # Who reads an older piece again right now will come to this one.
        if self._lock.acquire(blocking=False):
            try:
                if offset == self.size_bytes:
                    self._running.update(piece)
                    self.size_bytes += len(piece)
            finally:
                self._lock.release()

    def catch_up(self, descriptor: int, end: int, *, at_most: int = _VISIT_BYTES) -> bool:
        """Read what is missing; returns whether anything up to `end` still is."""
        stop = min(end, self.size_bytes + at_most)
        while self.size_bytes < stop:
            with self._lock:
                size = min(_READ_BYTES, stop - self.size_bytes)
                piece = os.pread(descriptor, size, self.size_bytes)
                if not piece:
                    break
                self._running.update(piece)
                self.size_bytes += len(piece)
        return self.size_bytes < end

    def digest(
        self, descriptor: int, end: int, check_open: Callable[[], None] = lambda: None
    ) -> bytes:
        """Give the digest of the first `end` bytes, reading what is missing.

        Args:
            descriptor: The file.
            end: How many bytes.
            check_open: Called now and then; what it raises ends this, and nothing is lost.
        """
        while self.catch_up(descriptor, end):
            check_open()
            if os.fstat(descriptor).st_size < end:
                raise OSError(f"the file ends before byte {end}")
        return self._running.digest()

    def mark(self) -> tuple[int, _Hash]:
        """Note the present state, for `back_to`."""
        with self._lock:
            return self.size_bytes, self._running.copy()

    def back_to(self, mark: tuple[int, _Hash]) -> None:
        """Forget what was appended after the mark."""
        with self._lock:
            self.size_bytes, running = mark
            self._running = running.copy()
