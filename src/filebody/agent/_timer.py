"""Timers that may not be there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall

__all__ = ["start", "stop"]


def start(
    reactor: Any, seconds: float | None, too_late: Callable[[float], None]
) -> IDelayedCall | None:
    """Have `too_late` called with `seconds` when they are over; None is for ever."""
    if seconds is None:
        return None
    timer: IDelayedCall = reactor.callLater(max(0, seconds), too_late, seconds)
    return timer


def stop(timer: IDelayedCall | None) -> None:
    """Let it not fire, if it has not yet."""
    if timer is not None and timer.active():
        timer.cancel()
