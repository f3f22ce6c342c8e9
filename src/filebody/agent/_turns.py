"""Who may use the reactor's time, and for how long: a thousand uploads share it fairly.

A reactor hands out all ready sockets before it looks at its timers again. With thousands of them
that can take seconds. So whatever a connection does, it does in a turn; once the turns of one
round have used up their budget the others stand in line, and go on in the reactor's next rounds.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

__all__ = ["SLICE_SECONDS", "Turns"]

# How long one turn may last, and all turns of a round together.
SLICE_SECONDS = 0.001
_ROUND_SECONDS = 0.003


class Turns:
    """The turns of all connections of an agent.

    Args:
        reactor: Its timers begin the next round.
    """

    __slots__ = ("_is_running", "_is_scheduled", "_line", "_reactor", "_used_seconds")

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._line: deque[Callable[[], None]] = deque()
        self._used_seconds = 0.0
        self._is_scheduled = False
        self._is_running = False

    @property
    def has_time(self) -> bool:
        """Whether there is time for a turn now."""
        return not self._line and self._used_seconds < _ROUND_SECONDS

    def take(self, turn: Callable[[], None]) -> bool:
        """Run `turn` now if there is time for it, else when its time has come.

        Returns:
            Whether it ran.
        """
        if self._line or self._used_seconds >= _ROUND_SECONDS:
            self._line.append(turn)
            self._schedule()
            return False
        self._run(turn)
        return True

    def come(self) -> Deferred[None]:
        """Fires in one of the next rounds, in a turn."""
        come: Deferred[None] = Deferred()
        self.later(lambda: None if come.called else come.callback(None))
        return come

    def later(self, turn: Callable[[], None]) -> None:
        """Run `turn` in one of the next rounds."""
        self._line.append(turn)
        self._schedule()

    def _run(self, turn: Callable[[], None]) -> None:
        if self._is_running:  # within another turn, whose time it is
            turn()
            return
        self._is_running = True
        begun = time.monotonic()
        try:
            turn()
        finally:
            self._is_running = False
            self._used_seconds += time.monotonic() - begun

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._reactor.callLater(0, self._serve)

    def _serve(self) -> None:
        self._is_scheduled = False
        self._used_seconds = 0.0
        try:
            while self._line and self._used_seconds < _ROUND_SECONDS:
                self._run(self._line.popleft())
        finally:
            if self._line:
                self._schedule()
