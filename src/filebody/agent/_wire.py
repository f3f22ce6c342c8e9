"""A connected socket in the reactor: what it sends, receives and still owes. Plain or TLS."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import ssl
import struct
import termios
from collections.abc import Callable
from typing import Any, Protocol, cast

from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from filebody.agent._parser import ResponseParser
from filebody.agent._patience import Patience
from filebody.agent._turns import Turns

__all__ = ["Wire", "WireOwner"]

_log = Logger()

_RST = struct.pack("ii", 1, 0)
# What one call encrypts: the socket may not take it, and then it must be offered again as it was
# (SSL_write(3): "bad write retry"), so it is kept. Four records (RFC 8446 section 5.1).
_TLS_BYTES = 1 << 16


class WireOwner(Protocol):
    """Who uses a wire at the moment."""

    def readable(self) -> None:
        """There is something to receive, or an end to see."""

    def writable(self) -> None:
        """Something can be sent."""

    def disconnected(self) -> None:
        """The reactor found the connection gone; what was received can still be read."""

    def failed(self, error: Exception) -> None:
        """One of the calls above raised this, and the connection is closed after it."""

    def expired(self) -> bool:
        """What `Wire.patience` was set to has passed; see `Patience`."""


@implementer(IReadWriteDescriptor)
class Wire:
    """One connection, for one exchange after the other.

    Args:
        reactor: Any that has `IReactorFDSet`.
        turns: Everything is done in these.
        connected: The socket: non-blocking, the TLS handshake done.
        peer: The name of the other end.

    Attributes:
        parser: Of the responses on it.
        patience: How long its owner waits.
        owner: Who uses it now.
        is_closed: Whether it was closed or aborted by us.
    """

    __slots__ = (
        "__provides__",
        "_is_reader",
        "_is_writer",
        "_reactor",
        "_read_is_parked",
        "_read_waits",
        "_socket",
        "_stuck",
        "_tls",
        "_turns",
        "_wants_read",
        "_wants_write",
        "_write_is_parked",
        "_write_waits",
        "is_closed",
        "owner",
        "parser",
        "patience",
        "peer",
    )

    def __init__(self, reactor: Any, turns: Turns, connected: socket.socket, peer: str) -> None:
        self._reactor = reactor
        self._turns = turns
        self._socket = connected
        self._tls = isinstance(connected, ssl.SSLSocket)
        self._stuck: bytes = b""
        self._wants_read = self._wants_write = False
        self._is_reader = self._is_writer = False
        self._read_waits = self._write_waits = False
        self._read_is_parked = self._write_is_parked = False
        self.parser = ResponseParser()
        self.patience = Patience(reactor, self._expired)
        self.owner: WireOwner | None = None
        self.peer = peer
        self.is_closed = False

    # What the owner says.

    def want_read(self, wanted: bool) -> None:
        """Whether `WireOwner.readable` is to be called."""
        if wanted and not self._wants_read and self._has_decrypted():
            self.read_later()
        if wanted is not self._wants_read:
            self._wants_read = wanted
            self._register()

    def read_later(self) -> None:
        """Call `WireOwner.readable` in a later turn, if that is still wanted then."""
        if not self._read_waits:
            self._read_waits = True
            self._turns.later(self._read_turn)

    def want_write(self, wanted: bool) -> None:
        """Whether `WireOwner.writable` is to be called; it is too while something is stuck."""
        if wanted is not self._wants_write:
            self._wants_write = wanted
            self._register()

    def send(self, view: bytes | memoryview) -> int:
        """Send what the socket takes of `view`.

        Returns:
            How many bytes are out of the caller's hands: they need not be in the kernel yet
            (see `is_flushed`). 0 says that nothing is taken now.

        Raises:
            OSError: The connection is broken. What was received may still be read.
        """
        if self._tls:
            return self._send_tls(view)
        try:
            return self._socket.send(view)
        except BlockingIOError:
            return 0

    def _send_tls(self, view: bytes | memoryview) -> int:
        taken = 0
        if self._stuck and not self.flush():
            return 0
        while taken < len(view):
            piece = view[taken : taken + _TLS_BYTES]
            taken += len(piece)
            try:
                self._socket.send(piece)
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                self._stuck = bytes(piece)
                break
        return taken

    def flush(self) -> bool:
        """Send what is stuck; whether nothing is any more.

        Raises:
            OSError: As for `send`.
        """
        if self._stuck:
            try:
                self._socket.send(self._stuck)
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return False
            self._stuck = b""
        return True

    @property
    def is_flushed(self) -> bool:
        """Whether all that `send` took is in the kernel."""
        return not self._stuck

    @property
    def is_tls(self) -> bool:
        """Whether it is encrypted."""
        return self._tls

    def receive(self, size: int) -> bytes | None:
        """Receive up to `size` bytes; None if there are none now, empty at the end.

        Raises:
            OSError: The connection is broken, or (TLS) was cut without a farewell.
        """
        try:
            return self._socket.recv(size)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    def has_input(self) -> bool:
        """Whether something that nobody has asked for is there: bytes, an end, an error.

        What TLS says for itself (RFC 8446 section 4.6) is not the server's word.
        """
        try:
            return self.receive(1) is not None
        except OSError:
            return True

    def _has_decrypted(self) -> bool:
        """Whether there is something to receive that the reactor does not see."""
        return self._tls and not self.is_closed and self._socket.pending() > 0  # type: ignore[attr-defined]

    def queued_bytes(self) -> int:
        """How many bytes the peer has not acknowledged yet (SIOCOUTQ, tcp(7))."""
        if self.is_closed:
            return 0
        try:
            answer = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        except OSError:  # a system that does not tell
            return 0
        queued: int = struct.unpack("i", answer)[0]
        return queued + len(self._stuck)

    def close(self) -> None:
        """End the connection in good order."""
        if self.is_closed:
            return
        if self._tls:
            self._say_farewell()
        self._leave()

    def abort(self) -> None:
        """End it now: what was not sent yet never will be, and the peer sees that (RST)."""
        if self.is_closed:
            return
        with contextlib.suppress(OSError):  # it is broken already
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
        self._leave()

    # What the reactor says.

    def fileno(self) -> int:
        """See `IFileDescriptor`."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """See `ILoggingContext`."""
        return "filebody"

    def doRead(self) -> None:
        """See `IReadDescriptor`."""
        if self._read_waits:  # for longer than a round: the reactor need not look meanwhile
            self._read_is_parked = True
            self._register()
            return
        self._read_waits = True
        self._turns.take(self._read_turn)

    def doWrite(self) -> None:
        """See `IWriteDescriptor`."""
        if self._write_waits:
            self._write_is_parked = True
            self._register()
            return
        self._write_waits = True
        self._turns.take(self._write_turn)

    def connectionLost(self, reason: Failure) -> None:  # noqa: ARG002 - the interface's
        """See `IFileDescriptor`: the reactor has dropped this descriptor, or is stopping."""
        self._is_reader = self._is_writer = False
        self._wants_read = self._wants_write = False
        if self.owner is not None:
            self._call(self.owner.disconnected)

    def _read_turn(self) -> None:
        self._read_waits = self._read_is_parked = False
        if self._wants_read and self.owner is not None:
            self._call(self.owner.readable)
        if self._wants_read is not self._is_reader:
            self._register()

    def _write_turn(self) -> None:
        self._write_waits = self._write_is_parked = False
        if self._wants_write and self.owner is not None:
            self._call(self.owner.writable)
        if self._wants_write is not self._is_writer:
            self._register()

    def _expired(self) -> bool:
        return self.owner is not None and self.owner.expired()

    def _call(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - it must not stop the others
            _log.failure("an exchange with {peer} failed", peer=self.peer)
            owner = self.owner
            if owner is not None:
                owner.failed(error)
            self.abort()

    def _register(self) -> None:
        """Bring what the reactor watches in line with what is wanted."""
        is_open = not self.is_closed
        reads = is_open and self._wants_read and not self._read_is_parked
        if reads is not self._is_reader:
            self._is_reader = reads
            (self._reactor.addReader if reads else self._reactor.removeReader)(self)
        writes = is_open and self._wants_write and not self._write_is_parked
        if writes is not self._is_writer:
            self._is_writer = writes
            (self._reactor.addWriter if writes else self._reactor.removeWriter)(self)

    def _leave(self) -> None:
        self.is_closed = True
        self._register()
        self._socket.close()
        self.owner = None
        self._stuck = b""
        self.patience.close()
        self.parser.close()

    def _say_farewell(self) -> None:
        """Send close_notify, so that the peer can tell the end from a cut (RFC 8446, 6.1)."""
        # It is sent at once if there is room; nobody waits for the answer.
        with contextlib.suppress(OSError, ValueError):
            cast("ssl.SSLSocket", self._socket).unwrap()
