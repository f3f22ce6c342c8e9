"""A rename that replaces nothing, in one step, so that a watcher of the directory sees one event.

Source: renameat2(2), inotify(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["move_to_free_name"]

_RENAME_NOREPLACE: Final = 1
# Some file systems have no such flag, and older kernels or a sandbox no such call.
_NO_FLAG: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})


def _found() -> Callable[..., int] | None:
    try:
        renameat2: Any = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return None
    renameat2.argtypes = [
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_uint,
    ]
    renameat2.restype = ctypes.c_int
    found: Callable[..., int] = renameat2
    return found


_renameat2: Final = _found()


def move_to_free_name(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
    """Rename a file to a name that must be free, atomically.

    Where the system cannot do that, a hard link gets the name, and then the old name is removed.

    Raises:
        FileExistsError: The name is taken.
        OSError: As renameat2(2) or link(2).
    """
    if _renameat2 is not None:
        failed = _renameat2(
            src_dir_fd, os.fsencode(source), dst_dir_fd, os.fsencode(target), _RENAME_NOREPLACE
        )
        number = ctypes.get_errno()
        if not failed:
            return
        if number not in _NO_FLAG:
            raise OSError(number, os.strerror(number), target)
    os.link(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(source, dir_fd=src_dir_fd)
