"""One client's connection, from the client's side: bytes in, events on their way, and time.

Its phases are those of `_line.Phase`.

Only while the client is waited for does the idle timer run. While the disk is waited for, the
socket is not read, so a client that pipelines cannot fill the memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import h11
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import connectionDone
from zope.interface import implementer

from filebody.receiver._line import ConnectionLine, Phase
from filebody.receiver._pace import Pace
from filebody.receiver._refusal import Refusal

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from filebody.receiver._exchange import Route
    from filebody.receiver._site import Site

__all__ = ["Connection"]


# Where all places are taken, who is waited for gives up a place: at once if nothing is under way,
# or after the idle timeout if less than this came or went in a second.
_IDLE_SECONDS: Final = 1.0
_SLOW_BYTES_PER_SECOND: Final = 1024


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
        self.site.add(self)
        self.pace.expect_client()

    def dataReceived(self, data: bytes) -> None:
        """Take what the client sent."""
        self._moved_bytes += len(data)
        if self._phase is Phase.LINGERING:
            self.pace.discard(len(data))
        elif self._phase not in {Phase.CLOSING, Phase.CLOSED}:
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
        self._lose_exchange(f"the connection was lost: {reason.getErrorMessage()}")
        self.site.remove(self)

    # --- called by the receiver ----------------------------------------------------------------

    def shut_down(self) -> None:
        """Close if idle; else the answer under way is the last (`Site.is_closing`)."""
        if self._phase is Phase.HEAD:
            self._close()

    def give_way(self) -> bool:
        """Make room for a client that finds every place taken.

        Without this a few bytes a minute on each connection would keep all others out for ever; as
        long as there is room, nobody minds who is slow.

        Returns:
            Whether there is room now.
        """
        waited = self.pace.waited_seconds
        if self._phase is Phase.HEAD:
            is_late = waited > _IDLE_SECONDS
        else:
            is_late = (
                (
                    self._phase is Phase.BODY
                    or (self._phase is Phase.WORKING and self.pace.is_waiting)
                )
                and waited > self.site.config.idle_timeout_seconds
                and self._moved_bytes < waited * _SLOW_BYTES_PER_SECOND
            )
        if is_late:
            self._give_up("too slow, and others are waiting")
        return is_late

    # --- the way of an event -------------------------------------------------------------------

    def _advance(self) -> None:
        """Act on what has arrived, as far as it goes."""
        if self._advancing:
            return  # the loop below goes on by itself: pipelined requests must not nest
        self._advancing = True
        try:
            while self._phase in {Phase.HEAD, Phase.BODY} and self._step():
                pass
        finally:
            self._advancing = False

    def _step(self) -> bool:
        """Act on one event; returns whether there may be another."""
        try:
            event = self._framing.next_event()
        except h11.RemoteProtocolError as error:
            self._protocol_error(error)
            return False
        exchange = self._exchange
        if isinstance(event, h11.Data) and exchange is not None:
            exchange.body_received(event.data)
        elif isinstance(event, h11.EndOfMessage) and exchange is not None:
            exchange.body_ended(list(event.headers))
        elif isinstance(event, h11.Request):
            self._head_received(event)
        elif isinstance(event, h11.ConnectionClosed):
            self._close()
        else:
            # NEED_DATA. In a body every byte is a sign of life; a head must be whole in time.
            if self._phase is Phase.BODY and not self.pace.is_held:
                self.pace.expect_client()
            return False
        return True

    def _head_received(self, request: h11.Request) -> None:
        self.request = request
        self._replies.always.clear()
        self.began = self.site.clock.seconds()
        self._moved_bytes = 0
        self._phase = Phase.WORKING
        self.pace.expect_nothing()
        self.pace.waited_seconds = 0.0
        if not self._framing.has_body:
            self._framing.next_event()  # its EndOfMessage: the answer may keep the connection
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

    def _timed_out(self) -> None:
        self._give_up(f"nothing came for {self.site.config.idle_timeout_seconds:g} seconds")

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
