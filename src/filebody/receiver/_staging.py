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
import threading
from typing import TYPE_CHECKING, Final

from filebody.errors import FilebodyError
from filebody.receiver._refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filebody.receiver._root import Root

__all__ = ["Staging", "has_name", "make_temporary", "remove_stale"]

_NAME: Final = re.compile(r"\.filebody-incoming-[0-9a-f]{16}")
_PART: Final = re.compile(r"[0-9a-f]{16}\.part")
_LOCK: Final = "lock"
_ATTEMPTS: Final = 10


class Staging:
    """A locked directory of temporary files, made anew where somebody removed it.

    Args:
        root: The receiver's directory.

    Raises:
        OSError: The directory cannot be made.
    """

    def __init__(self, root: Root) -> None:
        self._root = root
        self._mutex = threading.Lock()
        self._name = ""
        self._lock = -1
        with self.opened():
            pass

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """Open the directory, and close it afterwards; temporary files are named relative to it.

        Raises:
            Refusal: As `Root.opened`.
            OSError: It is gone and cannot be made.
        """
        with self._root.opened() as root:
            with self._mutex:
                descriptor = self._open_or_make(root)
            try:
                yield descriptor
            finally:
                os.close(descriptor)

    def create(self) -> tuple[int, str]:
        """Make an empty file; returns its descriptor, for reading and writing, and its name.

        The mode is what the process's umask makes of 0666, as of any new file: the directory
        keeps others out until the file gets its final name.
        """
        with self.opened() as directory:
            return make_temporary(directory)

    def remove(self, name: str) -> None:
        """Remove a temporary file, if it is still there and can be."""
        with contextlib.suppress(OSError, Refusal), self._root.opened(is_made=False) as root:
            os.unlink(f"{self._name}/{name}", dir_fd=root)

    def close(self) -> None:
        """Remove the directory and let go of the lock."""
        with contextlib.suppress(OSError, Refusal), self._root.opened(is_made=False) as root:
            directory = _open_directory(root, self._name)
            try:
                _empty(root, self._name, directory)
            finally:
                os.close(directory)
        os.close(self._lock)

    def _open_or_make(self, root: int) -> int:
        if self._name:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                return _open_directory(root, self._name)
        for _ in range(_ATTEMPTS):
            name = f".filebody-incoming-{secrets.token_hex(8)}"
            os.mkdir(name, 0o700, dir_fd=root)
            with contextlib.suppress(FileNotFoundError, BlockingIOError):
                return self._take(root, name)
        raise FilebodyError("another process keeps removing the receiver's temporary directories")

    def _take(self, root: int, name: str) -> int:
        # A receiver that starts at this moment may find the directory before it is locked and
        # remove it as stale. That shows in a lock file that is gone, or has no name any more.
        directory = _open_directory(root, name)
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            lock = os.open(_LOCK, flags, 0o600, dir_fd=directory)
            try:
                _try_lock(lock)
                if os.fstat(lock).st_nlink == 0:
                    raise FileNotFoundError(_LOCK)
            except BaseException:
                os.close(lock)
                raise
        except BaseException:
            os.close(directory)
            raise
        if self._lock >= 0:
            os.close(self._lock)
        self._name, self._lock = name, lock
        return directory


def make_temporary(directory: int) -> tuple[int, str]:
    """Make an empty file in an open directory; see `Staging.create`."""
    name = f"{secrets.token_hex(8)}.part"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, 0o666, dir_fd=directory), name


def has_name(directory: int, name: str, descriptor: int) -> bool:
    """Say whether an open file still has its name in a directory."""
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(descriptor))


def remove_stale(root: Root) -> list[str]:
    """Remove what receivers that no longer run have left in `root`.

    Only directories of our name, owned by us, whose lock can be had are touched, and in them only
    files of our name.

    Returns:
        The names of the directories that were removed.
    """
    with root.opened() as directory:
        names = [name for name in os.listdir(directory) if _NAME.fullmatch(name)]
        return [name for name in names if _remove(directory, name)]


def _remove(root: int, name: str) -> bool:
    try:
        directory = _open_directory(root, name)
    except OSError:
        return False
    try:
        if os.fstat(directory).st_uid != os.geteuid():
            return False
        try:
            flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            lock = os.open(_LOCK, flags, dir_fd=directory)
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
            with contextlib.suppress(FileNotFoundError):
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
