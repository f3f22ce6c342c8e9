"""Responses on their way to the socket: at most one piece at a time is handed to the transport.

The transport's own buffer has no limit. Here what the client has not taken is known, counted, and
waited for: the next request is read only when the last response is out.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.tcp import Server

    from filebody.receiver._budget import Budget

__all__ = ["Outbox"]

_PIECE_BYTES: Final = 64 * 1024


@implementer(IPushProducer)
class Outbox:
    """The writing side of one connection; its transport's producer until `finish`.

    Args:
        transport: The connection's.
        budget: Counts what waits for the client, here and in the transport.
        on_pace: Called when the client does not keep up, and each time when it has taken a piece.
    """

    def __init__(self, transport: Server, budget: Budget, on_pace: Callable[[], None]) -> None:
        self._transport = transport
        self._budget = budget
        self._on_pace = on_pace
        self._pieces: deque[bytes] = deque()
        self._counted_bytes = 0
        self._source: IPushProducer | None = None
        self._is_paused = False
        self._is_open = True
        self._when_empty: Callable[[], None] | None = None
        transport.registerProducer(self, True)

    @property
    def is_empty(self) -> bool:
        """Whether more can be written without a wait for the client."""
        return not self._is_paused and not self._pieces

    def write(self, data: bytes) -> None:
        """Send bytes after those before; nothing once the connection is lost."""
        if not self._is_open:
            return
        if len(data) <= _PIECE_BYTES:
            self._pieces.append(data)
        else:
            for start in range(0, len(data), _PIECE_BYTES):
                self._pieces.append(data[start : start + _PIECE_BYTES])
        self._count(len(data))
        self._push()

    def call_when_empty(self, call: Callable[[], None]) -> None:
        """Call once, now or later, when the client has taken what was written."""
        if self.is_empty:
            call()
        else:
            self._when_empty = call

    def attach(self, source: IPushProducer) -> None:
        """Let the client's pace be that of a source, until `detach`."""
        self._source = source

    def detach(self) -> None:
        """End that."""
        self._source = None

    def finish(self) -> None:
        """Leave the transport, so that it can be closed; call this when empty."""
        if self._is_open:
            self._is_open = False
            self._transport.unregisterProducer()

    def drop(self) -> None:
        """Forget what was not sent: the connection is lost."""
        self._is_open = False
        self._source = self._when_empty = None
        self._pieces.clear()
        self._count(-self._counted_bytes)

    # --- called by the transport (IPushProducer) -----------------------------------------------

    def pauseProducing(self) -> None:
        """The client does not keep up."""
        self._is_paused = True
        if self._source is not None:
            self._source.pauseProducing()
        self._on_pace()

    def resumeProducing(self) -> None:
        """The client has taken what the transport had."""
        if not self._is_paused or not self._is_open:
            return
        self._is_paused = False
        self._push()
        self._on_pace()
        if self.is_empty and self._source is not None:
            self._source.resumeProducing()
        call = self._when_empty
        if self.is_empty and call is not None:
            self._when_empty = None
            call()

    def stopProducing(self) -> None:
        """The connection is lost; it drops this object itself."""

    def _push(self) -> None:
        while self._pieces and not self._is_paused and self._is_open:
            self._transport.write(self._pieces.popleft())
        if not self._is_paused:
            self._count(-self._counted_bytes)  # what is in the transport is little

    def _count(self, size_bytes: int) -> None:
        self._counted_bytes += size_bytes
        self._budget.add(size_bytes)
