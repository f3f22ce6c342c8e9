"""Status codes for errors of the operating system: clients repeat only what may pass.

Source: RFC 9110 section 15, RFC 4918 section 11.5 (507).
"""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING, Final

from filebody.receiver._refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filebody.receiver._names import Name

__all__ = ["refusal_of", "translated"]

_BUSY: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EBUSY, errno.ETXTBSY}
    | {errno.ENOENT, errno.ESTALE}  # a directory was removed at this moment; the next try makes it
)
# A file that is too large for the file system, or for the receiver's own limit, stays so.
_STATUSES: Final = {
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), 403),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ), 400),
    **dict.fromkeys((errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EXDEV), 409),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EMLINK), 507),
    **dict.fromkeys(_BUSY, 503),
    errno.EFBIG: 413,
}
_RETRY: Final = (("Retry-After", "5"),)


def refusal_of(error: OSError, shown: str, task: str = "stored") -> Refusal:
    """Say to a client what the operating system says.

    Args:
        error: What it says.
        shown: The name of the file; empty for none.
        task: The task that failed.
    """
    status = _STATUSES.get(error.errno or 0, 500)
    what = shown or "the upload"
    if error.errno in {errno.ENOTDIR, errno.ELOOP}:
        return Refusal(status, f"a directory on the way to {what} is a file or a link")
    if error.errno == errno.EISDIR:
        return Refusal(status, f"{what} is a directory")
    if error.errno == errno.EXDEV:
        return Refusal(
            status,
            f"{what} would be on another file system than the receiver's directory: "
            "that needs a receiver of its own",
        )
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return Refusal(status, "too many files are open; try again later", _RETRY)
    said = error.strerror or str(error)
    return Refusal(status, f"{what} cannot be {task}: {said}", _RETRY if status == 503 else ())


@contextlib.contextmanager
def translated(name: Name) -> Iterator[None]:
    """Turn what the operating system says into what the client is told."""
    try:
        yield
    except OSError as error:
        raise refusal_of(error, "/".join(name)) from error
