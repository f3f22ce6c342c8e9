"""One client's connection, from the client's side: bytes in, events on their way, and time.

Its phases are those of `_line.Phase`.

Only while the client is waited for does the idle timer run. While the disk is waited for, the
socket is not read, so a client that pipelines cannot fill the memory.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import h11
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from zope.interface import implementer

from filebody.receiver._line import ConnectionLine, Phase
from filebody.receiver._outbox import Outbox
from filebody.receiver._pace import SMALL_READ_BYTES, Pace
from filebody.receiver._refusal import Refusal

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from filebody.receiver._exchange import Route
    from filebody.receiver._site import Site

__all__ = ["Connection"]


_log = Logger()

# One connection's turn of the reactor: whoever sends many small things goes on in the next one.
_TURN_SECONDS: Final = 0.005

# Where all places are taken, a connection can be spared that took so long with a head or with
# taking a refusal, ...
_SLOW_SECONDS: Final = 1.0
# ... sent nothing of a body, or took nothing, for so long (_SLOW_SECONDS if there is no place even
# for a refusal), ...
_STALLED_SECONDS: Final = 5.0
# ... or was slower than this for longer than the idle timeout.
_SLOW_BYTES_PER_SECOND: Final = 1024

# A part of a head that counts for nothing.
_FREE_HEAD_BYTES: Final = 4096


@implementer(IHalfCloseableProtocol)
class Connection(ConnectionLine):
    """The protocol of one connection.

    Args:
        site: What the connections of a receiver share.
        route: Chooses the exchange for a request.
        is_surplus: Whether this one is more than the receiver serves: its request gets 503.
    """

    def __init__(self, site: Site, route: Route, *, is_surplus: bool = False) -> None:
        super().__init__(site, is_surplus=is_surplus)
        self._route = route
        self._advancing = False
        self._is_resting = False
        self._head_bytes = 0  # counted in the budget

    # --- called by the transport ---------------------------------------------------------------

    def connectionMade(self) -> None:
        """Begin to wait for a request."""
        address = self.transport.getPeer()
        host = f"[{address.host}]" if ":" in address.host else address.host
        self.peer = f"{host}:{address.port}"
        self.transport.setTcpNoDelay(True)
        self.pace = Pace(
            self.transport,
            self.site.clock,
            self.site.config.idle_timeout_seconds,
            is_tls=self.site.scheme == "https",
            on_late=self._timed_out,
        )
        self.pace.read_portions_of(SMALL_READ_BYTES)
        self._outbox = Outbox(self.transport, self.site.budget, self._paced)
        self.site.add(self)
        self.pace.expect_client()

    def dataReceived(self, data: bytes) -> None:
        """Take what the client sent."""
        self._moved_bytes += len(data)
        if self._phase is Phase.LINGERING:
            if self.pace.discard(len(data)):
                self.abort("the client sends on after its answer")
        elif self._phase not in {Phase.CLOSING, Phase.CLOSED}:
            if self._phase is Phase.HEAD and self._framing.is_silent:
                self.pace.expect_client()  # the time for a head begins with it
            self._framing.receive(data)
            self._advance()

    def readConnectionLost(self) -> None:
        """The client will send no more, and may still want its answer (IHalfCloseableProtocol)."""
        self.pace.is_read_ended = True
        if self._phase in {Phase.LINGERING, Phase.CLOSING, Phase.CLOSED}:
            self.transport.loseConnection()
        else:
            self._framing.receive(b"")
            self._advance()

    def writeConnectionLost(self) -> None:
        """Our own half-close is done (IHalfCloseableProtocol)."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, and with it an upload whose body was not whole."""
        self._phase = Phase.CLOSED
        self.pace.expect_nothing()
        self._outbox.drop()
        self._count_head(0)
        if self._is_leaving:
            self.site.leaving -= 1
        self.site.remove(self)
        self._lose_exchange(f"the connection was lost: {reason.getErrorMessage()}")

    # --- called by the receiver ----------------------------------------------------------------

    def shut_down(self) -> None:
        """Close if idle; else the answer under way is the last (`Site.is_closing`)."""
        if self._phase is Phase.HEAD:
            self._close()

    @property
    def spare_rank(self) -> tuple[int, float] | None:
        """How well this connection can be spared where all places are taken.

        As long as there is room, a slow client costs nothing. Without this, a few bytes a minute on
        each connection would keep all others out for ever.

        Returns:
            A class, where 0 is spared first and 4 only in need, and the seconds for which the
            client was silent; None where it cannot be spared.
        """
        if self._is_leaving or not (self.pace.is_waiting or self._phase is Phase.BODY):
            return None
        stalled, waited = self.pace.stalled_seconds, self.pace.waited_seconds
        idle_timeout = self.site.config.idle_timeout_seconds
        if self._phase is Phase.HEAD and self._framing.is_silent:
            return (0, stalled)
        if self._phase in {Phase.LINGERING, Phase.CLOSING}:
            return (1, waited) if waited > _SLOW_SECONDS else None
        if self._phase is Phase.HEAD:
            return (2, stalled) if stalled > _SLOW_SECONDS else None
        is_slow = waited > idle_timeout and self._moved_bytes < waited * _SLOW_BYTES_PER_SECOND
        if is_slow or stalled > min(_STALLED_SECONDS, idle_timeout):
            return (3, stalled)
        return (4, stalled) if stalled > _SLOW_SECONDS else None

    def give_way(self) -> None:
        """Leave, to make room for a client that finds every place taken."""
        self._leave()
        if self._phase is Phase.BODY or (self._phase is Phase.HEAD and self._framing.held_bytes):
            self._give_up("too slow, and others are waiting")
        else:
            self.abort("too slow, and others are waiting")

    # --- the way of an event -------------------------------------------------------------------

    def _advance(self) -> None:
        """Act on what has arrived, as far as it goes and a turn lasts."""
        if self._advancing:
            return  # the loop below goes on by itself: pipelined requests must not nest
        self._advancing = True
        end = time.monotonic() + _TURN_SECONDS
        try:
            while self._phase in {Phase.HEAD, Phase.BODY} and self._step():
                if time.monotonic() > end:
                    self._rest()
                    break
            self._check_head()
        except Exception:  # noqa: BLE001 - whatever it is, the connection must not stay
            _log.failure("filebody receiver: a connection failed")
            self.abort("the receiver failed; its log says more")
        finally:
            self._advancing = False

    def _rest(self) -> None:
        """Let other connections have their turn."""
        if not self._is_resting and self._phase in {Phase.HEAD, Phase.BODY}:
            self._is_resting = True
            self.pace.hold()
            self.site.clock.callLater(0, self._rested)

    def _rested(self) -> None:
        self._is_resting = False
        if self._phase in {Phase.HEAD, Phase.BODY}:
            if not self._is_full:
                self.pace.release()
            self._advance()

    def _check_head(self) -> None:
        """Count what is held of heads; close the connection if memory is short."""
        if self._phase is Phase.HEAD and not self._count_head(self._framing.held_bytes):
            self.refuse(_short_of_memory())

    def _count_head(self, size_bytes: int) -> bool:
        counted = max(0, size_bytes - _FREE_HEAD_BYTES)
        more = counted - self._head_bytes
        if more > 0 and not self.site.budget.take(more):
            return False
        if more < 0:
            self.site.budget.add(more)
        self._head_bytes = counted
        return True

    def _step(self) -> bool:
        """Act on one event; returns whether there may be another."""
        try:
            event = self._framing.next_event()
        except h11.RemoteProtocolError as error:
            self._protocol_error(error)
            return False
        exchange = self._exchange
        if isinstance(event, h11.Data) and exchange is not None:
            self._is_alive = True
            exchange.body_received(event.data)
        elif isinstance(event, h11.EndOfMessage) and exchange is not None:
            exchange.body_ended(list(event.headers))
        elif isinstance(event, h11.Request):
            self._head_received(event)
        elif isinstance(event, h11.ConnectionClosed):
            self._close()
        else:
            # NEED_DATA. In a body each byte of content is a sign of life; a head, the frame of a
            # chunk and a trailer section must be whole in time.
            if self._phase is Phase.BODY and self._is_alive and not self.pace.is_held:
                self._is_alive = False
                self.pace.expect_client()
            return False
        return True

    def _head_received(self, request: h11.Request) -> None:
        self.request = request
        self._replies.always.clear()
        self.began = self.site.clock.seconds()
        self._moved_bytes = 0
        self._is_alive = True
        self._phase = Phase.WORKING
        self.pace.expect_nothing()
        self.pace.waited_seconds = 0.0
        try:
            if self.is_surplus:
                raise _surplus()
            exchange = self._route(self, request)
        except Refusal as refusal:
            self.refuse(refusal)
            return
        self._exchange = exchange
        self.work()
        exchange.start(has_body=self._framing.has_body)

    def _protocol_error(self, error: h11.RemoteProtocolError) -> None:
        in_exchange = self._exchange is not None
        self._lose_exchange(str(error))
        self.refuse(Refusal(error.error_status_hint, str(error)), tell=not in_exchange)

    # --- ends and times ------------------------------------------------------------------------

    def _paced(self) -> None:
        """The client stopped to take what we send, or has taken a piece of it."""
        if self._phase in {Phase.WORKING, Phase.FLUSHING, Phase.CLOSING}:
            if self._outbox.is_empty and self._phase is Phase.WORKING:
                self.pace.expect_nothing()
            else:
                self.pace.expect_client()

    def _timed_out(self) -> None:
        try:
            self._give_up(f"nothing came for {self.site.config.idle_timeout_seconds:g} seconds")
        except Exception:  # noqa: BLE001 - whatever it is, the connection must not stay
            _log.failure("filebody receiver: a connection failed")
            self.abort("the receiver failed; its log says more")

    def _give_up(self, reason: str) -> None:
        """Wait no longer for the client."""
        if self._phase is Phase.BODY:
            self._lose_exchange(reason)
            self.refuse(Refusal(408, reason), tell=False)
        elif self._phase is Phase.HEAD and not self._framing.is_silent:
            self.refuse(Refusal(408, "the request head took too long"))
        elif self._phase is Phase.HEAD:
            self._close()
        else:
            self.abort("the client took nothing for too long")


def _surplus() -> Refusal:
    return Refusal(503, "too many connections; try again later", [("Retry-After", "5")])


def _short_of_memory() -> Refusal:
    return Refusal(503, "too much is under way here; try again later", [("Retry-After", "5")])
