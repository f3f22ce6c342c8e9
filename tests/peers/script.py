"""A server that plays byte scripts literally: send this, wait for that, reset.

    with ScriptedServer([ReadHead(), Send(b"HTTP/1.1 413 No\\r\\n\\r\\n"), Close()]) as server:
        ...
    assert not server.connections[0].requests[0].complete

It is no HTTP server: nothing is answered but what the script says, and what clients send is taken
apart strictly and kept. One script for each connection, in the order in which they are accepted; a
connection too many is a fault. In threads of its own, and never without an end: leaving the `with`
ends every connection.

What is sent may hold names in braces: `{here}` is the server's own URL without a path, others are
given to the constructor.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import attrs

from tests.peers.certificates import Certificates
from tests.peers.channel import Channel, End, Ended, TLSChannel
from tests.peers.framing import BadRequest, Request, RequestParser

__all__ = [
    "Arrive",
    "Close",
    "CloseWithoutCloseNotify",
    "Connection",
    "End",
    "HalfClose",
    "ReadBody",
    "ReadHead",
    "Reset",
    "Script",
    "ScriptedServer",
    "Send",
    "SpeakPlain",
    "Stall",
    "Step",
    "Wait",
]

_TIMEOUT_SECONDS = 60
# Small, so that a client that is not read has to wait soon.
_RECEIVE_BUFFER_BYTES = 1 << 16


class Step:
    """One thing that a server does."""


@attrs.frozen
class ReadHead(Step):
    """Read the head of the next request; the body of the one before it as well, if need be."""


@attrs.frozen
class ReadBody(Step):
    """Read the body of the request.

    Attributes:
        at_least: Go on when so many bytes of it are there; None for the whole, with its trailer.
            On a plain connection not a byte more is read.
    """

    at_least: int | None = None


@attrs.frozen
class Send(Step):
    """Send these bytes; `by` so many at a time, each in a packet and TLS record of its own."""

    data: bytes
    by: int | None = None


@attrs.frozen
class Wait(Step):
    """Go on when the test calls `ScriptedServer.let` with this name; read nothing meanwhile."""

    name: str


@attrs.frozen
class Arrive(Step):
    """Wait until the client's kernel has acknowledged all that was sent."""


@attrs.frozen
class HalfClose(Step):
    """Say that no more bytes come: close_notify over TLS, FIN. Reading goes on."""


@attrs.frozen
class Close(Step):
    """Close in order. If unread bytes wait, the kernel makes it RST, as with any server."""


@attrs.frozen
class CloseWithoutCloseNotify(Step):
    """Close a TLS connection without saying so inside of TLS."""


@attrs.frozen
class Reset(Step):
    """Abort with RST."""


@attrs.frozen
class Stall(Step):
    """Read nothing any more, and wait for the client's end."""


@attrs.frozen
class SpeakPlain(Step):
    """As the first step: make no TLS handshake on this connection."""


# After its last step, if that does not end the connection, bytes are read until the client does.
Script = Sequence[Step]


@attrs.define(eq=False)
class Connection:
    """What a client did on one connection.

    Attributes:
        requests: With their bodies; the last one may be incomplete.
        raw: All bytes that were read, inside of TLS.
        at: How many steps of the script are done.
        end: How it ended, or None while it goes on.
    """

    requests: list[Request]
    raw: bytearray = attrs.field(factory=bytearray, repr=lambda raw: f"<{len(raw)} bytes>")
    at: int = 0
    end: End | None = None


class ScriptedServer:
    """Listens on loopback while in use.

    Args:
        scripts: One for each connection.
        certificates: Speak TLS with these.
        repeat_last: Whether the last script is for all further connections too.
        takes_up: There is one script for all connections: each goes on where the client has ended
            the one before it.
        names: What stands for names in braces in what is sent.

    Attributes:
        connections: In the order in which they were accepted.
        faults: What no client may do, in words; leaving the `with` raises them.
    """

    def __init__(
        self,
        *scripts: Script,
        certificates: Certificates | None = None,
        repeat_last: bool = False,
        takes_up: bool = False,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self._scripts = scripts
        self._repeat_last = repeat_last
        self._takes_up = takes_up
        self._names = dict(names or {})
        self._context: ssl.SSLContext | None = None
        if certificates is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificates.server)
        self._changed = threading.Condition()
        self._let: set[str] = set()
        self._stopping = False
        self.connections: list[Connection] = []
        self.faults: list[str] = []

    def __enter__(self) -> Self:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(256)
        self.port: int = self._listener.getsockname()[1]
        self._names["here"] = self.url
        self._asked_to_end, self._end = socket.socketpair()
        self._threads = [threading.Thread(target=self._accept, name="script")]
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        if self.faults and error is None:
            raise AssertionError("; ".join(self.faults))

    @property
    def url(self) -> str:
        """Of the server, without a slash at the end."""
        return f"{'http' if self._context is None else 'https'}://127.0.0.1:{self.port}"

    def let(self, name: str) -> None:
        """Let scripts pass that wait for this name, now or later."""
        with self._changed:
            self._let.add(name)
            self._changed.notify_all()

    def all_ended(self) -> bool:
        """Whether every connection so far is over."""
        return all(connection.end is not None for connection in self.connections)

    def stop(self) -> None:
        """End every connection, and wait for the threads; may be called twice."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._end.close()
        for thread in self._threads:
            thread.join(_TIMEOUT_SECONDS)
        self._listener.close()
        self._asked_to_end.close()
        if any(thread.is_alive() for thread in self._threads):
            self.faults.append("a script hangs")

    def _accept(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._asked_to_end], [], [])
            if self._asked_to_end in ready:
                return
            accepted, _ = self._listener.accept()
            number = len(self.connections)
            script = self._script_of(number)
            if script is None:
                self.faults.append(f"connection {number + 1} was not expected")
                accepted.close()
                continue
            parser = RequestParser()
            connection = Connection(parser.requests)
            self.connections.append(connection)
            # Its arguments are read by the thread alone from here on.
            play = _Play(self, accepted, script, connection, parser)
            thread = threading.Thread(target=play.run, name="script")
            self._threads.append(thread)
            thread.start()

    def _script_of(self, number: int) -> Script | None:
        if self._takes_up and number:
            self._threads[-1].join(_TIMEOUT_SECONDS)
            done = sum(connection.at for connection in self.connections)
            rest = self._scripts[0][done:]
            return rest or None
        if number >= len(self._scripts) and not self._repeat_last:
            return None
        return self._scripts[min(number, len(self._scripts) - 1)]

    def _channel(self, accepted: socket.socket, script: Script) -> Channel:
        speaks_plain = bool(script) and isinstance(script[0], SpeakPlain)
        if self._context is None or speaks_plain:
            return Channel(accepted, self._asked_to_end, _TIMEOUT_SECONDS)
        return TLSChannel(accepted, self._asked_to_end, _TIMEOUT_SECONDS, self._context)

    def _wait(self, name: str) -> None:
        with self._changed:
            met = self._changed.wait_for(
                lambda: self._stopping or name in self._let, _TIMEOUT_SECONDS
            )
            if name not in self._let:
                raise Ended(End.STOPPED if met else End.LATE)

    def _fill_in(self, data: bytes) -> bytes:
        for name, value in self._names.items():
            data = data.replace(b"{%b}" % name.encode(), value.encode())
        return data


class _Play:
    """One script on one connection."""

    def __init__(
        self,
        server: ScriptedServer,
        accepted: socket.socket,
        script: Script,
        connection: Connection,
        parser: RequestParser,
    ) -> None:
        self._server = server
        self._script = script
        self._connection = connection
        self._parser = parser
        self._channel = server._channel(accepted, script)

    def run(self) -> None:
        end = End.OURS
        try:
            end = self._play()
        except Ended as ended:
            end = ended.end
        except BadRequest as error:
            self._server.faults.append(f"not HTTP: {error}")
        except ssl.SSLError:
            end = End.RST  # the client does not want our TLS; what it says is its test's matter
        finally:
            if end is End.LATE:
                self._server.faults.append(f"nothing happened for too long: {self._connection}")
            self._channel.close()
            self._connection.end = end

    def _play(self) -> End:
        if isinstance(self._channel, TLSChannel):
            self._channel.handshake()
        for step in self._script:
            end = self._step(step)
            self._connection.at += 1
            if end is not None:
                return end
        while True:
            self._read(1 << 16)

    def _step(self, step: Step) -> End | None:
        """Do it, and say how the connection ended if that is what it did."""
        match step:
            case ReadHead():
                self._read_head()
            case ReadBody():
                self._read_body(step.at_least)
            case Send():
                data = self._server._fill_in(step.data)
                for start in range(0, len(data), step.by or len(data) or 1):
                    self._channel.write(data[start : start + (step.by or len(data))])
            case Wait():
                self._server._wait(step.name)
            case Arrive():
                self._channel.arrive()
            case HalfClose():
                self._channel.finish()
            case Close():
                self._channel.farewell()
                self._channel.close()
                return End.OURS
            case CloseWithoutCloseNotify():
                self._channel.close()
                return End.OURS
            case Reset():
                self._channel.reset()
                return End.OURS
            case Stall():
                return self._channel.watch()
            case SpeakPlain():
                pass  # see ScriptedServer._channel
        return None

    def _read_head(self) -> None:
        expected = 1 + sum(isinstance(step, ReadHead) for step in self._done())
        while len(self._parser.requests) < expected:
            # One by one where a body could follow, so that of this nothing is read.
            self._read(1)

    def _done(self) -> Script:
        return self._script[: self._connection.at]

    def _read_body(self, at_least: int | None) -> None:
        request = self._parser.requests[-1]
        while not request.complete:
            missing = 1 << 16 if at_least is None else at_least - len(request.body)
            if missing <= 0:
                return
            self._read(missing)

    def _read(self, size: int) -> None:
        data = self._channel.read(size)
        self._connection.raw += data
        self._parser.feed(data)
