"""One timer for all that may be waited for on a connection, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Patience"]


class Patience:
    """Calls `expired` when what was last set has passed.

    Setting it is cheap: a timer in the reactor that would come too early is left where it is, and
    looks at the clock when it comes.

    Args:
        reactor: Its clock.
        expired: Called when the time is over. With `looks` it is called more often, for as long as
            it answers True.
    """

    __slots__ = ("_call", "_deadline", "_expired", "_period", "_reactor")

    def __init__(self, reactor: Any, expired: Callable[[], bool]) -> None:
        self._reactor = reactor
        self._expired = expired
        self._call: Any = None
        self._deadline: float | None = None
        self._period = 0.0

    def set(self, seconds: float | None, *, looks: int = 1) -> None:
        """Call `expired` `looks` times in each `seconds` from now; never, for None."""
        if seconds is None:
            self._deadline = None
            return
        self._period = seconds = seconds / looks
        now = self._reactor.seconds()
        self._deadline = now + seconds
        if self._call is None:
            self._call = self._reactor.callLater(seconds, self._came)
        elif self._call.getTime() > self._deadline:
            self._call.reset(seconds)

    def close(self) -> None:
        """Never expire again, leave nothing in the reactor, and let go of who is called."""
        self._deadline = None
        self._expired = _never
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _came(self) -> None:
        self._call = None
        if self._deadline is None:
            return
        left = self._deadline - self._reactor.seconds()
        if left > 0:
            self._call = self._reactor.callLater(left, self._came)
            return
        self._deadline = None
        period = self._period
        if self._expired() and self._deadline is None:
            self.set(period)


def _never() -> bool:
    return False
