"""Whether a peer still takes what is sent to it."""

from __future__ import annotations

__all__ = ["LOOKS", "StallWatch"]

# A look at what the peer has acknowledged is a system call: so many in the time of a stall.
LOOKS = 4


class StallWatch:
    """Remembers when the peer last acknowledged something, from one look to the next."""

    __slots__ = ("_acknowledged", "_moved_at")

    def __init__(self) -> None:
        self._acknowledged = -1
        self._moved_at = 0.0

    def begin(self, now: float) -> None:
        """From now on it can stall; `now` is in seconds of some clock."""
        self._moved_at = now

    def is_stalled(self, now: float, *, acknowledged: int, has_all: bool, seconds: float) -> bool:
        """Take a look.

        Args:
            now: In seconds of the same clock.
            acknowledged: How many bytes the peer has acknowledged so far.
            has_all: Whether those are all that there were to send: it waits for us.
            seconds: How long nothing may move; `LOOKS` looks are taken in that time.
        """
        if has_all or acknowledged > self._acknowledged:
            self._acknowledged = acknowledged
            self._moved_at = now
            return False
        return now - self._moved_at >= seconds * (1 - 1 / LOOKS)
