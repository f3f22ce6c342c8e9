"""The bytes of several uploads become those of one. For worker threads.

The first part's file becomes the new upload's, with its running digest; the others are appended to
it, and what has been appended is given back to the disk, so that hardly more room is needed than
the parts have. A kill at any moment leaves what can be gone on with:

- All parts are marked as joined before the first of their bytes moves: nobody else takes them.
- How far it is, is the length of the new upload's file, as with every upload.
- A byte goes from a part only when it is on the disk in the new file.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
from typing import TYPE_CHECKING, Final

import attrs

from filebody.receiver._exclusion import exclude_others
from filebody.receiver._os_errors import translated
from filebody.receiver._refusal import Refusal

if TYPE_CHECKING:
    from filebody.receiver._record import Piece
    from filebody.receiver._shelf import Shelf, State

__all__ = ["gather"]

_COPY_BYTES: Final = 1024 * 1024
# So much there is twice at a time. Room that was given back just now is taken again first, which
# is faster in memory; and less than this at once would wait more often for the disk.
_TWICE_BYTES: Final = 32 * 1024 * 1024
_REMOVE: Final[int | None] = getattr(mmap, "MADV_REMOVE", None)


def gather(shelf: Shelf, state: State) -> State:
    """Bring the parts of an upload together, from wherever that was interrupted.

    Returns:
        The upload with all its bytes.

    Raises:
        Refusal: 409 or 410 where one of the parts belongs to another upload or is gone: then it
            cannot be done any more. 500, 503 or 507 where the disk fails: it can be tried again.
    """
    upload_id, pieces = state.upload_id, state.record.made_of
    with translated(state.record.name):
        for piece in pieces:
            _claim(shelf, piece, upload_id)
        target = _opened(shelf, state)
        try:
            joined = _Joined(shelf, upload_id, target)
            for piece in pieces:
                joined.add(piece)
        finally:
            os.close(target)
    return attrs.evolve(state, offset=joined.offset)


class _Joined:
    """The new upload's file, locked, as it grows.

    Attributes:
        offset: How long it is.
    """

    def __init__(self, shelf: Shelf, upload_id: str, descriptor: int) -> None:
        self._shelf = shelf
        self._upload_id = upload_id
        self._descriptor = descriptor
        self._buffer = memoryview(bytearray(_COPY_BYTES))
        self._stop = 0
        self.offset = os.fstat(descriptor).st_size
        # What was appended before a kill may not be on the disk yet.
        os.fsync(descriptor)
        self._prefix = shelf.prefix(upload_id)
        self._prefix.digest(descriptor, self.offset, shelf.check_open)

    def add(self, piece: Piece) -> None:
        """Append what is missing of the next part, and remove that part's bytes."""
        start, self._stop = self._stop, self._stop + piece.size_bytes
        if self.offset < self._stop:
            source = _open(self._shelf, piece)
            try:
                self._append(source, start)
            finally:
                os.close(source)
        self._shelf.absorb(piece.upload_id, self._upload_id)

    def _append(self, source: int, start: int) -> None:
        freed = 0
        while self.offset < self._stop:
            self._shelf.check_open()
            self._copy(source, start, min(self._stop, self.offset + _TWICE_BYTES))
            os.fsync(self._descriptor)
            if self.offset < self._stop:
                freed = _free(source, freed, self.offset - start)

    def _copy(self, source: int, start: int, stop: int) -> None:
        while self.offset < stop:
            size = min(_COPY_BYTES, stop - self.offset)
            size = os.preadv(source, [self._buffer[:size]], self.offset - start)
            if not size:
                raise OSError(errno.EIO, "a part ends before its end")
            view = self._buffer[:size]
            written = 0
            while written < size:
                at = self.offset + written
                written += os.pwrite(self._descriptor, view[written:], at)
            # It is in the processor's cache: this costs less than to read it again at the end.
            self._prefix.follow(self.offset, view)
            self.offset += size


def _claim(shelf: Shelf, piece: Piece, upload_id: str) -> None:
    try:
        record = shelf.state(piece.upload_id).record
    except Refusal:
        return  # if it is still needed, that will show
    if record.joined_into is None:
        shelf.save(piece.upload_id, attrs.evolve(record, joined_into=upload_id))
    elif record.joined_into != upload_id:
        raise Refusal(409, "one of the parts has become a part of another file")


def _opened(shelf: Shelf, state: State) -> int:
    """Open the upload's file, which at first is that of its first part."""
    try:
        target = shelf.open_part(state.upload_id)
    except Refusal:
        return _taken_over(shelf, state)
    try:
        exclude_others(target)
    except BaseException:
        os.close(target)
        raise
    return target


def _taken_over(shelf: Shelf, state: State) -> int:
    first = state.record.made_of[0]
    target = _open(shelf, first)
    try:
        exclude_others(target)
        shelf.take_over(first.upload_id, state.upload_id)
    except BaseException:
        os.close(target)
        raise
    return target


def _open(shelf: Shelf, piece: Piece) -> int:
    try:
        descriptor = shelf.open_part(piece.upload_id)
    except Refusal as refusal:
        raise _gone() from refusal
    if os.fstat(descriptor).st_size != piece.size_bytes:
        os.close(descriptor)
        raise _gone()
    return descriptor


def _gone() -> Refusal:
    return Refusal(410, "bytes of one of the parts are gone: send the parts again")


def _free(descriptor: int, start: int, stop: int) -> int:
    """Give the room of some bytes back; they read as zeros then. Returns where it stopped."""
    stop -= stop % mmap.ALLOCATIONGRANULARITY
    if _REMOVE is None or stop <= start:
        return start
    # Where the file system has no holes, the room comes back when the part is removed.
    with contextlib.suppress(OSError), mmap.mmap(descriptor, stop - start, offset=start) as window:
        window.madvise(_REMOVE)
    return stop
