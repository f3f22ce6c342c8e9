"""Hashes a file behind its sending, while the system still has what was read of it."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

__all__ = ["FollowingHash"]

# So much at a time: nobody who wants to stop waits for more.
_PIECE_BYTES = 1 << 25
_READ_BYTES = 1 << 20


class FollowingHash:
    """The SHA-256 digest of a file, in worker threads.

    Args:
        reactor: Its threads.
        path: The file.
    """

    def __init__(self, reactor: Any, path: str) -> None:
        self._reactor = reactor
        self._path = path
        self._digest = hashlib.sha256()
        self._hashed = 0
        self._goal = 0
        self._running: Deferred[None] | None = None
        self._error: Exception | None = None
        self._seen: tuple[int, ...] = ()

    def follow(self, stop: int) -> None:
        """Hash up to `stop`, sooner or later."""
        self._goal = max(self._goal, stop)
        if self._running is None and self._error is None and self._goal > self._hashed:
            self._running = Deferred.fromCoroutine(self._run())
            self._running.addErrback(self._failed)

    async def finish(self, stop: int) -> bytes | None:
        """The digest of the first `stop` bytes; None if they are not there any more.

        Who writes to the file, or puts another in its place, when all of it was sent, does no harm:
        its digest says nothing about what was sent then.

        Cancelled, it ends when the piece that is being hashed is.
        """
        self.follow(stop)
        if self._running is not None:
            await self._running
        if self._error is not None or self._hashed != stop:
            return None
        return self._digest.digest()

    def stop(self) -> None:
        """Hash no more."""
        self._goal = 0

    async def _run(self) -> None:
        while self._hashed < self._goal:
            end = min(self._goal, self._hashed + _PIECE_BYTES)
            await deferToThreadPool(
                self._reactor,
                self._reactor.getThreadPool(),
                self._hash,
                self._hashed,
                end,
            )
            self._hashed = end
        self._running = None

    def _hash(self, start: int, stop: int) -> None:
        with open(self._path, "rb", buffering=0) as file:
            self._check(file.fileno())
            file.seek(start)
            while start < stop:
                piece = file.read(min(_READ_BYTES, stop - start))
                if not piece:
                    raise EOFError(f"{self._path} ends at byte {start}")
                self._digest.update(piece)
                start += len(piece)
            self._check(file.fileno())

    def _check(self, descriptor: int) -> None:
        """See to it that it is the file that it was, with the same content."""
        now = os.fstat(descriptor)
        seen = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns)
        if self._seen and seen != self._seen:
            raise OSError(f"{self._path} is not what it was")
        self._seen = seen

    def _failed(self, failure: Any) -> None:
        self._running = None
        self._error = failure.value
