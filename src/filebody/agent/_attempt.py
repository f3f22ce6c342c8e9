"""One attempt to connect to one address by TCP."""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import Any, Protocol

from twisted.python.failure import Failure

from filebody.agent._resolve import Address
from filebody.agent._watch import Watch

__all__ = ["REFUSED", "Attempt", "Rivals", "explain"]

REFUSED = "connection refused"
# ip(7): bind to the address now and choose the port when the peer is known, so that connections
# to different peers can share one. Python names it from 3.12 on.
_IP_BIND_ADDRESS_NO_PORT = 24


class Rivals(Protocol):
    """Who hears how an attempt has ended."""

    def failed(self, attempt: Attempt, why: str) -> None:
        """There is no connection, and the socket is closed."""

    def won(self, attempt: Attempt) -> None:
        """There is one; the reactor does not know the socket any more."""


class Attempt(Watch):
    """Begun when it is made; waits for the outcome.

    Args:
        reactor: Any that has `IReactorFDSet`.
        address: Where to connect to.
        bind_address: Where from, or None.
        rivals: Who hears of the outcome, never before this returns.

    Raises:
        OSError: It is over already.
    """

    __slots__ = ("_rivals", "address")

    def __init__(
        self, reactor: Any, address: Address, bind_address: str | None, rivals: Rivals
    ) -> None:
        super().__init__(reactor, _connecting(address, bind_address))
        self._rivals = rivals
        self.address = address
        self.want(read=False, write=True)

    def ready(self, dropped: Failure | None) -> None:
        """See `Watch`."""
        number = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            why = explain(number)
        else:
            try:
                peer = self.socket.getpeername()
            except OSError:
                if dropped is None:
                    return  # the event was another socket's, closed since, that had this number
                why = f"the reactor watches it no more ({dropped.getErrorMessage()})"
            else:
                if peer != self.socket.getsockname():
                    self.want(read=False, write=False)
                    self._rivals.won(self)
                    return
                # Nobody listens on a port that connections leave from, and this one has got that
                # very port: TCP lets it meet itself (RFC 9293 section 3.5).
                why = REFUSED
        self.close()
        self._rivals.failed(self, why)


def explain(number: int) -> str:
    """What an error of socket(2), bind(2) or connect(2) means, in words."""
    match number:
        case errno.ECONNREFUSED:
            return REFUSED
        case errno.EMFILE:
            return (
                "this process has as many open files and sockets as it may: raise its limit "
                "(ulimit -n), or let fewer uploads run at once"
            )
        case errno.ENFILE:
            return "this machine has as many open files and sockets as it may: raise fs.file-max"
        case errno.EADDRNOTAVAIL:
            return "the local address is not this machine's, or has no port left"
    words = os.strerror(number)
    return words[:1].lower() + words[1:]


def _connecting(address: Address, bind_address: str | None) -> socket.socket:
    opened = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if bind_address is not None:
            if sys.platform == "linux":
                opened.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            opened.bind((bind_address, 0))
        number = opened.connect_ex(address.where)
        if number not in {0, errno.EINPROGRESS, errno.EINTR}:
            raise OSError(number, os.strerror(number))
    except BaseException:
        opened.close()
        raise
    return opened
