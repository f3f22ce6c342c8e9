"""How fast: a limit that many uploads share fairly and that can be changed while they run."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["RateLimit"]


class RateLimit:
    """So many bytes per second, in all, for everything that has it.

    Args:
        bytes_per_second: More than 0; None for no limit.
    """

    def __init__(self, bytes_per_second: float | None) -> None:
        self.bytes_per_second = bytes_per_second

    def take(self, wanted: int) -> int:
        """How many of `wanted` bytes may be sent now; they count as sent."""
        return wanted

    def give_back(self, count: int) -> None:
        """So many of the bytes that were taken were not sent after all."""

    def wait(self, ready: Callable[[], None]) -> Callable[[], None]:
        """Call `ready` when it is its turn to `take`; returns what takes it out of the line."""
        ready()
        return lambda: None
