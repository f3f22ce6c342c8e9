"""Storage of unfinished uploads: a directory with one small file for each."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from filebody.body import open_regular
from filebody.resumable._atomic_write import replace_file
from filebody.resumable._checkpoint import Checkpoint, upload_id
from filebody.resumable._lock import FileLock
from filebody.wire import parse_target

__all__ = ["Checkpoints", "default_directory"]

# A thousand parts take less than a MiB.
_LARGEST_BYTES = 1 << 22
_NONSENSE = (
    *(ValueError, KeyError, TypeError, AttributeError, IndexError),
    *(OverflowError, RecursionError),
)


def default_directory() -> Path:
    """Where programs keep what they need over restarts.

    Source: XDG Base Directory Specification, XDG_STATE_HOME.
    """
    told = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(told):
        return Path(told) / "filebody" / "uploads"
    try:
        home = Path.home()
    except RuntimeError:  # a user without a name, as in a container: it is what POSIX takes then
        home = Path("/")
    return home / ".local" / "state" / "filebody" / "uploads"


class Checkpoints:
    """A directory of checkpoints. Every method may block on the disk.

    A file there tells who can read it where an upload can be gone on with, so that nobody else
    can read it; it has no password and none of the fields that were sent. A directory that other
    users can write to is refused with an `OSError`: they could say what is sent where.

    Args:
        directory: Where; made when the first one is written. See `default_directory`.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self.directory = default_directory() if directory is None else Path(directory)

    def all(self) -> Sequence[Checkpoint]:
        """All that can be read, the oldest first.

        Raises:
            OSError: The directory cannot be read, or others can write to it.
        """
        found = [self._read(path) for path in self._paths()]
        whole = [checkpoint for checkpoint in found if checkpoint is not None]
        return sorted(whole, key=lambda one: (one.created_at, one.id))

    def damaged(self) -> Sequence[Path]:
        """The files that should be checkpoints, and are not.

        Raises:
            OSError: See `all`.
        """
        return [path for path in sorted(self._paths()) if self._read(path) is None]

    def load(self, name: str) -> Checkpoint | None:
        """The checkpoint of that name; None if there is none, or one that makes no sense.

        Raises:
            OSError: See `all`.
        """
        path = self._path(name)
        return self._read(path) if self._is_there() else None

    def is_damaged(self, name: str) -> bool:
        """Whether there is something in the place of the checkpoint, but no checkpoint.

        Raises:
            OSError: See `all`.
        """
        path = self._path(name)
        return self._is_there() and os.path.lexists(path) and self._read(path) is None

    def find(self, source: str | os.PathLike[str], url: str) -> Checkpoint | None:
        """The checkpoint of a file that goes to a URL, if there is one.

        Raises:
            UsageError: That is no URL.
            OSError: See `all`.
        """
        name = upload_id(os.path.realpath(os.fspath(source)), parse_target(url).url)
        return self.load(name)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write it so that either this or what was there before survives a crash or a full disk.

        Raises:
            OSError: It cannot be written.
        """
        self._make_directory()
        content = json.dumps(checkpoint.to_json(), indent=1).encode("ascii")
        replace_file(self._path(checkpoint.id), content)

    def remove(self, name: str) -> None:
        """Forget it; one that is not there is no error."""
        path = self._path(name)
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.with_suffix(".part").unlink(missing_ok=True)

    def lock(self, name: str) -> FileLock:
        """A lock for whoever works on that upload; not yet held."""
        self._make_directory()
        return FileLock(self._path(name).with_suffix(".lock"))

    def is_held(self, name: str) -> bool:
        """Whether a process works on that upload."""
        # Without its file nobody has the lock, and who begins now is not kept out by a look.
        path = self._path(name).with_suffix(".lock")
        if not path.exists():
            return False
        try:
            lock = FileLock(path)
            is_free = lock.acquire()
        except OSError:
            return False
        lock.release()
        return not is_free

    def _path(self, name: str) -> Path:
        if not name.isalnum():
            raise ValueError(f"{name!r} is not the name of an upload")
        return self.directory / f"{name}.json"

    def _paths(self) -> Sequence[Path]:
        if not self._is_there():
            return []
        names = [name for name in os.listdir(self.directory) if name.endswith(".json")]
        stems = [name.removesuffix(".json") for name in names]
        return [self._path(stem) for stem in stems if stem.isalnum()]

    def _read(self, path: Path) -> Checkpoint | None:
        """Read what is there, whatever it is; None if it is no checkpoint, or not of that name."""
        try:
            descriptor = open_regular(path, follow=False)
        except (OSError, ValueError):
            return None
        try:
            with open(descriptor, "rb") as file:
                content = file.read(_LARGEST_BYTES + 1)
            if len(content) > _LARGEST_BYTES:
                return None
            checkpoint = Checkpoint.from_json(json.loads(content))
        except (OSError, *_NONSENSE):
            return None
        return checkpoint if checkpoint.id == path.stem else None

    def _make_directory(self) -> None:
        self.directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.mkdir(mode=0o700, exist_ok=True)
        self._is_there()

    def _is_there(self) -> bool:
        """Whether there is a directory; one that others can write to is not trusted."""
        try:
            status = os.stat(self.directory)
        except FileNotFoundError:
            return False
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "it is not a directory", str(self.directory))
        why = ""
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            why = "other users can write to it: chmod go-w"
        elif status.st_uid not in {os.geteuid(), 0}:
            why = "it belongs to another user: set XDG_STATE_HOME to a directory of your own"
        if why:
            raise PermissionError(errno.EPERM, why, str(self.directory))
        return True
