"""Connections to a Unix socket, whatever host the URI names."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from filebody.agent._attempt import explain
from filebody.agent._timer import start, stop
from filebody.errors import ConnectError, ConnectTimeout

__all__ = ["connect_unix"]

# A listener whose backlog is full answers "try again", and nothing tells when (unix(7)).
_FIRST_PAUSE_SECONDS = 0.005
_LONGEST_PAUSE_SECONDS = 0.25


def connect_unix(
    reactor: Any, path: str, seconds: float | None, url: str
) -> Deferred[socket.socket]:
    """Connect to a Unix socket.

    Args:
        reactor: Any that has `IReactorTime`.
        path: Of the socket.
        seconds: How long to wait while the server takes no connections; None for any time.
        url: What it is for, for errors.

    Returns:
        Fires, mostly at once, with a non-blocking socket. Fails with `ConnectError` or
        `ConnectTimeout`. Cancelled, it closes the socket and leaves nothing in the reactor.
    """
    return _Knocking(reactor, path, url).begin(seconds)


class _Knocking:
    """Tries again while the answer is "try again"."""

    __slots__ = ("_deadline", "_deferred", "_path", "_pause_seconds", "_reactor", "_timer", "_url")

    def __init__(self, reactor: Any, path: str, url: str) -> None:
        self._reactor = reactor
        self._path = path
        self._url = url
        self._deferred: Deferred[socket.socket] = Deferred(self._end)
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._timer: IDelayedCall | None = None
        self._deadline: IDelayedCall | None = None

    def begin(self, seconds: float | None) -> Deferred[socket.socket]:
        """Knock for the first time."""
        self._knock()
        if not self._deferred.called:
            self._deadline = start(self._reactor, seconds, self._too_late)
        return self._deferred

    def _knock(self) -> None:
        try:
            knocking = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as error:
            self._fail(explain(error.errno or 0))
            return
        try:
            knocking.setblocking(False)
            knocking.connect(self._path)
        except BlockingIOError:
            knocking.close()
            self._timer = self._reactor.callLater(self._pause_seconds, self._knock)
            self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)
        except (OSError, ValueError) as error:
            knocking.close()
            self._fail(_explain(error))
        else:
            self._end()
            self._deferred.callback(knocking)

    def _too_late(self, seconds: float) -> None:
        self._end()
        reason = f"the server took no connection on {self._path} within {round(seconds, 2):g} s"
        self._deferred.errback(ConnectTimeout(self._url, 0, reason))

    def _fail(self, why: str) -> None:
        self._end()
        self._deferred.errback(ConnectError(self._url, 0, f"no connection to {self._path}: {why}"))

    def _end(self, _: object = None) -> None:
        stop(self._timer)
        stop(self._deadline)


def _explain(error: OSError | ValueError) -> str:
    number = getattr(error, "errno", None)
    match number:
        case errno.ENOENT:
            return "there is no such socket; is the server running?"
        case errno.ECONNREFUSED:
            return "connection refused: nothing listens there; is the server running?"
        case None:  # Python's own: the path is too long for one (unix(7)), or no path at all
            return str(error)
    return os.strerror(number)
