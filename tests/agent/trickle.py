"""A server that never comes to an end: it goes on sending, a piece at a time."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from typing import Self

from tests.agent.driven import LIMIT_SECONDS


class Trickle:
    """Listens while in use; each connection is served alike, in a thread of its own.

    Args:
        first: What to send first.
        piece: What to send again and again, until the client ends the connection.
        seconds: How long to pause before each piece; 0 to send as fast as it goes.
        reads: What to read before that: "nothing", the "head", or the head and a "body" of as many
            bytes as its Content-Length says.

    Attributes:
        connections: How many there were.
    """

    def __init__(
        self, first: bytes, piece: bytes, *, seconds: float = 0.05, reads: str = "body"
    ) -> None:
        self._first = first
        self._piece = piece
        self._seconds = seconds
        self._reads = reads
        self.connections = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._asked_to_end, self._end = socket.socketpair()
        self._threads = [threading.Thread(target=self._accept, name="trickle")]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()
        for thread in self._threads:
            thread.join(LIMIT_SECONDS)
            assert not thread.is_alive()
        self._listener.close()
        self._asked_to_end.close()

    def _accept(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._asked_to_end], [], [])
            if self._asked_to_end in ready:
                return
            accepted, _ = self._listener.accept()
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(accepted,), name="trickle")
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(LIMIT_SECONDS)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._read(client)
            client.sendall(self._first)
            while not self._is_over(self._seconds):
                if self._seconds:
                    client.sendall(self._piece)
                    continue
                client.setblocking(False)
                select.select([self._asked_to_end], [client], [])
                with contextlib.suppress(BlockingIOError):
                    client.send(self._piece)

    def _is_over(self, seconds: float) -> bool:
        return bool(select.select([self._asked_to_end], [], [], seconds)[0])

    def _read(self, client: socket.socket) -> None:
        if self._reads == "nothing":
            return
        data = b""
        while b"\r\n\r\n" not in data:
            data += client.recv(1 << 16) or self._gone()
        if self._reads == "head":
            return
        head, _, body = data.lower().partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        while len(body) < length:
            body += client.recv(1 << 16) or self._gone()

    @staticmethod
    def _gone() -> bytes:
        raise ConnectionError("the client has gone")
