"""Serves any number of connections in one thread, over and over, without TLS."""

from __future__ import annotations

import contextlib
import hashlib
import select
import socket
import sys

from benchmarks.sink.heads import ANSWER, CONTINUE, Head

_HEAD_BYTES = 1 << 14
_PIECE_BYTES = 1 << 20


class _Connection:
    """One connection: heads, and so many bytes of body after each."""

    def __init__(self, server: _Server, channel: socket.socket) -> None:
        self._server = server
        self.channel = channel
        self._left = 0
        self._in_body = False
        self._digest = hashlib.sha256()

    def readable(self) -> None:
        try:
            if self._in_body:
                self._read_body()
            else:
                self._read_head()
        except BlockingIOError:
            pass
        except OSError:
            self._server.close(self)

    def _read_head(self) -> None:
        # Looked at first, so that not a byte of the body is read with the head.
        seen = self.channel.recv(_HEAD_BYTES, socket.MSG_PEEK)
        if not seen:
            raise ConnectionError("closed between two requests")
        end = seen.find(b"\r\n\r\n")
        if end < 0:
            return
        head = Head.parse(self.channel.recv(end + 4))
        self._left = head.length
        self._in_body = True
        if head.expects_continue:
            self.channel.send(CONTINUE)
        self._server.begun(self)
        if not self._left:
            self._answer()

    def _read_body(self) -> None:
        size = min(self._left, _PIECE_BYTES)
        buffer = self._server.buffer
        if self._server.mode == "verify":
            received = self.channel.recv_into(buffer, size)
            self._digest.update(buffer[:received])
        else:
            received = self.channel.recv_into(buffer, size, socket.MSG_TRUNC)
        if not received:
            raise ConnectionError("closed within the body")
        self._left -= received
        if not self._left:
            self._answer()

    def _answer(self) -> None:
        body = b""
        if self._server.mode == "verify":
            body = self._digest.hexdigest().encode()
            self._digest = hashlib.sha256()
        self._in_body = False
        self.channel.send(ANSWER % len(body) + body)


class _Server:
    def __init__(self, listener: socket.socket, mode: str, hold: int) -> None:
        self.mode = mode
        self.buffer = memoryview(bytearray(_PIECE_BYTES))
        self._listener = listener
        self._hold = hold
        self._held: list[_Connection] = []
        self._connections: dict[int, _Connection] = {}
        self._poll = select.epoll()

    def serve(self) -> None:
        """Until the standard input ends."""
        self._listener.setblocking(False)
        listening, stop = self._listener.fileno(), sys.stdin.fileno()
        for number in (listening, stop):
            self._poll.register(number, select.EPOLLIN)
        while True:
            for number, _ in self._poll.poll():
                connection = self._connections.get(number)
                if connection is not None:
                    connection.readable()
                elif number == listening:
                    self._accept()
                elif number == stop:
                    return

    def begun(self, connection: _Connection) -> None:
        """The head of a request was read: when will its body be?"""
        if self.mode == "stall":
            self._poll.unregister(connection.channel)
        elif self._hold:
            self._poll.unregister(connection.channel)
            self._held.append(connection)
            if len(self._held) >= self._hold:
                for held in self._held:
                    self._poll.register(held.channel, select.EPOLLIN)
                self._hold = 0

    def close(self, connection: _Connection) -> None:
        del self._connections[connection.channel.fileno()]
        connection.channel.close()

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                channel, _ = self._listener.accept()
                channel.setblocking(False)
                channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connections[channel.fileno()] = _Connection(self, channel)
                self._poll.register(channel, select.EPOLLIN)


def serve(listener: socket.socket, mode: str, hold: int) -> None:
    """Serve until the standard input ends; see `benchmarks.sink.__main__`."""
    _Server(listener, mode, hold).serve()
