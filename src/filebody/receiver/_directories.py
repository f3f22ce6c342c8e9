"""Walking below the receiver's directory without ever leaving it.

Every step is relative to an open directory and follows no symbolic link, so nothing that another
process renames or links meanwhile can lead out: what is opened is what was checked.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filebody.receiver._names import Name

__all__ = ["directory_below", "made_below", "sync_directory"]

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def directory_below(root: int, name: Name) -> Iterator[int]:
    """Open the directory `name` below `root` and close it afterwards.

    Args:
        root: A descriptor of the directory to begin at.
        name: The segments to go down; none gives `root` again.

    Raises:
        FileNotFoundError: A segment does not exist.
        NotADirectoryError: A segment is something else, or a symbolic link.
    """
    current = os.open(".", _OPEN, dir_fd=root)
    try:
        for segment in name:
            current = _step(current, segment)
        yield current
    finally:
        os.close(current)


@contextlib.contextmanager
def made_below(root: int, name: Name) -> Iterator[int]:
    """Open the directory `name` below `root` as `directory_below` does, and make what is missing.

    A directory that was made is on the disk before anything is put into it.
    """
    current = os.open(".", _OPEN, dir_fd=root)
    try:
        for segment in name:
            with contextlib.suppress(FileExistsError):
                os.mkdir(segment, dir_fd=current)
                sync_directory(current)
            current = _step(current, segment)
        yield current
    finally:
        os.close(current)


def sync_directory(directory: int) -> None:
    """Make the names in a directory survive a crash, where the file system can do that."""
    # Some file systems (FUSE, SMB) answer EINVAL or ENOTSUP to fsync of a directory: they have
    # nothing better, and the file itself is safe.
    with contextlib.suppress(OSError):
        os.fsync(directory)


def _step(current: int, segment: str) -> int:
    """Go down one segment; `current` is closed when that worked."""
    try:
        below = os.open(segment, _OPEN, dir_fd=current)
    except OSError as error:
        # O_NOFOLLOW with O_DIRECTORY answers ENOTDIR on Linux and ELOOP elsewhere.
        if error.errno == errno.ELOOP:
            raise NotADirectoryError(error.errno, os.strerror(error.errno), segment) from error
        raise
    os.close(current)
    return below
