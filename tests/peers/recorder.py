"""A TCP proxy that reads along: what was sent of uploads, and how much was confirmed before."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import attrs

_TIMEOUT_SECONDS = 60
_OFFSET = re.compile(rb"\r\nupload-offset: *(\d+)\r\n", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@attrs.define
class Passed:
    """A request that went through.

    Attributes:
        method: its method.
        offset: where its body belongs; 0 if it does not say.
        confirmed: the highest offset that a response had told before it.
        body_bytes: how much of its body the client has sent.
    """

    method: str
    offset: int
    confirmed: int
    body_bytes: int = 0

    @property
    def repeated_bytes(self) -> int:
        """How many bytes were sent although they were confirmed before."""
        return max(0, min(self.confirmed, self.offset + self.body_bytes) - self.offset)


class Recorder:
    """Listens on loopback while in use; for one upload, with bodies of known length.

    Args:
        target: host and port of the server; nobody needs to listen there all the time.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self.requests: list[Passed] = []
        self.confirmed = 0

    def __enter__(self) -> Self:
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._asked_to_end, self._end = socket.socketpair()
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, name="recorder")
        self._acceptor.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end.close()
        self._acceptor.join(_TIMEOUT_SECONDS)
        for thread in self._threads:
            thread.join(_TIMEOUT_SECONDS)
        self._listener.close()
        self._asked_to_end.close()

    @property
    def sent_bytes(self) -> int:
        """How much of bodies clients have sent, all requests together."""
        return sum(request.body_bytes for request in self.requests)

    @property
    def repeated_bytes(self) -> int:
        """How many of them were confirmed before they were sent."""
        return sum(request.repeated_bytes for request in self.requests)

    def confirm(self, offset: int) -> None:
        """So much need not be sent again."""
        self.confirmed = max(self.confirmed, offset)

    def wait_until(self, condition: Callable[[], bool]) -> bool:
        """Wait for what clients send; False when that takes unreasonably long."""
        with self._changed:
            return self._changed.wait_for(condition, _TIMEOUT_SECONDS)

    def _accept(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._asked_to_end], [], [])
            if self._asked_to_end in ready:
                return
            client, _ = self._listener.accept()
            thread = threading.Thread(target=self._serve, args=(client,), name="recorder")
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        # Either may be gone at any time; that is what it is for.
        with client, contextlib.suppress(OSError):
            server = socket.create_connection(self._target)
            with server:
                self._pass_on(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        requests, answers = _Requests(self), _Answers(self)
        while True:
            sides = [client, server, self._asked_to_end]
            ready, _, _ = select.select(sides, [], [], _TIMEOUT_SECONDS)
            if not ready or self._asked_to_end in ready:
                return
            for side, other, reader in ((server, client, answers), (client, server, requests)):
                if side not in ready:
                    continue
                data = side.recv(1 << 16)
                if not data:
                    return
                with self._changed:
                    reader.read(data)
                    self._changed.notify_all()
                other.sendall(data)


class _Requests:
    """What a client sends on one connection."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._head = b""
        self._left_bytes = 0

    def read(self, data: bytes) -> None:
        while data:
            if self._left_bytes:
                count = min(self._left_bytes, len(data))
                self._passed.body_bytes += count
                self._left_bytes -= count
                data = data[count:]
                continue
            head, ended, data = (self._head + data).partition(b"\r\n\r\n")
            self._head = b"" if ended else head
            if ended:
                self._begin(head + b"\r\n")

    def _begin(self, head: bytes) -> None:
        offset, length = _OFFSET.search(head), _LENGTH.search(head)
        self._passed = Passed(
            head.partition(b" ")[0].decode(),
            int(offset[1]) if offset else 0,
            self._recorder.confirmed,
        )
        self._left_bytes = int(length[1]) if length else 0
        self._recorder.requests.append(self._passed)


class _Answers:
    """What a server answers on one connection."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._rest = b""

    def read(self, data: bytes) -> None:
        known = self._rest + data
        for found in _OFFSET.finditer(known):
            self._recorder.confirm(int(found[1]))
        self._rest = known[-100:]  # a field may come in two pieces
