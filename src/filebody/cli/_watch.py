"""When an exchange has taken too long; pure, it is told the time."""

from __future__ import annotations

import enum

import attrs

__all__ = ["Limits", "Phase", "Sight", "Watch"]


@attrs.frozen(kw_only=True)
class Limits:
    """How long what may take, in seconds; None for as long as it likes.

    Attributes:
        connect_seconds: Finding the host's address and connecting to it.
        stall_seconds: The connection takes nothing although there is something to take.
        response_seconds: From the last byte of the body to the end of the answer.
        total_seconds: All of it.
    """

    connect_seconds: float | None = 30.0
    stall_seconds: float | None = 60.0
    response_seconds: float | None = 300.0
    total_seconds: float | None = None

    @property
    def look_seconds(self) -> float:
        """How often to look so that the shortest limit is kept to a fifth or so."""
        given = [
            limit
            for limit in (
                self.connect_seconds,
                self.stall_seconds,
                self.response_seconds,
                self.total_seconds,
            )
            if limit is not None
        ]
        return min(0.1, max(0.01, min(given, default=1.0) / 5))


class Phase(enum.Enum):
    """How far an exchange has come."""

    CONNECTING = enum.auto()
    SENDING = enum.auto()
    WAITING = enum.auto()


@attrs.frozen
class Sight:
    """What a look at an exchange shows.

    Attributes:
        phase: How far it has come.
        taken_bytes: How much the other end has acknowledged.
        is_held: Whether the connection has something that it could take.
    """

    phase: Phase
    taken_bytes: int
    is_held: bool


class Watch:
    """Compares what it is shown with the limits.

    Args:
        limits: The limits.
        now: The time at the beginning, in seconds from any origin.
    """

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._started = now
        self._changed = now
        self._last: tuple[Phase, int] = (Phase.CONNECTING, 0)

    def look(self, now: float, sight: Sight) -> str | None:
        """Say which limit has passed, in words; None if none has."""
        mark = (sight.phase, sight.taken_bytes)
        # A source that is slow, such as somebody who types, does not make the connection stall.
        if mark != self._last or (sight.phase is Phase.SENDING and not sight.is_held):
            self._last = mark
            self._changed = now
        limits = self._limits
        if limits.total_seconds is not None and now - self._started >= limits.total_seconds:
            return f"not done within {limits.total_seconds:g} s (--max-time)"
        limit, words = {
            Phase.CONNECTING: (limits.connect_seconds, "no connection within {:g} s"),
            Phase.SENDING: (limits.stall_seconds, "the server took nothing for {:g} s"),
            Phase.WAITING: (limits.response_seconds, "no answer within {:g} s of the last byte"),
        }[sight.phase]
        if limit is not None and now - self._changed >= limit:
            return words.format(limit)
        return None
