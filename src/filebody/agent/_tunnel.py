"""Through a proxy by CONNECT: afterwards the connection is as if it were the server's own."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from filebody.agent._fields import USER_AGENT
from filebody.agent._framing import request_head
from filebody.agent._parser import Broken, Head, ResponseParser
from filebody.agent._proxy import Proxy
from filebody.agent._timer import start, stop
from filebody.agent._watch import Watch
from filebody.errors import ConnectTimeout, ProxyError, TransferError
from filebody.wire import Origin, format_basic

__all__ = ["tunnel"]

_MAX_HEAD_BYTES = 1 << 16  # interim responses included
_RECEIVE_BYTES = 1 << 14
_MAX_SHOWN = 200
_HINTS = {
    403: "it does not let anything through to there",
    407: "it wants a user name and a password: write http://USER:PASSWORD@HOST:PORT",
    502: "it could not connect to there",
    503: "it could not connect to there",
    504: "it could not connect to there in time",
}


def tunnel(
    reactor: Any,
    connected: socket.socket,
    proxy: Proxy,
    origin: Origin,
    seconds: float | None,
    url: str,
) -> Deferred[None]:
    """Have a proxy connect to an origin, whatever its scheme.

    Args:
        reactor: Any that has `IReactorFDSet` and `IReactorTime`.
        connected: A non-blocking socket, connected to the proxy.
        proxy: Who that is.
        origin: Where to.
        seconds: How long it may take; None for as long as it does.
        url: What it is for, for errors.

    Returns:
        Fires when what is sent goes to the origin; the reactor does not know the socket. Fails
        with `ProxyError` or `ConnectTimeout`. Failed or cancelled, the socket is closed and
        nothing is left in the reactor.

    Source: RFC 9110 section 9.3.6.
    """
    return _Tunnel(reactor, connected, proxy, origin, url).begin(seconds)


class _Tunnel(Watch):
    """Sends the request, then reads the head of the answer and not a byte more."""

    __slots__ = (
        "_deadline",
        "_deferred",
        "_parser",
        "_proxy",
        "_received_bytes",
        "_unsent",
        "_url",
    )

    def __init__(
        self, reactor: Any, connected: socket.socket, proxy: Proxy, origin: Origin, url: str
    ) -> None:
        super().__init__(reactor, connected)
        self._proxy = proxy
        self._url = url
        self._parser = ResponseParser()
        self._parser.expect(b"CONNECT")
        self._received_bytes = 0
        self._unsent = self._request(origin)
        self._deadline: IDelayedCall | None = None
        self._deferred: Deferred[None] = Deferred(self._leave)

    def begin(self, seconds: float | None) -> Deferred[None]:
        """Ask."""
        self._deadline = start(self._reactor, seconds, self._too_late)
        self.ready(None)
        return self._deferred

    def ready(self, dropped: Failure | None) -> None:
        """See `Watch`."""
        try:
            answer = self._exchange()
        except OSError as error:
            self._refused(f"lost the connection ({os.strerror(error.errno or 0)})")
        else:
            if isinstance(answer, Broken):
                self._refused(f"does not speak HTTP/1.1 ({answer.reason})")
            elif answer is not None:
                self._judge(answer)
            elif dropped is not None:
                self._refused(f"is watched no more ({dropped.getErrorMessage()})")
            else:
                self.want(read=not self._unsent, write=bool(self._unsent))

    def _exchange(self) -> Head | Broken | None:
        """Send and receive what can be; the final response, or None while there is none."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self.socket.send(self._unsent) :]
            while True:
                data = self.socket.recv(_RECEIVE_BYTES)
                if not data:
                    return Broken("it closed the connection")
                self._received_bytes += len(data)
                if self._received_bytes > _MAX_HEAD_BYTES:
                    return Broken("its head has no end")
                for event in self._parser.feed(data):
                    if isinstance(event, Broken) or (isinstance(event, Head) and event.is_final):
                        return event
        except BlockingIOError:
            return None

    def _judge(self, answer: Head) -> None:
        status = answer.status
        if 200 <= status < 300:
            if self._parser.has_more:
                self._refused("sent something through the tunnel before it was asked", status)
                return
            self.want(read=False, write=False)
            stop(self._deadline)
            self._parser.close()
            self._deferred.callback(None)
            return
        phrase = "".join(c if c.isprintable() else "?" for c in answer.phrase.decode("latin-1"))
        words = f"answered {status} {phrase[:_MAX_SHOWN]}".rstrip()
        hint = _HINTS.get(status)
        self._refused(f"{words}: {hint}" if hint else words, status)

    def _too_late(self, seconds: float) -> None:
        reason = f"the proxy {self._proxy} opened no way there within {round(seconds, 2):g} s"
        self._fail(ConnectTimeout(self._url, 0, reason))

    def _refused(self, what: str, status: int | None = None) -> None:
        self._fail(ProxyError(self._url, 0, f"the proxy {self._proxy} {what}", status=status))

    def _fail(self, error: TransferError) -> None:
        self._leave()
        self._deferred.errback(error)

    def _leave(self, _: object = None) -> None:
        stop(self._deadline)
        self._parser.close()
        self.close()

    def _request(self, origin: Origin) -> bytes:
        authority = origin.host_and_port
        fields = [(b"Host", authority), USER_AGENT]
        if self._proxy.credentials is not None:
            fields.append((b"Proxy-Authorization", format_basic(*self._proxy.credentials)))
        return request_head(b"CONNECT", authority, fields)
