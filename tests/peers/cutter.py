"""A TCP server that reads exactly so many bytes of each connection and then hangs up.

In a thread of ours, with plain sockets: it sees every byte that the kernel delivers, and no
protocol library decides when it stops reading. With `target` it is a proxy that passes on what it
has read and the answers, and then hangs up on both sides.
"""

import contextlib
import itertools
import select
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Literal, Self

import attrs

By = Literal["close", "reset", "stall"]

_TIMEOUT_SECONDS = 60
_NEVER = 1 << 62


@attrs.define
class Cut:
    """What became of a connection.

    Attributes:
        read: how many bytes were read before the end of the connection.
        by_us: whether it was we who ended it.
    """

    read: int = 0
    by_us: bool = False


class Cutter:
    """Listens on loopback while in use.

    Args:
        after_bytes: how many bytes of each connection are read, headers included; or for one
            connection after the other, how many and how it ends. What follows is not cut.
        by: "close" ends the connection with FIN (the kernel makes it RST if unread bytes wait),
            "reset" with RST; "stall" reads no more and leaves the end to the client.
        target: host and port to pass the bytes on to.
    """

    def __init__(
        self,
        after_bytes: int | Iterable[tuple[int, By]],
        *,
        by: By = "close",
        target: tuple[str, int] | None = None,
    ) -> None:
        if isinstance(after_bytes, int):
            self._plans: Iterator[tuple[int, By]] = itertools.repeat((after_bytes, by))
        else:
            self._plans = itertools.chain(after_bytes, itertools.repeat((_NEVER, by)))
        self._target = target
        self.cuts: list[Cut] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._asked_to_end, self._end = socket.socketpair()
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, name="cutter")
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
        alive = [thread for thread in (self._acceptor, *self._threads) if thread.is_alive()]
        if alive and error is None:
            raise RuntimeError(f"the cutter hangs: {self.cuts}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._asked_to_end], [], [])
            if self._asked_to_end in ready:
                return
            connection, _ = self._listener.accept()
            cut = Cut()
            self.cuts.append(cut)
            plan = next(self._plans)
            thread = threading.Thread(
                target=self._serve, args=(connection, cut, *plan), name="cutter"
            )
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, cut: Cut, after_bytes: int, by: By) -> None:
        target = socket.create_connection(self._target) if self._target else None
        try:
            # The client may be gone first; what was counted until then stays true.
            with contextlib.suppress(ConnectionError):
                self._pass_on(connection, target, cut, after_bytes)
                if cut.read == after_bytes and by == "stall":
                    self._wait_for_the_end_of(connection)
                else:
                    cut.by_us = cut.read == after_bytes
        finally:
            for end in (connection, target):
                if end is not None:
                    self._hang_up(end, by)

    def _pass_on(
        self, client: socket.socket, target: socket.socket | None, cut: Cut, after_bytes: int
    ) -> None:
        sides = [client] if target is None else [client, target]
        while cut.read < after_bytes:
            ready, _, _ = select.select([*sides, self._asked_to_end], [], [], _TIMEOUT_SECONDS)
            if not ready or self._asked_to_end in ready:
                return
            if target in ready and target is not None:
                answer = target.recv(1 << 16)
                if not answer:
                    return
                client.sendall(answer)
            if client in ready:
                data = client.recv(min(1 << 16, after_bytes - cut.read))
                if not data:
                    return
                cut.read += len(data)
                if target is not None:
                    target.sendall(data)

    def _wait_for_the_end_of(self, client: socket.socket) -> None:
        poll = select.poll()
        # Seen behind the bytes that nobody reads, too.
        poll.register(client, select.POLLRDHUP)
        poll.register(self._asked_to_end, select.POLLIN)
        poll.poll(_TIMEOUT_SECONDS * 1000)

    def _hang_up(self, end: socket.socket, by: By) -> None:
        if by == "reset":
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.close()
