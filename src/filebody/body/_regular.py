"""Files at whose positions can be read: without waiting where the page cache has the bytes.

`preadv2(2)` with RWF_NOWAIT answers EAGAIN instead of waiting for a disk: then a thread reads that
piece. File systems that do not know the flag (FUSE, tmpfs) are read by threads alone. Positions
are given with each call, so the file's own position is neither used nor moved.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator

from filebody.body._content_check import ContentCheck
from filebody.body._interface import WaitBy
from filebody.body._source import MAX_PIECE, DescriptorOwner, SourceReader
from filebody.errors import BodyReadError

__all__ = ["RegularReader"]

_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)
_NEVER = 1 << 64
_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class _Doubt(Exception):
    """Only reading from the disk can tell whether the file has changed."""


class RegularReader(SourceReader):
    """A pass over a regular file or a block device.

    Args:
        source: The name for messages.
        file: Holds the descriptor; asked anew for each read, so that a file that its owner closed
            fails instead of reading whatever has its number by then.
        start: Where the body begins in the file.
        offset: Position in the body of the first byte to give.
        stop: Position after the last one; None to read to the file's end.
        exact: Whether ending before `stop` is an error.
        check: Of the file's content, before the last bytes are given out; or None.
        device: The device on which it lies, if that is known.
        close_file: Whether `close` closes the file.
    """

    _wait_by = WaitBy.THREAD

    def __init__(
        self,
        source: str,
        file: DescriptorOwner,
        *,
        start: int,
        offset: int,
        stop: int | None,
        exact: bool,
        check: ContentCheck | None,
        device: int | None,
        close_file: bool,
    ) -> None:
        super().__init__(source, offset, stop, exact=exact)
        self._file = file
        self._start = start
        self._check = check
        # Where the next sample is due, in the file.
        self._due = _NEVER if check is None else 0
        self._close_file = close_file
        self._nowait = _NOWAIT
        self._device = device
        # What /proc makes up anew at each read would come again as something else.
        self._rewinds = exact

    def readinto(self, buffer: bytearray | memoryview) -> int | None:
        """See `Reader.readinto`; the bytes are copied once, from the page cache to `buffer`."""
        if self._closed or self._failed:
            raise self._refusal()
        # Nothing here calls back, and no thread reads now: nobody can close us under this read.
        view = None
        try:
            wanted = self._wanted(len(buffer))
            if wanted != len(buffer):
                view = memoryview(buffer)[:wanted]
            count = self._fill(buffer if view is None else view) if wanted else 0
            if count and self._start + self._offset + count > self._due:
                with memoryview(buffer)[:count] as piece:
                    self._sample(piece)
            self._account(count)
        except _Doubt:
            self._offset -= self._last_count
            self._last_count = 0
            return None  # a thread reads these bytes again, and compares
        except BaseException:
            self._failed = True
            raise
        finally:
            if view is not None:
                view.release()  # or a traceback would hold the caller's buffer
        return count

    def read(self, size: int) -> bytes | None:
        """See `Reader.read`."""
        room = max(0, min(size, MAX_PIECE))
        if self._stop is not None and room:
            room = max(1, min(room, self._stop - self._offset))
        # preadv(2) needs a buffer. CPython's BytesIO lends that of the bytes which it gives out,
        # so that they are copied only once.
        holder = io.BytesIO(bytes(room))
        with holder.getbuffer() as view:
            count = self.readinto(view)
        if count is None:
            return None
        piece = holder.getvalue()
        return piece if count == len(piece) else piece[:count]

    def _fill(self, buffer: bytearray | memoryview) -> int | None:
        if self._nowait is None:
            return None
        position = self._start + self._offset
        try:
            # 0 may be told in the middle of a file by Linux 5.9 and 5.10 (preadv2(2), BUGS): what
            # ends before its length was reached is asked once more, in a thread.
            return os.preadv(self._file.fileno(), (buffer,), position, self._nowait) or None
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                self._nowait = None  # for this file from now on
                return None
            raise BodyReadError(self._source, position, error) from error

    def _read_source_blocking(self, size: int) -> bytes:
        position = self._start + self._offset
        descriptor = self._file.fileno()
        try:
            piece = os.pread(descriptor, size, position)
        except OSError as error:
            raise BodyReadError(self._source, position, error) from error
        if piece and position + len(piece) > self._due:
            self._sample(piece)
        return piece

    def read_again(self, start: int, stop: int) -> Iterator[bytes]:
        """See `Reader.read_again`."""
        while start < stop:
            piece = os.pread(self._file.fileno(), min(MAX_PIECE, stop - start), self._start + start)
            if not piece:
                return
            yield piece
            start += len(piece)

    def _source_position(self) -> int:
        return self._start + self._offset

    def _sample(self, piece: bytes | memoryview) -> None:
        if self._check is None:
            return
        position = self._start + self._offset
        try:
            self._due = self._check.sample(self._file.fileno(), self._source, position, piece)
        except OSError as error:
            raise BodyReadError(self._source, position, error) from error

    def _check_end(self) -> None:
        if self._check is None:
            return
        position = self._start + self._offset
        descriptor = self._file.fileno()
        try:
            if self._check.is_same(descriptor, self._source, position):
                return
            if not self._in_flight:  # on the event loop, which must not wait for a disk
                raise _Doubt
            self._check.settle(descriptor, self._source, position)
        except OSError as error:
            raise BodyReadError(self._source, position, error) from error
        self._is_touched = True

    def _close_source(self) -> None:
        if self._close_file:
            self._file.close()
