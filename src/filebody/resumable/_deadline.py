"""The limit on an upload without progress, while a request is under way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from filebody.agent import ExchangeListener, Moment

__all__ = ["Began", "Deadline"]


class Deadline:
    """Calls `late` when nothing more has arrived for too long.

    It counts while a request is under way, from the moment when its head is sent: what waits for a
    connection is not late. Nor is the peer while it has all that was sent, and the source has not
    given more.

    Args:
        reactor: Its timers; its clock is monotonic.
        seconds: How long nothing may arrive; 0 for any time.
        late: Called once for each `begin`, at most.
    """

    __slots__ = (
        "_acknowledged",
        "_is_out",
        "_late",
        "_moved_at",
        "_reactor",
        "_seconds",
        "_sent",
        "_timer",
    )

    def __init__(self, reactor: Any, seconds: float, late: Callable[[], None]) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._late = late
        self._sent = self._acknowledged = 0
        self._is_out = True
        self._moved_at = time.monotonic()
        self._timer: Any = None

    def begin(self, failing_since: float | None, *, has_body: bool) -> None:
        """The head is sent: count from now, or from the first failure since the last progress."""
        self.end()
        self._sent = self._acknowledged = 0
        self._is_out = not has_body
        if failing_since is None:
            self.touch()
        if self._seconds > 0:
            left = max(0.0, self._moved_at + self._seconds - time.monotonic())
            self._timer = self._reactor.callLater(left, self._look)

    def progressed(self, sent: int, acknowledged: int) -> None:
        """So many bytes of the body were sent, and acknowledged by the peer."""
        if acknowledged > self._acknowledged:
            self.touch()
        self._sent, self._acknowledged = sent, acknowledged

    def body_sent(self) -> None:
        """All of the body was sent."""
        self._is_out = True

    def touch(self) -> None:
        """Count from now."""
        self._moved_at = time.monotonic()

    def end(self) -> None:
        """Count no more."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _look(self) -> None:
        self._timer = None
        if self._acknowledged >= self._sent and not self._is_out:
            self.touch()
        left = self._moved_at + self._seconds - time.monotonic()
        if left > 0:
            self._timer = self._reactor.callLater(left, self._look)
        else:
            self._late()


class Began(ExchangeListener):
    """Tells when a head and a body are sent, and passes everything on to a caller's listener.

    Args:
        head_sent: Called when a head is sent.
        body_sent: Called when a body is.
        listener: The caller's, or None.
    """

    def __init__(
        self,
        head_sent: Callable[[], None],
        body_sent: Callable[[], None],
        listener: ExchangeListener | None,
    ) -> None:
        self._head_sent = head_sent
        self._body_sent = body_sent
        self._listener = listener or ExchangeListener()

    def connected(self, moment: Moment, peer: str, *, reused: bool) -> None:
        """See `ExchangeListener`, and so for the others."""
        self._listener.connected(moment, peer, reused=reused)

    def secured(self, moment: Moment, version: str, cipher: str) -> None:
        self._listener.secured(moment, version, cipher)

    def request_sent(self, moment: Moment, head: bytes) -> None:
        self._head_sent()
        self._listener.request_sent(moment, head)

    def informational(self, moment: Moment, status: int) -> None:
        self._listener.informational(moment, status)

    def body_sent(self, moment: Moment, sent_bytes: int) -> None:
        self._body_sent()
        self._listener.body_sent(moment, sent_bytes)

    def first_byte(self, moment: Moment, status: int) -> None:
        self._listener.first_byte(moment, status)

    def ended(self, moment: Moment, error: Exception | None) -> None:
        self._listener.ended(moment, error)
