"""Any other object with a `read` method: asked as it is, and not trusted in what it answers."""

from __future__ import annotations

from typing import Any

from filebody.body._content_check import ContentCheck
from filebody.body._interface import WaitBy
from filebody.body._source import SourceReader
from filebody.errors import BodyReadError, UsageError

__all__ = ["ObjectReader"]


class ObjectReader(SourceReader):
    """A pass over an object's `read(size)`.

    Args:
        source: The name for messages.
        file: The object; `read` may answer None for "nothing yet", as `io.RawIOBase` has it.
        offset: How many bytes to read and drop first.
        stop: Position after the last byte to give, or None for the object's end.
        exact: Whether ending before `stop` is an error.
        blocks: Whether `read` may block, so that it is called in worker threads only.
        check: Of the regular file below, before the last bytes are given out; or None.
        device: The device on which that file lies, if that is known.
        close_file: Whether `close` closes the object, if it can be closed.
    """

    def __init__(
        self,
        source: str,
        file: Any,
        *,
        offset: int,
        stop: int | None,
        exact: bool,
        blocks: bool,
        check: ContentCheck | None,
        device: int | None,
        close_file: bool,
    ) -> None:
        super().__init__(source, offset, stop, exact=exact, drop=offset)
        self._file = file
        self._blocks = blocks
        self._came_back_empty = False
        self._check = check
        self._has_begun = False
        self._close_file = close_file
        self._wait_by = WaitBy.THREAD if blocks else WaitBy.RETRY
        self._device = device

    def _read_source(self, size: int) -> bytes | None:
        if not self._blocks:
            return self._checked(self._file.read(size), size)
        self._wait_by = WaitBy.RETRY if self._came_back_empty else WaitBy.THREAD
        self._came_back_empty = False
        return None

    def _read_source_blocking(self, size: int) -> bytes | None:
        if self._check is not None and not self._has_begun:
            self._begin(self._check)
        piece = self._checked(self._file.read(size), size)
        self._came_back_empty = piece is None  # no thread is held for that to change
        return piece

    def _checked(self, piece: object, size: int) -> bytes | None:
        if piece is None:
            return None
        if isinstance(piece, bytearray):
            piece = bytes(piece)
        if not isinstance(piece, bytes):
            kind = type(piece).__name__
            hint = ": open it in binary mode" if isinstance(piece, str) else ""
            raise TypeError(f"{self._source}: read() gave {kind}, not bytes{hint}")
        if len(piece) > size:
            raise UsageError(f"{self._source}: read({size}) gave {len(piece)} bytes")
        return piece

    def _begin(self, check: ContentCheck) -> None:
        self._has_begun = True
        try:
            check.begin(self._file.fileno(), self._source)
            check.sample_file(self._file.fileno())
        except OSError as error:
            raise BodyReadError(self._source, self._offset, error) from error

    def _check_end(self) -> None:
        if self._check is None:
            return
        try:
            descriptor = self._file.fileno()
            if not self._check.is_same(descriptor, self._source, self._offset):
                self._check.settle(descriptor, self._source, self._offset)
                self._is_touched = True
        except OSError as error:
            raise BodyReadError(self._source, self._offset, error) from error

    def _close_source(self) -> None:
        close = getattr(self._file, "close", None)
        if self._close_file and close is not None:
            close()
