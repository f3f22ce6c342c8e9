"""Keeps two receivers of one directory from writing to the same upload."""

from __future__ import annotations

import fcntl

from filebody.receiver._refusal import Refusal

__all__ = ["exclude_others"]


def exclude_others(descriptor: int) -> None:
    """Lock an open file until it is closed; the kernel unlocks it when a receiver is killed.

    Raises:
        Refusal: 503 where another receiver has it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Refusal(
            503, "another receiver is at this upload; try again later", [("Retry-After", "1")]
        ) from error
    except OSError:
        return  # there are no locks on this file system
