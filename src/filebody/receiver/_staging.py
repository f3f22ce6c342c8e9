"""Where bodies wait until they are whole: a hidden directory that one receiver holds locked.

It stands in the receiver's directory, so that a finished file only needs a new name. A receiver
that is killed leaves it behind; the next one to start removes it, which it does only if it can get
the lock: the kernel drops a lock with its process, and never before.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
from typing import Final

from filebody.errors import FilebodyError

__all__ = ["Staging", "remove_stale"]

_NAME: Final = re.compile(r"\.filebody-incoming-[0-9a-f]{16}")
_PART: Final = re.compile(r"[0-9a-f]{16}\.part")
_LOCK: Final = "lock"
_ATTEMPTS: Final = 10


class Staging:
    """A locked directory of temporary files.

    Args:
        root: A descriptor of the receiver's directory, which stays the caller's.

    Attributes:
        descriptor: The open directory; temporary files are named relative to it.

    Raises:
        OSError: The directory cannot be made.
    """

    descriptor: int

    def __init__(self, root: int) -> None:
        self._root = root
        for _ in range(_ATTEMPTS):
            self._name = f".filebody-incoming-{secrets.token_hex(8)}"
            os.mkdir(self._name, 0o700, dir_fd=root)
            with contextlib.suppress(FileNotFoundError, BlockingIOError):
                self._take()
                return
        raise FilebodyError("another process keeps removing the receiver's temporary directories")

    def _take(self) -> None:
        # A receiver that starts at this moment may find the directory before it is locked and
        # remove it as stale. That shows in a lock file that is gone, or has no name any more.
        self.descriptor = _open_directory(self._root, self._name)
        try:
            self._lock = os.open(
                _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=self.descriptor
            )
            try:
                _try_lock(self._lock)
                if os.fstat(self._lock).st_nlink == 0:
                    raise FileNotFoundError(_LOCK)
            except BaseException:
                os.close(self._lock)
                raise
        except BaseException:
            os.close(self.descriptor)
            raise

    def create(self) -> tuple[int, str]:
        """Make an empty file; returns its descriptor, for reading and writing, and its name.

        The mode is what the process's umask makes of 0666, as of any new file: the directory
        keeps others out until the file gets its final name.
        """
        name = f"{secrets.token_hex(8)}.part"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, 0o666, dir_fd=self.descriptor), name

    def remove(self, name: str) -> None:
        """Remove a temporary file, if it is still there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def close(self) -> None:
        """Remove the directory and let go of the lock."""
        _empty(self._root, self._name, self.descriptor)
        os.close(self._lock)
        os.close(self.descriptor)


def remove_stale(root: int) -> list[str]:
    """Remove what receivers that no longer run have left in `root`.

    Only directories of our name, owned by us, whose lock can be had are touched, and in them only
    files of our name.

    Returns:
        The names of the directories that were removed.
    """
    return [name for name in os.listdir(root) if _NAME.fullmatch(name) and _remove(root, name)]


def _remove(root: int, name: str) -> bool:
    try:
        directory = _open_directory(root, name)
    except OSError:
        return False
    try:
        if os.fstat(directory).st_uid != os.geteuid():
            return False
        try:
            lock = os.open(_LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        except FileNotFoundError:
            # Killed before it had the lock file, or not there yet: rmdir takes an empty directory
            # only, and its owner, if it lives, makes another.
            return _empty(root, name, None)
        try:
            _try_lock(lock, must=True)
            return _empty(root, name, directory)
        finally:
            os.close(lock)
    except OSError:
        return False  # held by a living receiver, or locks do not work here: not certainly ours
    finally:
        os.close(directory)


def _empty(root: int, name: str, directory: int | None) -> bool:
    with contextlib.suppress(OSError):
        if directory is not None:
            for entry in os.listdir(directory):
                if _PART.fullmatch(entry):
                    os.unlink(entry, dir_fd=directory)
            os.unlink(_LOCK, dir_fd=directory)
        os.rmdir(name, dir_fd=root)
        return True
    return False


def _open_directory(root: int, name: str) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, dir_fd=root)


def _try_lock(lock: int, *, must: bool = False) -> None:
    """Lock without waiting; `must` says whether a file system without locks is an error."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        if must:
            raise
