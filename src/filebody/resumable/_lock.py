"""One process at a time: a lock that ends with its process, however that ends."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

__all__ = ["FileLock"]


class FileLock:
    """A lock on a path, held by the kernel for an open file; nothing of it survives a crash.

    Args:
        path: Of a file that is made for it, and removed by whoever lets go of the lock.

    Source: flock(2).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take it if nobody holds it; never waits.

        Returns:
            Whether it is held now.

        Raises:
            OSError: The file cannot be made.
        """
        while True:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(self._path, flags, 0o600)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise OSError(errno.EINVAL, "it is not a regular file", str(self._path))
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_there = self._is_there(descriptor)
            except BlockingIOError:
                os.close(descriptor)
                return False
            except BaseException:
                os.close(descriptor)
                raise
            if is_there:
                self._descriptor = descriptor
                return True
            os.close(descriptor)  # whoever held it has removed it meanwhile: another one counts

    def release(self) -> None:
        """Let go; further calls do nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            try:
                self._path.unlink(missing_ok=True)  # while it is held: nobody else's is removed
            finally:
                os.close(descriptor)

    def _is_there(self, descriptor: int) -> bool:
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(descriptor))
