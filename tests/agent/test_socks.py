"""SOCKS5: against answers of all kinds, and a server that we did not write."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from twisted.internet.defer import CancelledError, Deferred

from filebody import BytesBody
from filebody.agent._proxy import Proxy
from filebody.agent._socks import socks
from filebody.errors import ConnectError, ConnectTimeout, ProxyError
from filebody.wire import parse_target
from tests.agent.driven import LIMIT_SECONDS, Driven, Hand, caught, listening
from tests.agent.sending import SendCase
from tests.cli.command import run
from tests.cli.server import serving, take_all
from tests.peers.ports import free_port
from tests.peers.socks import SocksServer

URL = "http://host.test/"
HELLO = b"\x05\x00"
LOGIN = b"\x05\x02"
OPEN = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34"


@contextlib.contextmanager
def answering(answers: Sequence[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """A proxy for one connection that takes something and answers, and closes at the end."""
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(LIMIT_SECONDS)

    def serve() -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as client:
            client.settimeout(LIMIT_SECONDS)
            for answer in answers:
                heard.append(client.recv(1 << 10))
                for octet in answer:  # one by one: none of them may be waited for in a piece
                    client.sendall(bytes([octet]))
            client.shutdown(socket.SHUT_WR)
            client.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], heard
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(LIMIT_SECONDS)
        listener.close()


def begin(
    reactor: object,
    port: int,
    url: str = URL,
    *,
    credentials: tuple[str, str] | None = None,
    scheme: str = "socks5h",
    seconds: float | None = 30,
) -> tuple[socket.socket, Deferred[None]]:
    connected = socket.create_connection(("127.0.0.1", port), LIMIT_SECONDS)
    connected.setblocking(False)
    proxy = Proxy("127.0.0.1", port, credentials, scheme)
    return connected, socks(reactor, connected, proxy, parse_target(url).origin, seconds, URL)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://host.test/", b"\x03\x09host.test\x00\x50"),
        ("https://straße.test:8443/", b"\x03\x12xn--strae-oqa.test\x20\xfb"),
        ("http://127.0.0.1/", b"\x01\x7f\x00\x00\x01\x00\x50"),
        ("http://[::1%25lo]/", b"\x04" + bytes(15) + b"\x01\x00\x50"),
    ],
)
@pytest.mark.parametrize("address", [OPEN[3:], b"\x03\x02ab\x00\x00", b"\x04" + bytes(18)])
def test_an_open_way(driven: Driven, url: str, asked: bytes, address: bytes) -> None:
    with answering([HELLO, OPEN[:3] + address + b"HTTP"]) as (port, heard):
        connected, opening = begin(driven.reactor, port, url)
        with connected:
            assert driven.result(opening) is None
            connected.settimeout(LIMIT_SECONDS)
            assert connected.recv(4, socket.MSG_WAITALL) == b"HTTP"  # which is the server's
    assert heard[0] == b"\x05\x01\x00"
    assert heard[1].startswith(b"\x05\x01\x00" + asked)


def test_a_login(driven: Driven) -> None:
    with answering([LOGIN, b"\x01\x00", OPEN]) as (port, heard):
        connected, opening = begin(driven.reactor, port, credentials=("mé", ""))
        with connected:
            driven.result(opening)
    assert heard[0] == b"\x05\x02\x00\x02"
    assert heard[1] == b"\x01\x03m\xc3\xa9\x00"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([b""], "closed the connection"),
        ([b"\x05"], "closed the connection"),
        ([HELLO, OPEN[:-1]], "closed the connection"),
        ([b"HTTP/1.1 400 \r\n"], "does not speak SOCKS5"),
        ([b"\x04\x5a"], "does not speak SOCKS5"),
        ([b"\x05\xff"], "wants a user name and a password: write socks5h://USER:PASSWORD@HOST"),
        ([LOGIN], "wants a user name and a password"),
        ([b"\x05\x7f"], "does not speak SOCKS5"),
        ([HELLO, b"\x05\x02\x00\x01\x00"], "its rules do not let anything through"),
        ([HELLO, b"\x05\x05\x00\x01\x00"], "host.test port 80: nothing listens there"),
        ([HELLO, b"\x05\x63\x00\x01\x00"], "it does not say why"),
        ([HELLO, b"\x05\x00\x00\x09\x00"], "does not speak SOCKS5"),
        ([HELLO, b"\x04\x00\x00\x01\x00"], "does not speak SOCKS5"),
    ],
)
def test_a_way_that_does_not_open(driven: Driven, answers: Sequence[bytes], words: str) -> None:
    with answering(answers) as (port, _):
        connected, opening = begin(driven.reactor, port)
        error = driven.outcome(opening)
        assert connected.fileno() == -1
    assert isinstance(error, ProxyError)
    assert error.reason.startswith(f"the proxy 127.0.0.1:{port} ")
    assert words in str(error)


def test_a_login_that_is_refused(driven: Driven) -> None:
    with answering([LOGIN, b"\x01\x01"]) as (port, _):
        _, opening = begin(driven.reactor, port, credentials=("me", "hunter2"))
        error = driven.outcome(opening)
    assert "refused the user name and password" in str(error)
    assert "hunter2" not in str(error)


def test_a_name_that_is_resolved_here(driven: Driven) -> None:
    driven.resolver.known["host.test"] = ("::1", "127.0.0.9")
    with answering([HELLO, OPEN]) as (port, heard):
        connected, opening = begin(driven.reactor, port, scheme="socks5")
        with connected:
            driven.result(opening)
    assert heard[1] == b"\x05\x01\x00\x01\x7f\x00\x00\x09\x00\x50"


def test_a_name_that_is_not_there(driven: Driven) -> None:
    driven.resolver.known["host.test"] = ()
    with answering([HELLO, OPEN]) as (port, _):
        connected, opening = begin(driven.reactor, port, scheme="socks5")
        with connected:
            assert isinstance(driven.outcome(opening), ConnectError)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_no_answer_in_time(scheme: str) -> None:
    hand = Hand()
    with listening() as listener:
        port = listener.getsockname()[1]
        connected, opening = begin(hand, port, scheme=scheme, seconds=5)
        with connected:
            hand.advance(5)
            assert isinstance(caught(opening), ConnectTimeout)
    assert hand.is_empty


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_cancelled(scheme: str) -> None:
    hand = Hand()
    with listening() as listener:
        connected, opening = begin(hand, listener.getsockname()[1], scheme=scheme)
        with connected:
            opening.cancel()
            assert isinstance(caught(opening), CancelledError)
    assert hand.is_empty


class TestServer(SendCase):
    async def test_uploads(self) -> None:
        content = bytes(range(256)) * 4_000
        with (
            SocksServer(self.directory / "log", login=("me", "hunter2")) as proxy,
            serving(take_all) as server,
        ):
            for scheme in ("socks5", "socks5h"):
                self.agent.close()
                self.agent = self.make_agent(proxy.url(scheme, "me:hunter2@"))
                answer = await self.put(
                    server.url.replace("127.0.0.1", "localhost"), BytesBody(content)
                )
                assert answer.status == 201
                received = server.requests[-1]
                digest = hashlib.sha256(received.content).digest()
                assert digest == hashlib.sha256(content).digest()
            self.agent.close()
            self.agent = self.make_agent(proxy.url("socks5h", "me:wrong@"))
            with pytest.raises(ProxyError, match="refused the user name and password"):
                await self.put(server.url, BytesBody(content))


@pytest.mark.parametrize(
    ("variable", "excepted"),
    [("http_proxy", ""), ("ALL_PROXY", ""), ("https_proxy", ""), ("ALL_PROXY", "127.0.0.0/8")],
)
def test_the_command(variable: str, excepted: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    with SocksServer(tmp_path / "log") as proxy, serving(take_all) as server:
        environ = {variable: proxy.url("socks5h"), "NO_PROXY": excepted}
        outcome = run("send", "-v", "f", server.url, cwd=tmp_path, env=environ)
        is_used = variable != "https_proxy" and not excepted
        port = proxy.url("").rpartition(":")[2] if is_used else server.url.split(":")[2][:-1]
        assert outcome.code == 0, outcome.err
        assert f"connected to 127.0.0.1:{port}" in outcome.err


def test_an_unusable_proxy_stops_what_would_go_through_it(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    url = f"http://127.0.0.1:{free_port()}/"
    outcome = run("send", "f", url, cwd=tmp_path, env={"http_proxy": "socks4://h"})
    assert outcome.code == 2
    assert "--proxy '' goes without" in outcome.error
