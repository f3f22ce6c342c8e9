from __future__ import annotations

import socket

import pytest
from twisted.internet.defer import CancelledError, Deferred

from filebody.agent._fields import USER_AGENT
from filebody.agent._proxy import Proxy
from filebody.agent._tunnel import tunnel
from filebody.errors import ConnectTimeout, ProxyError
from filebody.wire import Origin
from tests.agent.driven import LIMIT_SECONDS, Driven, Hand, caught, listening
from tests.agent.relay import OPEN, Relay

URL = "http://host.test/"
AGENT = b": ".join(USER_AGENT)
ORIGIN = Origin("https", "host.test", 443)


def begin(
    reactor: object,
    port: int,
    *,
    origin: Origin = ORIGIN,
    credentials: tuple[str, str] | None = None,
    seconds: float | None = 30,
) -> tuple[socket.socket, Deferred[None]]:
    connected = socket.create_connection(("127.0.0.1", port), LIMIT_SECONDS)
    connected.setblocking(False)
    proxy = Proxy("127.0.0.1", port, credentials)
    return connected, tunnel(reactor, connected, proxy, origin, seconds, URL)


def refusal(driven: Driven, relay: Relay) -> ProxyError:
    connected, opening = begin(driven.reactor, relay.port)
    error = driven.outcome(opening)
    assert connected.fileno() == -1
    assert isinstance(error, ProxyError)
    assert error.url == URL
    assert error.reason.startswith(f"the proxy 127.0.0.1:{relay.port} ")
    return error


@pytest.mark.parametrize(
    "answer",
    [
        OPEN,
        OPEN[:-4] + b"\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OPEN,
        b"HTTP/1.0 200 OK\r\n\r\n",
    ],
)
@pytest.mark.parametrize("by", [1, 1000])
def test_an_open_way(driven: Driven, answer: bytes, by: int) -> None:
    with Relay(answer, by=by) as relay, listening() as listener:
        origin = Origin("http", *listener.getsockname())
        connected, opening = begin(driven.reactor, relay.port, origin=origin)
        with connected:
            assert driven.result(opening) is None
            assert not driven.reactor.getWriters()
            if answer == OPEN:
                accepted, _ = listener.accept()
                with accepted:
                    connected.sendall(b"there")
                    assert accepted.recv(100) == b"there"
                    accepted.sendall(b"and back")
                    connected.settimeout(LIMIT_SECONDS)
                    assert connected.recv(100) == b"and back"
    assert relay.heads == [
        b"CONNECT %(to)b HTTP/1.1\r\nHost: %(to)b\r\n%(agent)b\r\n\r\n"
        % {b"to": origin.host_and_port, b"agent": AGENT}
    ]


def test_what_is_asked(driven: Driven) -> None:
    with Relay(b"HTTP/1.1 200 OK\r\n\r\n") as relay:
        connected, opening = begin(
            driven.reactor,
            relay.port,
            origin=Origin("https", "::1", 443),
            credentials=("mé", "p:w"),
        )
        with connected:
            driven.result(opening)
    (head,) = relay.heads
    assert head == (
        b"CONNECT [::1]:443 HTTP/1.1\r\n"
        b"Host: [::1]:443\r\n" + AGENT + b"\r\n"
        b"Proxy-Authorization: Basic bcOpOnA6dw==\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (
            b"HTTP/1.1 407 Login, please\r\nProxy-Authenticate: Basic\r\n\r\nhow?",
            407,
            "answered 407 Login, please: it wants a user name and a password",
        ),
        (b"HTTP/1.1 403 Filtered\r\n\r\n", 403, "answered 403 Filtered: it does not let anything"),
        (b"HTTP/1.1 502 \r\n\r\n", 502, "answered 502: it could not connect"),
        (b"HTTP/1.1 418 \xff\x00tea\r\n\r\n", None, "does not speak HTTP/1.1"),
        (b"HTTP/1.1 418 \xe9\x85\r\n\r\n", 418, "answered 418 é?"),
        (b"HTTP/1.1 301 Go\r\nLocation: http://x/\r\n\r\n", 301, "answered 301 Go"),
        (b"SSH-2.0-x\r\n\r\n", None, "does not speak HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, None, "does not speak HTTP/1.1"),
        (b"HTTP/1.1 102 On\r\n\r\n" * 5_000, None, "(its head has no end)"),
        (b"HTTP/1.1 200 OK\r\n\r\nSSH-2.0-x\r\n", 200, "sent something through the tunnel before"),
    ],
)
def test_a_way_that_does_not_open(
    driven: Driven, answer: bytes, status: int | None, words: str
) -> None:
    with Relay(answer) as relay:
        error = refusal(driven, relay)
    assert error.status == status
    assert words in error.reason


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 \r\n\r\n"])
def test_an_end_before_the_answer(driven: Driven, answer: bytes) -> None:
    with Relay(answer, ends=True) as relay:
        error = refusal(driven, relay)
    assert error.status is None
    assert "does not speak HTTP/1.1 (it closed the connection)" in error.reason


def test_a_reset(driven: Driven) -> None:
    with listening() as listener:
        connected, opening = begin(driven.reactor, listener.getsockname()[1])
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        accepted.close()
        error = driven.outcome(opening)
    assert isinstance(error, ProxyError)
    assert "lost the connection (Connection reset by peer)" in error.reason
    assert connected.fileno() == -1


def test_too_late(driven: Driven) -> None:
    with listening() as listener:
        port = listener.getsockname()[1]
        connected, opening = begin(driven.reactor, port, seconds=0.05)
        error = driven.outcome(opening)
    assert isinstance(error, ConnectTimeout)
    assert error.reason == f"the proxy 127.0.0.1:{port} opened no way there within 0.05 s"
    assert connected.fileno() == -1


def test_cancelled(driven: Driven) -> None:
    with listening() as listener:
        connected, opening = begin(driven.reactor, listener.getsockname()[1], seconds=None)
        opening.cancel()
        assert isinstance(driven.outcome(opening), CancelledError)
        assert connected.fileno() == -1


def test_the_reactor_ends() -> None:
    hand = Hand()
    with listening() as listener:
        _, opening = begin(hand, listener.getsockname()[1])
        hand.stop()
        error = caught(opening)
    assert isinstance(error, ProxyError)
    assert "is watched no more (the end)" in error.reason
    assert hand.is_empty
