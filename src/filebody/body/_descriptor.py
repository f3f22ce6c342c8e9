"""Pipes, sockets, terminals and character devices: read when they are ready, never in a thread.

Nothing is made non-blocking: the flag belongs to the open file description, which other processes
may share (a shell's terminal, a parent's pipe). `poll(2)` tells beforehand instead.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable

from filebody.body._interface import WaitBy
from filebody.body._source import DescriptorOwner, SourceReader
from filebody.errors import BodyReadError

__all__ = ["DescriptorReader"]

# A hang-up or an error is ready too: the read will say which. A named pipe that no writer has
# opened yet is *not* ready, although a read would answer its end at once (fifo(7), poll(2)).
# Urgent data alone make nothing ready: a read would wait for others.
_EVENTS = select.POLLIN


class DescriptorReader(SourceReader):
    """A pass over a descriptor that has no positions.

    Args:
        source: The name for messages.
        file: Holds the descriptor.
        take_buffered: Gives what the file object has read ahead already; it comes first.
        offset: How many bytes to read and drop first.
        stop: Position after the last byte to give, or None for the end of the stream.
        exact: Whether ending before `stop` is an error.
        close_file: Whether `close` closes the file.
    """

    _wait_by = WaitBy.DESCRIPTOR

    def __init__(
        self,
        source: str,
        file: DescriptorOwner,
        *,
        take_buffered: Callable[[], bytes],
        offset: int,
        stop: int | None,
        exact: bool,
        close_file: bool,
    ) -> None:
        super().__init__(source, offset, stop, exact=exact, drop=offset)
        self._file = file
        self._take_buffered: Callable[[], bytes] | None = take_buffered
        self._buffered = b""
        self._close_file = close_file

    def fileno(self) -> int:
        """See `Reader.fileno`."""
        return self._file.fileno()

    def _read_source_blocking(self, size: int) -> bytes | None:
        piece = self._read_source(size)
        if piece is None:
            _wait(self._file.fileno(), None)
            piece = self._read_source(size)
        return piece

    def _read_source(self, size: int) -> bytes | None:
        if self._take_buffered is not None:
            self._buffered = self._take_buffered()
            self._take_buffered = None
        if self._buffered:
            piece, self._buffered = self._buffered[:size], self._buffered[size:]
            return piece
        descriptor = self._file.fileno()
        try:
            return os.read(descriptor, size) if _wait(descriptor, 0) else None
        except BlockingIOError:  # somebody else made it non-blocking and was faster
            return None
        except OSError as error:
            raise BodyReadError(self._source, self._offset, error) from error

    def _close_source(self) -> None:
        if self._close_file:
            self._file.close()


def _wait(descriptor: int, milliseconds: int | None) -> bool:
    """Whether `descriptor` became ready within the time; None waits for ever."""
    poll = select.poll()
    poll.register(descriptor, _EVENTS)
    return bool(poll.poll(milliseconds))
