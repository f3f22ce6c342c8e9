"""From a route to a socket on which requests can be sent."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from filebody.agent._options import Timeouts
from filebody.agent._proxy import Proxy
from filebody.agent._race import race
from filebody.agent._socks import socks
from filebody.agent._tls import default_context, handshake
from filebody.agent._tunnel import tunnel
from filebody.agent._turns import Turns
from filebody.agent._unix import connect_unix
from filebody.errors import ConnectError, ConnectTimeout, ProxyError
from filebody.wire import Origin

__all__ = ["Route", "connect"]

_T = TypeVar("_T")


@attrs.frozen(eq=False)
class Route:
    """Two requests with the same route, the same object, can use the same connection.

    Attributes:
        origin: Where to.
        proxy: By way of this, or None.
        unix_socket: The path of the socket to connect to in place of the host, or None; then
            there is no proxy.
        bind_address: The address of this machine to connect from, or None.
    """

    origin: Origin
    proxy: Proxy | None = None
    unix_socket: str | None = None
    bind_address: str | None = None


def connect(
    reactor: Any,
    route: Route,
    *,
    tls: ssl.SSLContext | None,
    timeouts: Timeouts,
    url: str,
    connected: Callable[[str], object],
    secured: Callable[[str, str], object],
    turns: Turns | None = None,
) -> Deferred[socket.socket]:
    """Go a route: connect, through the proxy if there is one, and put TLS on it for https.

    Args:
        reactor: Any that has `IReactorFDSet`, `IReactorTime` and `IReactorPluggableNameResolver`.
        route: Where, and how.
        tls: Whom to trust; None is for `default_context`, which takes time to make.
        timeouts: `connect_seconds` are for everything but TLS, `tls_seconds` for that.
        url: What it is for, for errors.
        connected: Called with the peer, an address and port or a path, when there is a connection;
            the peer is the proxy if there is one.
        secured: Called with the version of TLS and the cipher.
        turns: For the handshakes of TLS; see `handshake`.

    Returns:
        Fires with a non-blocking socket that the reactor does not know, an `ssl.SSLSocket` for
        https. Fails with the errors of `race`, `connect_unix`, `tunnel` and `handshake`; where the
        proxy cannot be connected to that is a `ProxyError`. What `connected` and `secured` raise
        fails it too. It may have fired already. Cancelled, also by what it calls, it closes every
        socket and leaves nothing in the reactor.
    """
    return _Connecting(reactor, route, tls, timeouts, url, connected, secured, turns).begin()


class _Connecting:
    """Step after step, each of which cleans up behind itself."""

    __slots__ = (
        "_begun",
        "_connected",
        "_deferred",
        "_is_over",
        "_reactor",
        "_route",
        "_secured",
        "_socket",
        "_step",
        "_timeouts",
        "_tls",
        "_turns",
        "_url",
    )

    def __init__(
        self,
        reactor: Any,
        route: Route,
        tls: ssl.SSLContext | None,
        timeouts: Timeouts,
        url: str,
        connected: Callable[[str], object],
        secured: Callable[[str, str], object],
        turns: Turns | None,
    ) -> None:
        self._reactor = reactor
        self._route = route
        self._tls = tls
        self._timeouts = timeouts
        self._url = url
        self._connected = connected
        self._secured = secured
        self._turns = turns
        self._begun: float = reactor.seconds()
        self._deferred: Deferred[socket.socket] = Deferred(self._cancel)
        self._step: Deferred[Any] | None = None
        self._socket: socket.socket | None = None
        self._is_over = False

    def begin(self) -> Deferred[socket.socket]:
        """Connect to whoever is first on the route."""
        reactor, route, url = self._reactor, self._route, self._url
        seconds = self._timeouts.connect_seconds
        if route.unix_socket is not None:
            self._do(connect_unix(reactor, route.unix_socket, seconds, url), self._is_connected)
            return self._deferred
        first = route.proxy or route.origin
        racing = race(
            reactor, first.host, first.port, seconds, url, bind_address=route.bind_address
        )
        if route.proxy is not None:
            racing.addErrback(self._no_proxy)
        self._do(racing, self._is_connected)
        return self._deferred

    def _do(self, step: Deferred[_T], then: Callable[[_T], None]) -> None:
        self._step = step
        step.addCallback(then).addErrback(self._failed)

    def _is_connected(self, connected: socket.socket) -> None:
        route, url = self._route, self._url
        self._socket = connected
        self._connected(route.unix_socket or _peer(connected, url))
        if self._is_over:
            return
        if route.proxy is None or route.unix_socket is not None:
            self._is_through(connected)
            return
        seconds = self._timeouts.connect_seconds
        if seconds is not None:
            seconds -= self._reactor.seconds() - self._begun
        opening = tunnel if route.proxy.scheme == "http" else socks
        self._do(
            opening(self._reactor, connected, route.proxy, route.origin, seconds, url),
            lambda _: self._is_through(connected),
        )

    def _is_through(self, connected: socket.socket) -> None:
        origin, seconds = self._route.origin, self._timeouts.tls_seconds
        if origin.scheme == "http":
            self._succeed(connected)
            return
        context = self._tls or default_context()
        self._do(
            handshake(
                self._reactor,
                connected,
                context,
                origin.server_name,
                seconds,
                self._url,
                self._turns,
            ),
            self._is_secured,
        )

    def _is_secured(self, secured: ssl.SSLSocket) -> None:
        self._socket = secured
        cipher = secured.cipher()
        self._secured(secured.version() or "", cipher[0] if cipher else "")
        if not self._is_over:
            self._succeed(secured)

    def _succeed(self, connected: socket.socket) -> None:
        self._is_over = True
        self._deferred.callback(connected)

    def _no_proxy(self, failure: Failure) -> Failure:
        error = failure.value
        if not isinstance(error, ConnectError | ConnectTimeout):
            return failure
        reason = f"the proxy cannot be reached: {error.reason}"
        if isinstance(error, ConnectTimeout):
            raise ConnectTimeout(self._url, 0, reason) from error
        raise ProxyError(self._url, 0, reason) from error

    def _failed(self, failure: Failure) -> None:
        if not self._is_over:
            self._close()
            self._deferred.errback(failure)

    def _cancel(self, _: object) -> None:
        self._is_over = True
        if self._step is not None:
            self._step.cancel()  # before the socket is closed: the reactor may watch it
        self._close()

    def _close(self) -> None:
        self._is_over = True
        if self._socket is not None:
            self._socket.close()


def _peer(connected: socket.socket, url: str) -> str:
    try:
        host, port = connected.getpeername()[:2]
    except OSError as error:
        raise ConnectError(url, 0, "the connection was reset at once") from error
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
