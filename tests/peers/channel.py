"""A server's end of a connection, plain or TLS, that is never waited for without an end.

TLS by memory buffers, so that each byte on the socket is sent by us: what a library does unasked
(answer a close_notify, send one) cannot hide what a client did, and what a real server forgets can
be forgotten.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import select
import socket
import ssl
import struct
import termios

_PIECE = 1 << 16
_LOOK_SECONDS = 0.001


class End(enum.Enum):
    """How a connection ended, seen from the server."""

    FIN = "fin"
    """The client closed it (over TLS: and said no close_notify before)."""
    CLOSE_NOTIFY = "close_notify"
    """The client ended TLS in order."""
    RST = "rst"
    """The client aborted it, or closed it while bytes of ours waited for it."""
    OURS = "ours"
    """The script ended it first."""
    STOPPED = "stopped"
    """The client was still there when the server was stopped."""
    LATE = "late"
    """Nothing happened for far too long."""


class Ended(Exception):
    """The connection is over; `end` says how."""

    def __init__(self, end: End) -> None:
        super().__init__(end.value)
        self.end = end


class Channel:
    """Reads and writes one connection.

    Args:
        connection: An accepted socket; closed by `close` or `reset`.
        stop: A socket that becomes readable when everything shall end.
        timeout_seconds: How long any single wait may take.
    """

    def __init__(
        self, connection: socket.socket, stop: socket.socket, timeout_seconds: float
    ) -> None:
        self._socket = connection
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stop = stop
        self._timeout_seconds = timeout_seconds

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, at least one.

        Raises:
            Ended: The client, or the server, has ended the connection.
        """
        while True:
            self._wait(select.POLLIN)
            try:
                data = self._socket.recv(min(size, _PIECE))
            except BlockingIOError:
                continue
            except ConnectionError as error:
                raise Ended(End.RST) from error
            if not data:
                raise Ended(End.FIN)
            return data

    def write(self, data: bytes) -> None:
        """Send all of it."""
        rest = memoryview(data)
        while rest:
            self._wait(select.POLLOUT)
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                continue
            except ConnectionError as error:
                raise Ended(End.RST) from error

    def watch(self) -> End:
        """Read nothing, and wait for the client's end."""
        try:
            seen = self._wait(select.POLLRDHUP)
        except Ended as ended:
            return ended.end
        return End.RST if seen & select.POLLERR else End.FIN

    def arrive(self) -> None:
        """Wait until the client's kernel has all that was written: an RST discards what it lacks.

        A client that has ended the connection has what it wanted, and acknowledges nothing more.
        """
        while self._unacknowledged():
            if self._wait(0, at_most_seconds=_LOOK_SECONDS) & (select.POLLERR | select.POLLHUP):
                return

    def _unacknowledged(self) -> int:
        answer = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, bytes(4))
        count: int = struct.unpack("i", answer)[0]
        return count

    def finish(self) -> None:
        """Say that nothing follows; reading goes on."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise Ended(End.RST) from error

    def farewell(self) -> None:
        """What TLS says before the end; nothing on a plain connection."""

    def close(self) -> None:
        """As close(2) does: by FIN, or by RST if bytes wait that nobody has read."""
        self._socket.close()

    def reset(self) -> None:
        """Send RST; what the kernel has not sent yet is lost."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _wait(self, events: int, at_most_seconds: float | None = None) -> int:
        poll = select.poll()
        poll.register(self._socket, events)
        poll.register(self._stop, select.POLLIN)
        ready = dict(poll.poll((at_most_seconds or self._timeout_seconds) * 1000))
        if self._socket.fileno() in ready:
            return ready[self._socket.fileno()]
        if at_most_seconds is not None and not ready:
            return 0
        raise Ended(End.STOPPED if ready else End.LATE)


class TLSChannel(Channel):
    """The same over TLS; the handshake is made by the first read or write."""

    def __init__(
        self,
        connection: socket.socket,
        stop: socket.socket,
        timeout_seconds: float,
        context: ssl.SSLContext,
    ) -> None:
        super().__init__(connection, stop, timeout_seconds)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._has_shaken_hands = False
        self._held = b""

    def handshake(self) -> None:
        """Make the handshake if it was not made yet.

        Raises:
            Ended: The client ended the connection instead.
            ssl.SSLError: The client refused, or does not speak TLS.
        """
        while not self._has_shaken_hands:
            try:
                self._tls.do_handshake()
                self._has_shaken_hands = True
            except ssl.SSLWantReadError:
                self._flush()
                self._incoming.write(super().read(_PIECE))
            finally:
                self._flush()

    def read(self, size: int) -> bytes:
        self.handshake()
        if self._held:
            data, self._held = self._held[:size], self._held[size:]
            return data
        while True:
            try:
                data = self._tls.read(size)
            except ssl.SSLWantReadError:
                self._flush()
                self._incoming.write(super().read(_PIECE))
                continue
            except ssl.SSLZeroReturnError:
                data = b""
            if not data:
                raise Ended(End.CLOSE_NOTIFY)
            return data

    def write(self, data: bytes) -> None:
        self.handshake()
        self._tls.write(data)
        self._flush()

    def finish(self) -> None:
        self.farewell()
        super().finish()

    def farewell(self) -> None:
        self.handshake()
        # OpenSSL looks for the client's close_notify at once, and takes offence at anything else
        # that has come.
        if self._tls.pending():
            self._held += self._tls.read(self._tls.pending())
        waiting = self._incoming.read()
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._incoming.write(waiting)
        self._flush()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            super().write(data)
