"""SOCKS5: has a proxy connect to an origin, whatever is sent then."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from filebody.agent._proxy import Proxy
from filebody.agent._resolve import Address, literal, resolve
from filebody.agent._timer import start, stop
from filebody.agent._watch import Watch
from filebody.errors import ConnectError, ConnectTimeout, ProxyError, TransferError
from filebody.wire import Origin

__all__ = ["socks"]

_VERSION = 5
_WHYS = {
    1: "it failed, without a reason",
    2: "its rules do not let anything through to there",
    3: "it cannot reach that network",
    4: "it cannot reach that host, or does not find it",
    5: "nothing listens there",
    6: "that is too many hops away",
    7: "it does not connect by TCP",
    8: "it does not take addresses of this kind",
}


def socks(
    reactor: Any,
    connected: socket.socket,
    proxy: Proxy,
    origin: Origin,
    seconds: float | None,
    url: str,
) -> Deferred[None]:
    """Have a SOCKS5 proxy connect to an origin.

    With the scheme `socks5` the name of the origin is resolved here, with `socks5h` by the proxy.

    Args:
        reactor: Any that has `IReactorFDSet`, `IReactorTime` and `IReactorPluggableNameResolver`.
        connected: A non-blocking socket, connected to the proxy.
        proxy: The proxy.
        origin: Where to.
        seconds: How long it may take; None for as long as it does.
        url: What it is for, for errors.

    Returns:
        Fires when what is sent goes to the origin; the reactor does not know the socket. Fails
        with `ConnectError`, `ProxyError` or `ConnectTimeout`. Failed or cancelled, nothing is left
        in the reactor.

    Source: RFC 1928 and RFC 1929.
    """
    host = origin.server_name
    if proxy.scheme != "socks5" or literal(host, 0) is not None:
        return _Socks(reactor, connected, proxy, host, origin.port, url).begin(seconds)
    begun: float = reactor.seconds()

    def resolved(addresses: list[Address]) -> Deferred[None]:
        if not addresses:
            raise ConnectError(url, 0, f"there is no host {host}: check its spelling")
        # Fewer proxies reach IPv6 than IPv4.
        fours = [found for found in addresses if found.family is socket.AF_INET]
        there = str((fours or addresses)[0].where[0])
        left = None if seconds is None else seconds - (reactor.seconds() - begun)
        return _Socks(reactor, connected, proxy, there, origin.port, url).begin(left)

    def failed(failure: Failure) -> Failure:
        if failure.check(TransferError, CancelledError):
            return failure
        if failure.check(DeferredTimeout):
            raise ConnectTimeout(
                url, 0, f"no answer to where {host} is within {round(seconds or 0.0, 2):g} s"
            )
        raise ConnectError(url, 0, f"the resolver failed for host {host}") from failure.value

    looking = resolve(reactor, host, origin.port)
    if seconds is not None:
        looking.addTimeout(max(0.0, seconds), reactor)
    looking.addErrback(failed)
    return looking.addCallback(resolved)


class _Socks(Watch):
    """Says what the protocol wants, and reads not a byte more than it promises."""

    __slots__ = (
        "_deadline",
        "_deferred",
        "_needed",
        "_proxy",
        "_received",
        "_talk",
        "_unsent",
        "_url",
    )

    def __init__(
        self,
        reactor: Any,
        connected: socket.socket,
        proxy: Proxy,
        host: str,
        port: int,
        url: str,
    ) -> None:
        super().__init__(reactor, connected)
        self._proxy = proxy
        self._url = url
        self._unsent = b""
        self._received = b""
        self._talk = self._conversation(host, port)
        self._needed = next(self._talk)
        self._deadline: IDelayedCall | None = None
        self._deferred: Deferred[None] = Deferred(self._leave)

    def begin(self, seconds: float | None) -> Deferred[None]:
        """Begin to talk."""
        self._deadline = start(self._reactor, seconds, self._too_late)
        self.ready(None)
        return self._deferred

    def ready(self, dropped: Failure | None) -> None:
        """See `Watch`."""
        try:
            is_open = self._exchange()
        except ProxyError as error:
            self._fail(error)
        except OSError as error:
            self._fail(self._error(f"lost the connection ({os.strerror(error.errno or 0)})"))
        else:
            if is_open:
                self.want(read=False, write=False)
                stop(self._deadline)
                self._deferred.callback(None)
            elif dropped is not None:
                self._fail(self._error(f"is watched no more ({dropped.getErrorMessage()})"))
            else:
                self.want(read=not self._unsent, write=bool(self._unsent))

    def _exchange(self) -> bool:
        """Send and receive what can be; say whether the way is open."""
        try:
            while True:
                while self._unsent:
                    self._unsent = self._unsent[self.socket.send(self._unsent) :]
                data = self.socket.recv(self._needed - len(self._received))
                if not data:
                    raise self._error("closed the connection")
                self._received += data
                if len(self._received) == self._needed:
                    received, self._received = self._received, b""
                    self._needed = self._talk.send(received)
        except BlockingIOError:
            return False
        except StopIteration:
            return True

    def _conversation(self, host: str, port: int) -> Generator[int, bytes, None]:
        """Yield how many bytes are needed next; take them."""
        from socksio import ProtocolError, socks5  # noqa: PLC0415 - the extra `socks`

        way = socks5.SOCKS5Connection()
        methods = [socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED]
        if self._proxy.credentials is not None:
            methods.append(socks5.SOCKS5AuthMethod.USERNAME_PASSWORD)
        way.send(socks5.SOCKS5AuthMethodsRequest(methods))
        self._unsent = way.data_to_send()
        try:
            answer = yield 2
            if answer[0] != _VERSION:
                raise self._error("does not speak SOCKS5")
            chosen = way.receive_data(answer)
            method = getattr(chosen, "method", None)
            if method not in methods:
                raise self._error(
                    "wants another login"
                    if self._proxy.credentials is not None
                    else "wants a user name and a password: write socks5h://USER:PASSWORD@HOST:PORT"
                )
            if method is socks5.SOCKS5AuthMethod.USERNAME_PASSWORD:
                user, password = (text.encode() for text in self._proxy.credentials or ("", ""))
                way.send(socks5.SOCKS5UsernamePasswordRequest(user, password))
                self._unsent = way.data_to_send()
                if not getattr(way.receive_data((yield 2)), "success", False):
                    raise self._error("refused the user name and password")
            connect = socks5.SOCKS5Command.CONNECT
            way.send(socks5.SOCKS5CommandRequest.from_address(connect, (host, port)))
            self._unsent = way.data_to_send()
            head = yield 5  # with the first byte of the address, which may be its length
            if head[0] != _VERSION:
                raise self._error("does not speak SOCKS5")
            if head[1]:
                why = _WHYS.get(head[1], "it does not say why")
                raise self._error(f"does not connect to {host} port {port}: {why}")
            more = {1: 5, 3: head[4] + 2, 4: 17}.get(head[3])
            if more is None:
                raise self._error("does not speak SOCKS5")
            yield more  # its own address, which nobody needs
        except ProtocolError as error:
            raise self._error("does not speak SOCKS5") from error

    def _too_late(self, seconds: float) -> None:
        reason = f"the proxy {self._proxy} opened no way there within {round(seconds, 2):g} s"
        self._fail(ConnectTimeout(self._url, 0, reason))

    def _error(self, what: str) -> ProxyError:
        return ProxyError(self._url, 0, f"the proxy {self._proxy} {what}")

    def _fail(self, error: TransferError) -> None:
        self._leave()
        self._deferred.errback(error)

    def _leave(self, _: object = None) -> None:
        stop(self._deadline)
        self.close()
