"""When a connection's socket is read, how long its client is waited for, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime
    from twisted.internet.tcp import Server

__all__ = ["LARGE_READ_BYTES", "LEAST_READ_BYTES", "SMALL_READ_BYTES", "Pace"]

# One read of the socket. Bodies of known length go to the disk as they were read: large reads mean
# few steps. What h11 takes apart is read in smaller portions, for it may be many small chunks.
LARGE_READ_BYTES: Final = 256 * 1024
SMALL_READ_BYTES: Final = 64 * 1024
# Where memory is short.
LEAST_READ_BYTES: Final = 16 * 1024
# RFC 9112 section 9.6: after an early answer, read on for a while, so that the client sees the
# answer before it sees a reset.
_LINGER_SECONDS: Final = 10.0
_SHORT_LINGER_SECONDS: Final = 1.0  # where others wait for the place
_LINGER_BYTES: Final = 256 * 1024 * 1024


class Pace:
    """The reading side of one connection; only while the client is waited for, a timer runs.

    Args:
        transport: The connection's.
        clock: Where the timer is set.
        idle_seconds: How long the client may keep us waiting.
        is_tls: Whether the connection is one of TLS.
        on_late: Called when the client has taken too long.

    Attributes:
        is_held: Whether the socket is not read.
        is_read_ended: Whether the client will send no more; set by the connection.
    """

    def __init__(
        self,
        transport: Server,
        clock: IReactorTime,
        idle_seconds: float,
        *,
        is_tls: bool,
        on_late: Callable[[], None],
    ) -> None:
        self.is_held = False
        self.is_read_ended = False
        self._transport = transport
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._is_tls = is_tls
        self._on_late = on_late
        self._timer: IDelayedCall | None = None
        self._waited_seconds = 0.0  # without the wait under way
        self._waiting_since = 0.0
        self._heard = 0.0
        self._discarded_bytes = 0

    @property
    def is_waiting(self) -> bool:
        """Whether it is the client's turn."""
        return self._timer is not None

    @property
    def waited_seconds(self) -> float:
        """How long the client has been waited for, all in all; may be set anew."""
        under_way = self._clock.seconds() - self._waiting_since if self._timer is not None else 0.0
        return self._waited_seconds + under_way

    @waited_seconds.setter
    def waited_seconds(self, seconds: float) -> None:
        self._waited_seconds = seconds
        self._waiting_since = self._clock.seconds()

    @property
    def stalled_seconds(self) -> float:
        """How long the client has been waited for without a sign of it."""
        return self._clock.seconds() - self._heard if self._timer is not None else 0.0

    def expect_client(self) -> None:
        """Begin, or begin anew, to wait for the client."""
        self._wait(self._idle_seconds)

    def expect_nothing(self) -> None:
        """Wait for ourselves: the client cannot be late."""
        if self._timer is not None:
            self._waited_seconds = self.waited_seconds
            self._timer.cancel()
            self._timer = None

    def hold(self) -> None:
        """Stop reading: we are the ones who are slow."""
        self.is_held = True
        self.expect_nothing()
        self._transport.pauseProducing()

    def release(self) -> None:
        """Read again: it is the client's turn."""
        self.is_held = False
        self.expect_client()
        if not self.is_read_ended:
            self._transport.resumeProducing()

    def read_portions_of(self, size_bytes: int) -> None:
        """Set how much a read of the socket takes, and the transport holds unsent, at most."""
        # The attribute of twisted.internet.abstract.FileDescriptor, below TLS if there is TLS.
        getattr(self._transport, "transport", self._transport).bufferSize = size_bytes

    def close(self) -> None:
        """End when what was written is sent."""
        self.release()  # TLS ends when both sides have said so; and only for so long
        self._transport.loseConnection()

    def linger(self, *, briefly: bool) -> None:
        """End when the client has seen what was written, or after a while."""
        self.release()
        self._wait(_SHORT_LINGER_SECONDS if briefly else _LINGER_SECONDS)
        if self.is_read_ended or self._is_tls:
            # In TLS this is a half-close: the alert goes out, and reading goes on.
            self._transport.loseConnection()
        else:
            self._transport.loseWriteConnection()

    def discard(self, size_bytes: int) -> bool:
        """Take note of what came while lingering; returns whether that is too much."""
        self._discarded_bytes += size_bytes
        return self._discarded_bytes > _LINGER_BYTES

    def _wait(self, seconds: float) -> None:
        self._heard = self._clock.seconds()
        if self._timer is not None:
            self._timer.reset(seconds)
        else:
            self._waiting_since = self._clock.seconds()
            self._timer = self._clock.callLater(seconds, self._late)

    def _late(self) -> None:
        self._timer = None
        self._on_late()
