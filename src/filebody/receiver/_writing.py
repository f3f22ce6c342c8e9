"""Writes that are whole or have no effect. Synchronous, for worker threads."""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from filebody.receiver._directories import sync_directory

__all__ = ["open_regular", "replace", "write_all"]


def write_all(descriptor: int, piece: bytes | bytearray | memoryview) -> int:
    """Write a piece at the position of a file, however many calls it takes; returns its length.

    Raises:
        OSError: The disk took less. The file then ends within the piece.
    """
    view = memoryview(piece)
    while view:
        view = view[os.write(descriptor, view) :]
    return len(piece)


def replace(directory: int, name: str, content: bytes, *, temporary: str, is_synced: bool) -> None:
    """Replace a small file, or leave the one that is there as it is.

    Args:
        directory: A descriptor of its directory.
        name: Its name there.
        content: The whole new content.
        temporary: The name of the new file until it is whole; what has it is replaced.
        is_synced: Whether the new content survives a power cut.

    Raises:
        OSError: The disk is full or failed; the old file is untouched.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=directory)
    descriptor = os.open(temporary, flags, 0o600, dir_fd=directory)
    try:
        try:
            write_all(descriptor, content)
            if is_synced:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)  # some file systems (NFS) tell only here that the disk is full
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise
    if is_synced:
        sync_directory(directory)


def open_regular(directory: int, name: str, flags: int) -> int:
    """Open a regular file without ever waiting: another kind may have taken its name.

    Raises:
        FileNotFoundError: There is none, or something else has its name.
        OSError: It cannot be opened.
    """
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=directory)
    except OSError as error:
        # A link; a FIFO without a reader, a socket or a device without a driver; a directory.
        if error.errno in {errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR}:
            raise FileNotFoundError(error.errno, error.strerror, name) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "not a regular file", name)
    return descriptor
