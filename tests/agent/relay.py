"""A proxy in a thread that answers a CONNECT as it was told, and then lets bytes through."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from typing import Self

from tests.agent.driven import LIMIT_SECONDS

OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Relay:
    """Listens while in use; serves one connection after the other.

    Args:
        answer: To each CONNECT; it lets bytes through if that begins as `OPEN` does.
        by: How many bytes of the answer to send at a time.
        ends: Whether to close the connection after the answer.

    Attributes:
        heads: What was asked.
    """

    def __init__(self, answer: bytes = OPEN, *, by: int = 1 << 16, ends: bool = False) -> None:
        self._answer = answer
        self._by = by
        self._ends = ends
        self.heads: list[bytes] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._asked_to_end, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="relay")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()
        self._thread.join(LIMIT_SECONDS)
        assert not self._thread.is_alive()
        self._listener.close()
        self._asked_to_end.close()

    def _serve(self) -> None:
        while self._listener in self._ready(self._listener):
            with self._listener.accept()[0] as client, contextlib.suppress(OSError):
                self._let_through(client)

    def _ready(self, *sockets: socket.socket) -> list[socket.socket]:
        """Those that can be read; none when it is to end."""
        ready, _, _ = select.select([*sockets, self._asked_to_end], [], [], LIMIT_SECONDS)
        return [] if self._asked_to_end in ready else ready

    def _let_through(self, client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not self._ready(client) or not (piece := client.recv(1)):
                return
            head += piece
        self.heads.append(head)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(self._answer), self._by):
            client.sendall(self._answer[start : start + self._by])
        if self._ends:
            return
        if not self._answer.startswith(OPEN):
            while self._ready(client) and client.recv(1 << 16):
                pass
            return
        host, _, port = head.split()[1].decode().rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), LIMIT_SECONDS) as server:
            others = {client: server, server: client}
            while ready := self._ready(client, server):
                for one in ready:
                    piece = one.recv(1 << 16)
                    if not piece:
                        return
                    others[one].sendall(piece)
