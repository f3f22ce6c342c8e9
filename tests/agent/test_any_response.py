"""Responses that are nearly right, over a socket: each ends in a response or an error of ours."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from typing import Self

from twisted.internet.defer import CancelledError

from filebody import FilebodyError
from filebody.agent import Expect, Options, Retries, Timeouts
from tests.agent.cases import SMALL
from tests.agent.clients import AgentCase, Kind, outcome_of
from tests.agent.driven import LIMIT_SECONDS

COUNT = 300

STATUSES = [b"200 OK", b"201", b"100 On", b"204 No", b"303 See", b"307 Go", b"413 No", b"503 Later"]
FIELDS = [
    b"Content-Length: 2",
    b"Content-Length: 0",
    b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked",
    b"Connection: close",
    b"Connection: keep-alive, x",
    b"Location: /there",
    b"Location: http://[::1",
    b"Location: \xff\x00",
    b"Location: //u:p@h/",
    b"Location: http://127.0.0.1:99999/",
    b"Retry-After: 99999999999999999999999",
    b"Retry-After: Fri, 31 Dec 9999 23:59:59 -9999999999",
    b"Retry-After: 0",
    b"Date: Fri, 31 Dec 99999 23:59:59 GMT",
    b"Repr-Digest: sha-256=:!:",
    b"Content-Type: text/plain; charset=undefined",
    b"Upgrade: h2c",
    b"X-Name: \xe4\xf6",
]
BODIES = [
    b"",
    b"ok",
    b"2\r\nok\r\n0\r\n\r\n",
    b"2;a\r\nok\r\n0\r\nX: y\r\n\r\n",
    b"f" * 18 + b"\r\n",
]
ODD = [b" ", b"\t", b"\r", b"\n", b"\r\n ", b"\x00", b"\xe4", b":", b",", b"0"]


def response(chance: random.Random) -> bytes:
    """Up to three responses, in which a few bytes are other ones."""
    data = b""
    for _ in range(chance.randint(1, 3)):
        version = chance.choice([b"HTTP/1.1"] * 5 + [b"HTTP/1.0"])
        lines = [version + b" " + chance.choice(STATUSES)]
        lines += chance.choices(FIELDS, k=chance.randint(0, 4))
        data += b"\r\n".join(lines) + b"\r\n\r\n" + chance.choice(BODIES)
    for _ in range(chance.choice([0, 0, 1, 2])):
        at = chance.randint(0, len(data))
        data = data[:at] + chance.choice(ODD) + data[at + chance.randint(0, 1) :]
    return data


class Answers:
    """Answers the first request of each connection with what it was told, and closes."""

    def __init__(self) -> None:
        self.data = b""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(LIMIT_SECONDS)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, contextlib.suppress(OSError):
                    client.settimeout(LIMIT_SECONDS)
                    received = b""
                    while not received.endswith(b"\r\n\r\n") and len(received) < SMALL:
                        received += client.recv(1 << 16) or b"\r\n\r\n"
                    client.sendall(self.data)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(1 << 16):
                        pass


class TestAnyResponse(AgentCase):
    timeout = 60

    async def test_each(self) -> None:
        chance = random.Random(10)
        options = Options(
            expect=Expect.NEVER,
            redirects=2,
            retries=Retries(limit=1, first_delay_seconds=0.001),
            timeouts=Timeouts(stall_seconds=5.0, response_seconds=5.0),
        )
        agent = self.make_agent()
        with Answers() as server:
            for _ in range(COUNT):
                server.data = response(chance)
                kind = chance.choice([Kind.KNOWN, Kind.UNKNOWN, Kind.ONE_SHOT])
                method = chance.choice([b"PUT", b"POST"])
                body = self.body(kind, SMALL)
                outcome = await outcome_of(
                    self.request(agent, server.url, body, options, method=method)
                )
                if outcome.error is not None:
                    assert isinstance(outcome.error, FilebodyError), (server.data, outcome.error)
                else:
                    assert outcome.reason is not None
                    assert not isinstance(outcome.reason, CancelledError)
                    assert outcome.response.headers is not None, server.data
