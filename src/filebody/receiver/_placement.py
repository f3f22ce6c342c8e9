"""Where a finished file gets its name: whether it may, and the one atomic step.

Synchronous, for worker threads.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, Final

from filebody.receiver._directories import directory_below, made_below, sync_directory
from filebody.receiver._refusal import Refusal
from filebody.receiver._rename import move_to_free_name

if TYPE_CHECKING:
    from filebody.receiver._names import Name
    from filebody.receiver._root import Root

__all__ = ["Placement"]

# With less, even a record is at risk.
_LEAST_BYTES: Final = 256 * 1024
_NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EOPNOTSUPP}
)


class Placement:
    """Names below the receiver's directory.

    Args:
        root: That directory.
    """

    def __init__(self, root: Root) -> None:
        self._root = root

    def check_free(self, name: Name, taken_status: int | None) -> None:
        """Check that a file could get this name.

        Raises:
            Refusal: `taken_status`, or 409 where what is there is no regular file.
            OSError: It could not, for other reasons.
        """
        with (
            self._root.opened() as root,
            contextlib.suppress(FileNotFoundError),
            directory_below(root, name[:-1]) as parent,
        ):
            if not os.access(".", os.W_OK | os.X_OK, dir_fd=parent):
                is_read_only = os.fstatvfs(parent).f_flag & os.ST_RDONLY
                number = errno.EROFS if is_read_only else errno.EACCES
                raise OSError(number, os.strerror(number))
            if os.fstat(parent).st_dev != os.fstat(root).st_dev:
                # Told before the body comes: no name can be given across file systems.
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            self._check_taken(parent, name, taken_status)

    @staticmethod
    def _check_taken(parent: int, name: Name, taken_status: int | None) -> None:
        mode = os.stat(name[-1], dir_fd=parent, follow_symlinks=False).st_mode
        shown = "/".join(name)
        if stat.S_ISDIR(mode):
            raise Refusal(409, f"{shown} is a directory")
        if not stat.S_ISREG(mode):
            raise Refusal(409, f"{shown} is there and is not a regular file")
        if taken_status is not None:
            raise Refusal(taken_status, f"{shown} is already there and will not be overwritten")

    def check_room(self, length: int | None) -> None:
        """Check that there is room for so many bytes; nothing is kept free for them.

        Raises:
            Refusal: 413 for more than the whole disk has, else 507.
        """
        free, total = self._disk_bytes()
        if length is not None and total and length > total:
            raise Refusal(413, f"{length} bytes do not fit on a disk of {total} bytes")
        if length is not None and total and length > free:
            raise Refusal(507, f"{length} bytes do not fit: {free} bytes are free on the disk")

    def has_room(self, size_bytes: int) -> bool:
        """Say whether so many bytes fit on the disk, and a little more than nothing is free."""
        free, total = self._disk_bytes()
        return not total or max(size_bytes, _LEAST_BYTES) <= free

    def _disk_bytes(self) -> tuple[int, int]:
        """Tell how many bytes are free, and how many there are; 0 of 0 where nobody can tell."""
        with self._root.opened() as root:
            disk = os.fstatvfs(root)
        return disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize

    def inode_of(self, name: Name) -> int | None:
        """The inode of what has this name; None if nothing has."""
        try:
            with self._root.opened() as root, directory_below(root, name[:-1]) as parent:
                return os.stat(name[-1], dir_fd=parent, follow_symlinks=False).st_ino
        except (FileNotFoundError, NotADirectoryError):
            return None

    def place(self, name: Name, source: int, temporary: str, taken_status: int | None) -> bool:
        """Give a finished file its name, atomically and durably.

        Args:
            name: The final name.
            source: The open directory that the file is in, on the same file system.
            temporary: Its name there, which is gone afterwards.
            taken_status: What to answer if the name is taken; None to replace.

        Returns:
            Whether it replaced a file.

        Raises:
            Refusal: 409 or 412 where the name was taken meanwhile.
            OSError: The disk failed.
        """
        with self._root.opened() as root, made_below(root, name[:-1]) as parent:
            replaced = False
            try:
                # Of two uploads of one name that end at once, one gets here.
                move_to_free_name(temporary, name[-1], src_dir_fd=source, dst_dir_fd=parent)
            except FileExistsError:
                self._check_taken(parent, name, taken_status)
                replaced = True
                os.rename(temporary, name[-1], src_dir_fd=source, dst_dir_fd=parent)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                replaced = self._claim(parent, name, taken_status)
                os.rename(temporary, name[-1], src_dir_fd=source, dst_dir_fd=parent)
            sync_directory(parent)
        return replaced

    def _claim(self, parent: int, name: Name, taken_status: int | None) -> bool:
        """Take a name where hard links do not work: an empty file, for the moment of a rename."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            os.close(os.open(name[-1], flags, 0o666, dir_fd=parent))
        except FileExistsError:
            self._check_taken(parent, name, taken_status)
            return True
        return False
