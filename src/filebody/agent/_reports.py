"""What a user is told of how far a body is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger
from twisted.web.iweb import UNKNOWN_LENGTH

from filebody.progress import Progress

__all__ = ["Reports"]

_log = Logger()

_PERIOD_SECONDS = 0.1


class Reports:
    """Reports on one body, some times a second and at its end.

    Args:
        reactor: Its timers.
        on_progress: The user's; an exception that it raises is logged.
        length: Of the body, in bytes, or `UNKNOWN_LENGTH`.
        sizes: Says how many bytes the wire has taken, and how many the peer has acknowledged.
    """

    __slots__ = (
        "_begun",
        "_is_open",
        "_last",
        "_length",
        "_next",
        "_on_progress",
        "_reactor",
        "_sizes",
    )

    def __init__(
        self,
        reactor: Any,
        on_progress: Callable[[Progress], object],
        length: int | str,
        sizes: Callable[[], tuple[int, int]],
    ) -> None:
        self._reactor = reactor
        self._on_progress = on_progress
        self._length = None if length is UNKNOWN_LENGTH else int(length)
        self._sizes = sizes
        self._begun = time.monotonic()
        self._last = 0.0
        self._next: Any = None
        self._is_open = True

    def moved(self) -> None:
        """The wire has taken something."""
        if self._is_open and time.monotonic() - self._last >= _PERIOD_SECONDS:
            self._report()
        else:
            self._later()

    def close(self) -> None:
        """This is how far it came: report that, and nothing after."""
        if self._is_open:
            self._is_open = False
            self._report()
            waiting, self._next = self._next, None
            if waiting is not None:
                waiting.cancel()

    def _report(self) -> None:
        now = self._last = time.monotonic()
        sent, acknowledged = self._sizes()
        try:
            self._on_progress(Progress(sent, self._length, now - self._begun, acknowledged))
        except Exception:  # noqa: BLE001 - the user's mistake must not damage the upload
            _log.failure("on_progress failed")
        if acknowledged < sent:
            self._later()

    def _later(self) -> None:
        """What the peer acknowledges makes no event, and the kernel may hold it for long."""
        if self._next is None and self._is_open:
            self._next = self._reactor.callLater(_PERIOD_SECONDS, self._come)

    def _come(self) -> None:
        self._next = None
        self._report()
