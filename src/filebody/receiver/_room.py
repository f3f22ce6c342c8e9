"""Room for new uploads, where the quota or the disk is full. For worker threads."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, Final

from filebody.receiver._exclusion import exclude_others
from filebody.receiver._refusal import Refusal
from filebody.receiver._shelf import upload_of
from filebody.receiver._stock import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from filebody.receiver._shelf import Shelf, State

__all__ = ["RoomMaker"]

# A client that lost its connection has come back by then, or not for a long time.
_ABANDONED_SECONDS: Final = 15 * 60.0
# Looking through all uploads costs time, and a full disk is found by every request.
_PAUSE_SECONDS: Final = 1.0


class RoomMaker:
    """Removes uploads that are hardly missed until so many bytes fit.

    First it removes those whose time is over. Then come those that nobody has written to for a
    quarter of an hour: of unknown length, as from a pipe that has ended; without a byte; and at
    last the records of finished ones.

    Args:
        shelf: Where they are.
        held: Tells the uploads that requests are about just now.
    """

    def __init__(self, shelf: Shelf, held: Callable[[], Collection[str]]) -> None:
        self._shelf = shelf
        self._held = held
        self._lock = threading.Lock()
        self._ended_at = float("-inf")

    def __call__(self, size_bytes: int) -> None:
        """Make room for so many bytes; 0 means for one more record."""
        with self._lock:
            if time.monotonic() - self._ended_at < _PAUSE_SECONDS:
                return
            try:
                sweep(self._shelf, self._held())
                self._remove_until(size_bytes)
            finally:
                self._ended_at = time.monotonic()

    def _remove_until(self, size_bytes: int) -> None:
        shelf = self._shelf
        old = [state for state in _states(shelf) if state.age_seconds > _ABANDONED_SECONDS]
        old.sort(key=lambda state: -state.age_seconds)
        unmissed = [state for state in old if _is_unmissed(state)]
        for state in [*unmissed, *(state for state in old if state.record.is_stored)]:
            if size_bytes and shelf.has_room(size_bytes):
                return
            if state.upload_id not in self._held():
                with contextlib.suppress(OSError, Refusal):
                    _remove_unused(shelf, state)


def _states(shelf: Shelf) -> Iterator[State]:
    for name in shelf.files.names():
        upload_id = upload_of(name)
        if upload_id is not None:
            with contextlib.suppress(Refusal):
                yield shelf.state(upload_id)


def _is_unmissed(state: State) -> bool:
    record = state.record
    if record.ending or record.made_of or record.joined_into is not None:
        return False
    return record.length is None or (state.offset == 0 and record.length > 0)


def _remove_unused(shelf: Shelf, state: State) -> None:
    """Remove an upload, unless a request or another receiver has opened it since it was seen."""
    if state.record.is_stored:
        shelf.remove(state.upload_id)
        return
    descriptor = shelf.open_part(state.upload_id)
    try:
        exclude_others(descriptor)
        if os.fstat(descriptor).st_size == state.offset:
            shelf.remove(state.upload_id)
    finally:
        os.close(descriptor)
