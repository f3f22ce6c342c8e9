"""How much all uploads together may have in memory on their way to the disk."""

from __future__ import annotations

from typing import Final

import attrs

__all__ = ["Backlog"]

_LIMIT_BYTES: Final = 64 * 1024 * 1024


@attrs.define
class Backlog:
    """Counts what has been read from sockets and not been written.

    Where the disk stands still, every upload would fill a queue of its own, and a thousand of them
    the memory. From the limit on an upload queues no more than one read of its socket.

    Attributes:
        limit_bytes: From where on uploads are held back.
        held_bytes: How much there is.
    """

    limit_bytes: int = _LIMIT_BYTES
    held_bytes: int = 0

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached."""
        return self.held_bytes >= self.limit_bytes
