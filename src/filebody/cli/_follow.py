"""Hashes a file behind its sending, while the system still has what was read of it."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from filebody.body import open_regular

__all__ = ["FollowingHash"]

# So much at a time: nobody who wants to stop waits for more.
_PIECE_BYTES = 1 << 25
_READ_BYTES = 1 << 20


class FollowingHash:
    """The SHA-256 digest of a file, in worker threads.

    The file is opened once, so that it may be moved away meanwhile.

    Args:
        reactor: Its threads.
        path: The file.
    """

    def __init__(self, reactor: Any, path: str) -> None:
        self._reactor = reactor
        self._path = path
        self._descriptor: int | None = None
        self._digest = hashlib.sha256()
        self._hashed = 0
        self._goal = 0
        self._running: Deferred[None] | None = None
        self._turn = threading.Lock()  # over the next two and the descriptor
        self._in_thread = False
        self._is_stopped = False
        self._error: Exception | None = None
        self._seen: tuple[int, ...] = ()

    def follow(self, stop: int) -> None:
        """Hash up to `stop`, sooner or later."""
        self._goal = max(self._goal, stop)
        if self._running is None and self._error is None and self._goal > self._hashed:
            self._running = Deferred.fromCoroutine(self._run())
            self._running.addErrback(self._failed)

    async def finish(self, stop: int) -> bytes | None:
        """The digest of the first `stop` bytes; None if they cannot be read any more.

        Who writes to the file when all of it was sent does no harm: its digest says nothing about
        what was sent then.

        Cancelled, it ends when the piece that is being hashed is.
        """
        self.follow(stop)
        if self._running is not None:
            await self._running
        if self._error is not None or self._hashed != stop:
            return None
        return self._digest.digest()

    async def finish_again(self, stop: int) -> bytes | None:
        """As `finish`, of what the file holds now."""
        self._digest = hashlib.sha256()
        self._hashed = self._goal = 0
        return await self.finish(stop)

    def stop(self) -> None:
        """Hash no more."""
        self._goal = 0
        with self._turn:
            self._is_stopped = True
            if not self._in_thread:
                self._close()

    async def _run(self) -> None:
        while self._hashed < self._goal:
            end = min(self._goal, self._hashed + _PIECE_BYTES)
            await deferToThreadPool(
                self._reactor,
                self._reactor.getThreadPool(),
                self._hash_in_thread,
                self._hashed,
                end,
            )
            self._hashed = end
        self._running = None

    def _hash_in_thread(self, start: int, stop: int) -> None:
        with self._turn:
            if self._is_stopped:
                return
            self._in_thread = True
        try:
            self._hash(start, stop)
        finally:
            with self._turn:
                self._in_thread = False
                self._close_if_stopped()

    def _close_if_stopped(self) -> None:
        if self._is_stopped:
            self._close()

    def _hash(self, start: int, stop: int) -> None:
        if self._descriptor is None:
            self._descriptor = open_regular(self._path)
        descriptor = self._descriptor
        self._check(descriptor)
        while start < stop:
            piece = os.pread(descriptor, min(_READ_BYTES, stop - start), start)
            if not piece:
                raise EOFError(f"{self._path} ends at byte {start}")
            self._digest.update(piece)
            start += len(piece)
        self._check(descriptor)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _check(self, descriptor: int) -> None:
        """See to it that the file has not been written to."""
        now = os.fstat(descriptor)
        seen = (now.st_size, now.st_mtime_ns)
        if self._seen and seen != self._seen:
            raise OSError(f"{self._path} is not what it was")
        self._seen = seen

    def _failed(self, failure: Any) -> None:
        self._running = None
        self._error = failure.value
