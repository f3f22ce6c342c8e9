"""The receiver's directory, which may be removed, renamed or replaced while the receiver runs.

Synchronous, for worker threads.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from filebody.receiver._directories import sync_directory
from filebody.receiver._refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Root"]

_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Root:
    """A directory that is opened by its path for each use.

    A descriptor that is kept would go on to store files in a directory that was removed. What is
    opened is always a real directory on the file system of the first one: a symbolic link, or the
    bare mount point of a disk that is gone, is refused.

    Args:
        path: The directory. It must exist, and links on the way are resolved only once, here.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = os.path.realpath(path)
        descriptor = os.open(self._path, _OPEN)
        self._device = os.fstat(descriptor).st_dev
        os.close(descriptor)

    @contextlib.contextmanager
    def opened(self, *, is_made: bool = True) -> Iterator[int]:
        """Open the directory, and close it afterwards.

        Args:
            is_made: Make the directory anew if it was removed.

        Raises:
            Refusal: 503 where something else has its place.
            OSError: It cannot be opened or made.
        """
        descriptor = self._open(is_made=is_made)
        try:
            if os.fstat(descriptor).st_dev != self._device:
                raise _replaced("the disk of the receiver's directory is not the one of the start")
            yield descriptor
        finally:
            os.close(descriptor)

    def _open(self, *, is_made: bool) -> int:
        try:
            try:
                return os.open(self._path, _OPEN)
            except FileNotFoundError:
                if not is_made:
                    raise
                self._make()
                return os.open(self._path, _OPEN)
        except NotADirectoryError as error:
            raise _replaced("something else has the name of the receiver's directory") from error

    def _make(self) -> None:
        # Only the last segment: where more is missing, a disk is rather not mounted.
        parent = os.open(os.path.dirname(self._path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._path)
            sync_directory(parent)
        finally:
            os.close(parent)


def _replaced(reason: str) -> Refusal:
    return Refusal(503, reason, [("Retry-After", "60")])
