"""Keeps the checkpoint of a running upload up to date, off the reactor."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Any

import attrs
from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from filebody.resumable._checkpoint import Checkpoint, Part, Prefix
from filebody.resumable._checkpoint_store import Checkpoints
from filebody.resumable._lock import FileLock
from filebody.resumable._source import Source
from filebody.resumable._state import State
from filebody.resumable._threads import in_thread

__all__ = ["Keeper", "PrefixHash"]

_log = Logger()

# What the server confirms meanwhile is asked for again after a crash: it need not be on the disk.
_PERIOD_SECONDS = 1.0


class PrefixHash:
    """The digest of what was sent of a part, one step ahead of the sending.

    Args:
        source: What is sent.
        digest: Of its first `hashed` bytes.
        hashed: So many.
    """

    def __init__(
        self, source: Source, digest: hashlib._Hash | None = None, hashed: int = 0
    ) -> None:
        self._source = source
        self._digest = hashlib.sha256() if digest is None else digest
        self._hashed = hashed

    def reach(self, stop: int) -> Prefix:
        """The digest of at least the first `stop` bytes; blocks: for a worker thread."""
        if stop > self._hashed:
            self._source.hash(self._digest, self._hashed, stop)
            self._hashed = stop
        return Prefix(self._hashed, self._digest.hexdigest())


class Keeper:
    """Writes a checkpoint, one write at a time.

    Args:
        reactor: Its timers and threads.
        store: Where to.
        lock: What keeps other processes out; let go of at the end.
        checkpoint: As it is.
    """

    def __init__(
        self, reactor: Any, store: Checkpoints, lock: FileLock, checkpoint: Checkpoint
    ) -> None:
        self._reactor = reactor
        self._store = store
        self._lock = lock
        self._turn = DeferredLock()
        self._timer: Any = None
        self._is_closed = False
        self._mutex = threading.Lock()
        self._has_ended = False
        self._written: Checkpoint | None = None
        self.checkpoint = checkpoint

    def changed(self, number: int, state: State) -> None:
        """A part is further; written down within a second."""
        if self._is_closed:
            return
        parts = list(self.checkpoint.parts)
        parts[number] = attrs.evolve(parts[number], held=state.held)
        expires_at = state.expires_at or self.checkpoint.expires_at
        self._set(attrs.evolve(self.checkpoint, parts=tuple(parts), expires_at=expires_at))
        if self._timer is None and self.checkpoint != self._written and self._has_begun:
            self._timer = self._reactor.callLater(_PERIOD_SECONDS, self._due)

    def cut(self, parts: tuple[Part, ...]) -> None:
        """It is sent in these parts."""
        self._set(attrs.evolve(self.checkpoint, parts=parts))

    def hashed(self, number: int, prefix: Prefix) -> None:
        """The digest of what is sent of a part by the next request."""
        parts = list(self.checkpoint.parts)
        parts[number] = attrs.evolve(parts[number], prefix=prefix)
        self._set(attrs.evolve(self.checkpoint, parts=tuple(parts)))

    async def save(self) -> None:
        """Have it on the disk when this is done.

        Raises:
            OSError: It cannot be written.
        """
        await self._turn.run(self._write)

    async def close(self, *, forget: bool) -> None:
        """Write it for the last time, or remove it, and let other processes in."""
        self._is_closed = True
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        await self._turn.run(in_thread, self._reactor, self._end, forget)

    @property
    def _has_begun(self) -> bool:
        """Whether the server has anything that could be resumed."""
        return any(part.held is not None for part in self.checkpoint.parts)

    def _set(self, checkpoint: Checkpoint) -> None:
        if checkpoint.parts != self.checkpoint.parts:
            self.checkpoint = attrs.evolve(checkpoint, updated_at=time.time())

    def _due(self) -> None:
        self._timer = None
        writing = Deferred.fromCoroutine(self.save())
        writing.addErrback(lambda failure: _log.failure("no checkpoint was written", failure))

    def _write(self) -> Deferred[None] | None:
        checkpoint = self.checkpoint
        if checkpoint == self._written or self._is_closed:
            return None
        self._written = checkpoint
        return in_thread(self._reactor, self._save, checkpoint)

    def _save(self, checkpoint: Checkpoint) -> None:
        with self._mutex:
            if not self._has_ended:
                self._store.save(checkpoint)

    def _end(self, forget: bool) -> None:
        # Who waited for a write may have been cancelled, and its thread may still be at it.
        with self._mutex:
            self._has_ended = True
            self._end_alone(forget)

    def _end_alone(self, forget: bool) -> None:
        try:
            if forget:
                self._store.remove(self.checkpoint.id)
            elif self.checkpoint != self._written and self._has_begun:
                self._store.save(self.checkpoint)
        finally:
            self._lock.release()
