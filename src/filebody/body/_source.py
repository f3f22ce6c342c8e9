"""What does not depend on the source: a body's passes, a reader's range, end, and closing."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from filebody.body._content_check import ContentCheck
from filebody.body._interface import Body, Reader, WaitBy
from filebody.body._range import clip
from filebody.errors import BodyShrank, NotReplayable, UsageError

__all__ = ["MAX_PIECE", "DescriptorOwner", "SourceBody", "SourceReader"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

# A single read asks for no more than this, whatever the caller's buffer: it bounds both memory and
# the time that one copy from the page cache holds the event loop.
MAX_PIECE = 1 << 20


class DescriptorOwner(Protocol):
    """Whatever holds an open descriptor: a Python file object, for one."""

    def fileno(self) -> int:
        """The descriptor; ValueError when it is closed."""

    def close(self) -> None:
        """Close it; nothing happens when it is closed."""


class SourceBody(Body):
    """A body of one source, which may allow one pass only.

    Subclasses give `_reader`.
    """

    _passes = 0
    _check: ContentCheck | None = None

    @property
    def is_touched(self) -> bool:
        """See `Body.is_touched`."""
        return self._check is not None and self._check.is_touched

    @abstractmethod
    def _reader(self, offset: int, stop: int | None) -> Reader:
        """A reader of the range, which is known to lie in the body."""

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        """See `Body.open`."""
        end = clip(self.source, self.length, offset, stop)
        if self._passes and not self.replayable:
            raise NotReplayable(self.source)
        self._passes += 1
        return self._reader(offset, end)


class SourceReader(Reader):
    """A reader of one source, from `offset` up to `stop`.

    Subclasses give `_close_source`, and `_read_source` or else `read` and `readinto`, and
    `_read_source_blocking` if waiting makes a difference. They set `_rewinds` if they read at
    `_offset`, wherever that is. Positions, ends, giving back, and closing under a read in flight
    are here; so is that nothing is read after an error.

    Args:
        source: The name for messages.
        offset: Position in the body of the first byte to give.
        stop: Position after the last one, or None for the source's end.
        exact: Whether ending before `stop` is an error.
        drop: How many bytes to read from the source and drop, to get to `offset`.
    """

    _wait_by = WaitBy.RETRY
    _device: int | None = None
    _rewinds = False

    def __init__(
        self, source: str, offset: int, stop: int | None, *, exact: bool, drop: int = 0
    ) -> None:
        self._source = source
        self._offset = offset
        self._stop = stop
        self._exact = exact
        self._to_drop = drop
        self._ended = False
        self._last_count = 0  # what the last read gave, less what was given back
        self._closed = False
        self._failed = False
        self._in_flight = False
        self._is_touched = False
        self._lock = threading.Lock()

    def _read_source(self, size: int) -> bytes | None:
        """Read up to `size` bytes without blocking; empty at the end, None when not ready."""
        raise NotImplementedError

    def _fill(self, buffer: bytearray | memoryview) -> int | None:
        """Read as `_read_source`, into `buffer`; how many bytes, 0 at the end."""
        piece = self._read_source(len(buffer))
        if piece is None:
            return None
        buffer[: len(piece)] = piece
        return len(piece)

    def _rewind_source(self, count: int) -> None:
        """Have the last `count` bytes come again; called before `_offset` goes back."""

    @abstractmethod
    def _close_source(self) -> None:
        """Release the source; called once, and never while a read is in flight."""

    def _read_source_blocking(self, size: int) -> bytes | None:
        """Read as `_read_source`, but wait for it."""
        return self._read_source(size)

    def _source_position(self) -> int:
        """Where the next byte lies in the source, as opposed to the body."""
        return self._offset

    def _check_end(self) -> None:
        """Refuse to end: called once, before the last bytes or the end are given to the caller."""

    @property
    def wait_by(self) -> WaitBy:
        """See `Reader.wait_by`."""
        return self._wait_by

    @property
    def is_touched(self) -> bool:
        """See `Reader.is_touched`."""
        return self._is_touched

    @property
    def device(self) -> int | None:
        """See `Reader.device`."""
        return self._device

    def fileno(self) -> int:
        """See `Reader.fileno`."""
        raise UsageError(f"{self._source} has no descriptor to wait on")

    def read(self, size: int) -> bytes | None:
        """See `Reader.read`."""
        if self._closed or self._failed:
            raise self._refusal()
        self._in_flight = True  # the source may call back and close us
        return self._finish(self._take, self._read_source, size)

    def read_blocking(self, size: int) -> bytes | None:
        """See `Reader.read_blocking`."""
        with self._lock:
            if self._closed:  # before its turn in a thread came
                return None
            if self._failed:
                raise self._refusal()
            self._in_flight = True
        return self._finish(self._take, self._read_source_blocking, size)

    def readinto(self, buffer: bytearray | memoryview) -> int | None:
        """See `Reader.readinto`."""
        if self._closed or self._failed:
            raise self._refusal()
        self._in_flight = True
        return self._finish(self._take_into, buffer)

    @property
    def can_unread(self) -> bool:
        """See `Reader.can_unread`."""
        return self._rewinds and not (self._closed or self._failed)

    def unread(self, count: int) -> None:
        """See `Reader.unread`."""
        if self._closed or self._failed:
            raise self._refusal()
        if not self.can_unread:
            raise UsageError(f"{self._source}: what it gave cannot be given back")
        if self._in_flight:
            raise UsageError(f"{self._source}: nothing can be given back while a read is under way")
        if not 0 <= count <= self._last_count:
            raise UsageError(
                f"{self._source}: {count} bytes cannot be given back, {self._last_count} were read"
            )
        if count:
            self._rewind_source(count)
            self._last_count -= count
            self._offset -= count
            self._ended = False

    def close(self) -> None:
        """See `Reader.close`."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._in_flight:
                return
        self._close_source()

    def _refusal(self) -> UsageError:
        if self._closed:
            return UsageError(f"the reader of {self._source} is closed")
        # Going on behind a gap would make a damaged body look whole.
        return UsageError(f"a read of {self._source} failed before: begin another pass")

    def _finish(self, take: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Carry out a read, and then a `close` that was called meanwhile."""
        try:
            return take(*args, **kwargs)
        except BaseException:
            self._failed = True
            raise
        finally:
            with self._lock:
                self._in_flight = False
                closed = self._closed
            if closed:
                self._close_source()

    def _take(self, read_source: Callable[[int], bytes | None], size: int) -> bytes | None:
        wanted = self._wanted(size)
        while self._to_drop and wanted:
            dropped = read_source(min(self._to_drop, MAX_PIECE))
            if dropped is None:
                return None
            self._to_drop -= len(dropped)
            if not dropped:  # it ends before the first byte to give
                self._offset -= self._to_drop
                self._to_drop = wanted = 0
        piece = read_source(wanted) if wanted else b""
        self._account(None if piece is None else len(piece))
        return piece

    def _take_into(self, buffer: bytearray | memoryview) -> int | None:
        if self._to_drop:  # at the beginning only
            piece = self._take(self._read_source, len(buffer))
            if piece is not None:
                buffer[: len(piece)] = piece
            return None if piece is None else len(piece)
        wanted = self._wanted(len(buffer))
        if wanted == len(buffer):
            count = self._fill(buffer)
        else:
            with memoryview(buffer)[:wanted] as view:  # no traceback keeps it
                count = self._fill(view) if wanted else 0
        self._account(count)
        return count

    def _wanted(self, size: int) -> int:
        """How much to ask the source for when the caller asks for `size`; 0 at the end."""
        if size < 1:
            raise UsageError(f"a read needs room for at least 1 byte, not {size}")
        if size > MAX_PIECE:
            size = MAX_PIECE
        if self._ended:
            return 0
        if self._stop is None or self._offset + size <= self._stop:
            return size
        return self._stop - self._offset

    def _account(self, count: int | None) -> None:
        """Move on by `count` bytes, or note the end; see that an end is a true end."""
        if count is None:
            self._last_count = 0
            return
        self._last_count = count
        self._offset += count
        if (count and self._offset != self._stop) or self._ended:
            return
        if self._exact and self._stop is not None and self._offset < self._stop:
            position = self._source_position()
            raise BodyShrank(self._source, position, position + self._stop - self._offset)
        self._check_end()
        self._ended = True
