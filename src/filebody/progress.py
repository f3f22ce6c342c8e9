"""How far a pass has come, and what follows from that."""

from __future__ import annotations

from collections.abc import Callable

import attrs

__all__ = ["Progress", "ProgressMeter"]


@attrs.frozen
class Progress:
    """How far a pass over a body has come.

    Attributes:
        sent_bytes: How many bytes were handed over to the consumer. It may still buffer them:
            they are not yet received by anybody.
        total_bytes: How many there will be in all, or None if that is unknown.
        elapsed_seconds: Since the pass was started.
        acknowledged_bytes: How many the peer's system has acknowledged, or None where that is not
            known: behind a transport that does not tell.
        confirmed_bytes: How many the server itself has confirmed that it keeps, whatever happens;
            None where it is not asked for that.
        resumed_bytes: How many it had already when this was started: they are in all other figures,
            and took no time.
    """

    sent_bytes: int
    total_bytes: int | None
    elapsed_seconds: float
    acknowledged_bytes: int | None = None
    confirmed_bytes: int | None = None
    resumed_bytes: int = 0

    @property
    def reached_bytes(self) -> int:
        """How far it is, as surely as can be told: what was acknowledged, else what was sent."""
        return self.sent_bytes if self.acknowledged_bytes is None else self.acknowledged_bytes

    @property
    def fraction(self) -> float | None:
        """The part of the total that was reached, from 0 to 1; None without a total."""
        if self.total_bytes is None:
            return None
        return self.reached_bytes / self.total_bytes if self.total_bytes else 1.0

    @property
    def rate_bytes_per_second(self) -> float | None:
        """The average since the start; None before any time has passed."""
        if self.elapsed_seconds <= 0:
            return None
        return max(0, self.reached_bytes - self.resumed_bytes) / self.elapsed_seconds

    @property
    def remaining_seconds(self) -> float | None:
        """How long the rest takes at the average rate; None if that cannot be told."""
        rate = self.rate_bytes_per_second
        if self.total_bytes is None or not rate:
            return None
        return (self.total_bytes - self.reached_bytes) / rate


class ProgressMeter:
    """Counts bytes against a clock.

    Args:
        total_bytes: How many there will be in all, or None.
        clock: Answers the time in seconds, from any origin; never goes back.
    """

    def __init__(self, total_bytes: int | None, clock: Callable[[], float]) -> None:
        self._total_bytes = total_bytes
        self._clock = clock
        self._started = clock()
        self._sent_bytes = 0

    def advance(self, count: int) -> Progress:
        """Add `count` bytes and say how far that is."""
        self._sent_bytes += count
        return Progress(self._sent_bytes, self._total_bytes, self._clock() - self._started)
