"""Servers that do what a test says, and remember what they were sent; one thread a connection."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import attrs
import h11

TIMEOUT_SECONDS = 30.0


@attrs.define
class Received:
    """A request as it came."""

    method: str = ""
    target: str = ""
    fields: dict[str, str] = attrs.Factory(dict)
    content: bytearray = attrs.Factory(bytearray)
    is_complete: bool = False


class Peer:
    """One connection."""

    def __init__(self, sock: socket.socket, received: Received) -> None:
        self.socket = sock
        self.received = received
        self._http = h11.Connection(h11.SERVER)

    def head(self) -> None:
        """Read up to the body."""
        event = self._event()
        if isinstance(event, h11.ConnectionClosed):  # a client that was interrupted
            raise ConnectionAbortedError
        assert isinstance(event, h11.Request)
        self.received.method = event.method.decode()
        self.received.target = event.target.decode()
        self.received.fields = {
            name.decode(): value.decode("latin-1") for name, value in event.headers
        }

    def body(self) -> None:
        """Read to the end of the body, or of the connection."""
        while True:
            try:
                event = self._event()
            except (h11.RemoteProtocolError, ConnectionError):
                return
            if isinstance(event, h11.EndOfMessage):
                self.received.is_complete = True
                return
            assert isinstance(event, h11.Data)
            self.received.content += event.data

    def answer(self, status: int, content: bytes = b"", **fields: str) -> None:
        headers = [(name.replace("_", "-"), value) for name, value in fields.items()]
        headers += [("Content-Length", str(len(content))), ("Connection", "close")]
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{n}: {v}" for n, v in headers), "", ""]
        self.socket.sendall("\r\n".join(lines).encode() + content)

    def _event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]
            self._http.receive_data(self.socket.recv(1 << 16))


@attrs.frozen
class Server:
    url: str
    requests: list[Received]
    was_connected: threading.Event


Script = Callable[[Peer], None]


@contextlib.contextmanager
def serving(
    script: Script, *, context: ssl.SSLContext | None = None, buffer_bytes: int | None = None
) -> Iterator[Server]:
    """Run `script` for each connection; a failure of it fails the test."""
    listener = socket.create_server(("127.0.0.1", 0))
    if buffer_bytes is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    listener.settimeout(TIMEOUT_SECONDS)
    scheme = "http" if context is None else "https"
    server = Server(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/", [], threading.Event())
    faults: list[BaseException] = []

    def talk(sock: socket.socket) -> None:
        received = Received()
        server.requests.append(received)
        sock.settimeout(TIMEOUT_SECONDS)
        try:
            with sock if context is None else context.wrap_socket(sock, server_side=True) as wire:
                script(Peer(wire, received))
        except (ssl.SSLError, ConnectionError):
            pass  # clients that do not trust us or are told to stop end like this
        except BaseException as fault:
            faults.append(fault)

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                break
            server.was_connected.set()
            thread = threading.Thread(target=talk, args=(sock,))
            thread.start()
            talking.append(thread)

    talking: list[threading.Thread] = []
    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (accepting, *talking):
            thread.join(TIMEOUT_SECONDS)
    assert not faults, faults


def take_all(peer: Peer) -> None:
    """The server that works."""
    peer.head()
    peer.body()
    if peer.received.is_complete:
        peer.answer(201)


@contextlib.contextmanager
def full_port() -> Iterator[int]:
    """A port whose queue of connections is full: the kernel drops further attempts."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
