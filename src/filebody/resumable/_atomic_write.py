"""Atomic replacement of small files: either the old content or the whole new one is there."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["replace_file"]


def replace_file(path: Path, content: bytes) -> None:
    """Write a file next to `path`, then rename it over `path`; nobody else may read it.

    A full disk, a quota, a limit on the size of files or a crash leave what was there before.

    Args:
        path: The file; the caller keeps other writers of it out.
        content: All of it.

    Raises:
        OSError: It cannot be written.
    """
    part = path.with_suffix(".part")
    # What a crash has left, or what others have put there: nothing of it is opened.
    part.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(part, flags, 0o600)
    try:
        try:
            _write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    _sync_directory(path.parent)


def _write_all(descriptor: int, content: bytes) -> None:
    """Write everything; a write may take less than it is given."""
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
