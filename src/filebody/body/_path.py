"""Files by their paths, opened late and once for each pass."""

from __future__ import annotations

import os
import stat

from filebody.body._content_check import ContentCheck
from filebody.body._descriptor import DescriptorReader
from filebody.body._identity import has_true_size
from filebody.body._interface import Reader
from filebody.body._regular import RegularReader
from filebody.body._source import SourceBody
from filebody.errors import BodyReadError, UsageError

__all__ = ["PathBody"]


class PathBody(SourceBody):
    """A body read from a path; replayable if a regular file is there.

    The file is looked at (its size, times and inode) when the body is made, and opened by the
    first read of each pass. Every pass gives the same bytes or fails: a file that was written to or
    replaced since then raises `BodyChanged` before the last bytes are given out. A file that was
    only touched (`mv`, `chmod`, a new hard link) is compared with samples of what was given.

    Named pipes, devices, and what /proc and /sys make up have an unknown length.

    Args:
        path: Of a file, a named pipe or a device.
        allow_changes: Send the first `length` bytes even if the file grows or is written to.

    Raises:
        BodyReadError: There is nothing at the path, or it may not be looked at.
        UsageError: A directory or a socket is there.
    """

    def __init__(
        self,
        path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
        *,
        allow_changes: bool = False,
    ) -> None:
        self.path = os.fsdecode(path)
        self.source = self.path
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise BodyReadError(self.source, 0, error) from error
        if stat.S_ISDIR(status.st_mode) or stat.S_ISSOCK(status.st_mode):
            kind = "directory" if stat.S_ISDIR(status.st_mode) else "socket"
            raise UsageError(f"{self.source} is a {kind}, not a file")
        is_regular = has_true_size(status)
        self._device = status.st_dev if is_regular else None
        self._check = ContentCheck(status, self.path) if is_regular and not allow_changes else None
        self._pollable = stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode)
        self.length = status.st_size if is_regular else None
        self.replayable = is_regular

    def __repr__(self) -> str:
        return f"<PathBody {self.source} length={self.length}>"

    def _reader(self, offset: int, stop: int | None) -> Reader:
        exact = self.length is not None
        if self._pollable:
            return DescriptorReader(
                self.source,
                _LateFile(self.path, None),
                take_buffered=bytes,
                offset=offset,
                stop=stop,
                exact=exact,
                close_file=True,
            )
        return RegularReader(
            self.source,
            _LateFile(self.path, self._check),
            start=0,
            offset=offset,
            stop=stop,
            exact=exact,
            check=self._check,
            device=self._device,
            close_file=True,
        )


class _LateFile:
    """Opens its path when the descriptor is first asked for."""

    def __init__(self, path: str, check: ContentCheck | None) -> None:
        self._path = path
        self._check = check
        self._descriptor: int | None = None
        self._closed = False

    def fileno(self) -> int:
        if self._descriptor is None:
            self._descriptor = self._open()
        return self._descriptor

    def close(self) -> None:
        self._closed = True
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _open(self) -> int:
        if self._closed:
            raise UsageError(f"{self._path} is closed")
        # A named pipe would make open() wait for a writer; regular files ignore the flag.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        try:
            descriptor = os.open(self._path, flags)
        except OSError as error:
            raise BodyReadError(self._path, 0, error) from error
        if self._check is not None:
            try:
                self._check.begin(descriptor, self._path)
            except BaseException:
                os.close(descriptor)
                raise
        return descriptor
