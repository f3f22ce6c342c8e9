"""Files of resumable uploads: a hidden directory, which may be removed while the receiver runs.

Synchronous, for worker threads.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, Final

from filebody.receiver._directories import sync_directory
from filebody.receiver._writing import open_regular, replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filebody.receiver._root import Root

__all__ = ["UploadFiles"]

_DIRECTORY: Final = ".filebody-uploads"
_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
# Far more than any record: what is longer is none.
_MAX_RECORD_BYTES: Final = 16 * 1024 * 1024


class UploadFiles:
    """The directory of parts and records; names are those of its files.

    Args:
        root: The receiver's directory.
        is_synced: Whether what is written survives a power cut.
    """

    def __init__(self, root: Root, *, is_synced: bool) -> None:
        self.is_synced = is_synced
        self._root = root

    @contextlib.contextmanager
    def opened(self, *, is_made: bool = False) -> Iterator[int]:
        """Open the directory, and close it afterwards.

        Args:
            is_made: Make it where it is missing.

        Raises:
            FileNotFoundError: It is missing.
            PermissionError: Other users could write to it.
            Refusal: As `Root.opened`.
        """
        with self._root.opened(is_made=is_made) as root:
            if is_made:
                self._make(root)
            try:
                descriptor = os.open(_DIRECTORY, _OPEN, dir_fd=root)
            except NotADirectoryError as error:
                raise _not_private() from error
            try:
                _check_private(os.fstat(descriptor), os.fstat(root))
                yield descriptor
            finally:
                os.close(descriptor)

    def names(self) -> list[str]:
        """List all files."""
        try:
            with self.opened() as directory:
                return os.listdir(directory)
        except FileNotFoundError:
            return []

    def open(self, name: str, flags: int) -> int:
        """Open a regular file.

        Raises:
            FileNotFoundError: There is none.
        """
        with self.opened() as directory:
            return open_regular(directory, name, flags)

    def make(self, name: str) -> None:
        """Make an empty file.

        The mode is the umask's, as the finished file keeps it; the directory keeps others out.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with self.opened(is_made=True) as directory:
            os.close(os.open(name, flags, 0o666, dir_fd=directory))

    def read(self, name: str) -> tuple[bytes, float]:
        """Read a small file; returns its content, and when it was written.

        Raises:
            FileNotFoundError: There is none.
            ValueError: It is too long.
        """
        with open(self.open(name, os.O_RDONLY), "rb") as file:
            content = file.read(_MAX_RECORD_BYTES + 1)
            if len(content) > _MAX_RECORD_BYTES:
                raise ValueError(f"longer than {_MAX_RECORD_BYTES} bytes")
            return content, os.fstat(file.fileno()).st_mtime

    def replace(self, name: str, content: bytes, *, temporary: str) -> None:
        """Write a small file as a whole, or leave it as it is."""
        with self.opened(is_made=True) as directory:
            replace(directory, name, content, temporary=temporary, is_synced=self.is_synced)

    def rename(self, old: str, new: str) -> None:
        """Rename a file."""
        with self.opened() as directory:
            os.rename(old, new, src_dir_fd=directory, dst_dir_fd=directory)
            if self.is_synced:
                sync_directory(directory)

    def status(self, name: str) -> os.stat_result | None:
        """Look at a file; None if there is no regular file of that name."""
        try:
            with self.opened() as directory:
                found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return found if stat.S_ISREG(found.st_mode) else None

    def stamp(self, name: str, seconds: float) -> None:
        """Set when a file was written, in seconds since the epoch."""
        with contextlib.suppress(FileNotFoundError), self.opened() as directory:
            os.utime(name, (seconds, seconds), dir_fd=directory, follow_symlinks=False)

    def unlink(self, name: str) -> None:
        """Remove a file, if it is still there."""
        with contextlib.suppress(FileNotFoundError), self.opened() as directory:
            os.unlink(name, dir_fd=directory)

    def close(self) -> None:
        """Remove the directory if there is nothing in it."""
        with contextlib.suppress(OSError), self._root.opened(is_made=False) as root:
            os.rmdir(_DIRECTORY, dir_fd=root)

    def _make(self, root: int) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkdir(_DIRECTORY, 0o700, dir_fd=root)
            if self.is_synced:
                sync_directory(root)


def _check_private(directory: os.stat_result, root: os.stat_result) -> None:
    """Check that no other user can put records into the directory.

    The owner of the receiver's directory can do that in any case. So can everybody on a file
    system without modes, where both directories have the same one.
    """
    is_ours = directory.st_uid in {os.geteuid(), root.st_uid}
    is_closed = not directory.st_mode & _WRITABLE_BY_OTHERS
    has_modes = stat.S_IMODE(directory.st_mode) != stat.S_IMODE(root.st_mode)
    if not is_ours or (not is_closed and has_modes):
        raise _not_private()


def _not_private() -> PermissionError:
    return PermissionError(errno.EPERM, f"{_DIRECTORY} is not the receiver's own")
