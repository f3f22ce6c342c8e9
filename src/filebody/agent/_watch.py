"""A socket that the reactor watches until something can be done with it."""

from __future__ import annotations

import socket
from abc import abstractmethod
from typing import Any

from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["Watch"]


@implementer(IReadWriteDescriptor)
class Watch:
    """One way to a connection: it begins with a socket and ends with it, or without.

    Args:
        reactor: Any that has `IReactorFDSet`.
        watched: A non-blocking socket.

    Attributes:
        socket: It belongs to the watch until somebody takes it.
    """

    __slots__ = ("_is_reader", "_is_writer", "_reactor", "socket")

    def __init__(self, reactor: Any, watched: socket.socket) -> None:
        self._reactor = reactor
        self._is_reader = self._is_writer = False
        self.socket = watched

    @abstractmethod
    def ready(self, dropped: Failure | None) -> None:
        """What was waited for can be tried.

        Args:
            dropped: Why the reactor watches no more: poll(2) saw an error or a hang-up before
                anything else, or the reactor is stopping; None if it still watches.
        """

    def want(self, *, read: bool, write: bool) -> None:
        """Say what to wait for: nothing, before the socket is closed or given away."""
        if read is not self._is_reader:
            self._is_reader = read
            (self._reactor.addReader if read else self._reactor.removeReader)(self)
        if write is not self._is_writer:
            self._is_writer = write
            (self._reactor.addWriter if write else self._reactor.removeWriter)(self)

    def close(self) -> None:
        """Give up: close the socket and leave the reactor."""
        self.want(read=False, write=False)
        self.socket.close()

    # What the reactor says.

    def fileno(self) -> int:
        """See `IFileDescriptor`."""
        return self.socket.fileno()

    def logPrefix(self) -> str:
        """See `ILoggingContext`."""
        return "filebody"

    def doRead(self) -> None:
        """See `IReadDescriptor`."""
        if self._is_reader:
            self.ready(None)

    def doWrite(self) -> None:
        """See `IWriteDescriptor`."""
        if self._is_writer:
            self.ready(None)

    def connectionLost(self, reason: Failure) -> None:
        """See `IFileDescriptor`."""
        if self._is_reader or self._is_writer:
            self._is_reader = self._is_writer = False
            self.ready(reason)
