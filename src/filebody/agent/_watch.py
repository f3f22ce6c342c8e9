"""A socket that the reactor watches until something can be done with it."""

from __future__ import annotations

import socket
from abc import abstractmethod
from typing import Any

from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from filebody.agent._turns import Turns

__all__ = ["Watch"]


@implementer(IReadWriteDescriptor)
class Watch:
    """One way to a connection: it begins with a socket and ends with it, or without.

    Args:
        reactor: Any that has `IReactorFDSet`.
        watched: A non-blocking socket.
        turns: `ready` is called in these; at once without them.

    Attributes:
        socket: It belongs to the watch until somebody takes it.
    """

    __slots__ = ("_in_line", "_is_reader", "_is_writer", "_reactor", "_turns", "socket")

    def __init__(self, reactor: Any, watched: socket.socket, turns: Turns | None = None) -> None:
        self._reactor = reactor
        self._turns = turns
        self._is_reader = self._is_writer = False
        self._in_line = False
        self.socket = watched

    @abstractmethod
    def ready(self, dropped: Failure | None) -> None:
        """What was waited for can be tried.

        Args:
            dropped: Why the reactor watches no more: poll(2) saw an error or a hang-up before
                anything else, or the reactor is stopping; None if it still watches.
        """

    def come(self) -> None:
        """Call `ready` when it is this watch's turn."""
        if self._turns is None:
            self.ready(None)
        elif self._in_line:  # for longer than a round: the reactor need not look meanwhile
            self.want(read=False, write=False)
        else:
            self._in_line = True
            self._turns.take(self._turn)

    def _turn(self) -> None:
        if self._in_line:
            self._in_line = False
            self.ready(None)

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
        self._in_line = False
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
            self.come()

    def doWrite(self) -> None:
        """See `IWriteDescriptor`."""
        if self._is_writer:
            self.come()

    def connectionLost(self, reason: Failure) -> None:
        """See `IFileDescriptor`."""
        if self._is_reader or self._is_writer:
            self._is_reader = self._is_writer = self._in_line = False
            self.ready(reason)
