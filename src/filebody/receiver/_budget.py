"""One budget over all memory that clients can make the receiver hold.

Request heads, queues on their way to the disk, decoders, and responses that clients do not take all
count. Each kind may use the budget up to a share of it, so none keeps another from being served:

    queues      half: beyond it an upload holds no more than one read of its socket
    decoders    three quarters: beyond it another one is refused with 503
    responses   all of it: a page that has no room is refused with 503
    heads       all of it: a connection whose head has no room is closed

A connection itself, and the small pieces that each may hold, are bounded by their number.
"""

from __future__ import annotations

import threading
from typing import Final

import attrs

__all__ = ["DECODER_SHARE", "DEFAULT_BYTES", "Budget"]

DEFAULT_BYTES: Final = 128 * 1024 * 1024
_QUEUE_SHARE: Final = 0.5
DECODER_SHARE: Final = 0.75


@attrs.define
class Budget:
    """A count of memory in use, against a limit. Threads may share it.

    Attributes:
        limit_bytes: How much there may be.
        held_bytes: How much there is.
    """

    limit_bytes: int = DEFAULT_BYTES
    held_bytes: int = 0
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    @property
    def is_full(self) -> bool:
        """Whether queues are held back."""
        return self.held_bytes >= self.limit_bytes * _QUEUE_SHARE

    def add(self, size_bytes: int) -> None:
        """Count memory that is there already; less of it where negative."""
        with self._lock:
            self.held_bytes += size_bytes

    def take(self, size_bytes: int, *, share: float = 1.0) -> bool:
        """Count memory before it is used.

        Args:
            size_bytes: How much.
            share: Which part of the limit is there for it.

        Returns:
            Whether there is room. If not, nothing was counted.
        """
        with self._lock:
            if self.held_bytes + size_bytes > self.limit_bytes * share:
                return False
            self.held_bytes += size_bytes
            return True
