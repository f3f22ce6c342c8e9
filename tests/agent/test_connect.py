from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from twisted.internet.defer import CancelledError, Deferred

from filebody.agent._connect import Route, connect
from filebody.agent._options import Timeouts
from filebody.agent._proxy import Proxy
from filebody.agent._tls import default_context
from filebody.errors import (
    ConnectError,
    ConnectTimeout,
    ProxyError,
    TLSError,
    TLSTimeout,
)
from filebody.wire import Origin
from tests.agent.driven import LIMIT_SECONDS, Driven, black_hole, closed_port, listening
from tests.agent.relay import Relay
from tests.peers.certificates import Certificates
from tests.peers.script import Close, ReadBody, ReadHead, ScriptedServer, Send

URL = "https://localhost/"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
SCRIPT = [ReadHead(), ReadBody(), Send(OK), Close()]


class Attempt:
    """Connects, and notes what it hears."""

    def __init__(self, driven: Driven, tls: ssl.SSLContext) -> None:
        self.driven = driven
        self.tls: ssl.SSLContext | None = tls
        self.timeouts = Timeouts()
        self.heard: list[Any] = []
        self.on_connected = self.on_secured = self.do_nothing

    @staticmethod
    def do_nothing() -> None:
        pass

    def cancel(self) -> None:
        self.deferred.cancel()

    def begin(self, route: Route) -> Deferred[socket.socket]:
        self.deferred = connect(
            self.driven.reactor,
            route,
            tls=self.tls,
            timeouts=self.timeouts,
            url=URL,
            connected=self._connected,
            secured=self._secured,
        )
        return self.deferred

    def _connected(self, peer: str) -> None:
        self.heard.append(peer)
        self.on_connected()

    def _secured(self, version: str, cipher: str) -> None:
        self.heard.append((version, cipher))
        self.on_secured()


@pytest.fixture
def attempt(driven: Driven, certificates: Certificates) -> Attempt:
    context = default_context()
    context.load_verify_locations(certificates.authority)
    return Attempt(driven, context)


def http(port: int) -> Origin:
    return Origin("http", "127.0.0.1", port)


def https(port: int) -> Origin:
    return Origin("https", "127.0.0.1", port)


def check(connected: socket.socket) -> None:
    """A request can be sent on it."""
    with connected:
        assert not connected.getblocking()
        connected.settimeout(LIMIT_SECONDS)
        connected.sendall(b"GET / HTTP/1.1\r\nHost: host.test\r\n\r\n")
        assert connected.recv(100) == OK


@contextlib.contextmanager
def reset() -> Iterator[tuple[int, Callable[[], None]]]:
    """A listener, and how to reset a connection to it."""
    with listening() as listener:

        def strike() -> None:
            accepted, _ = listener.accept()
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            accepted.close()

        yield listener.getsockname()[1], strike


class TestWays:
    def test_http(self, attempt: Attempt) -> None:
        attempt.tls = None
        with ScriptedServer(SCRIPT) as server:
            check(attempt.driven.result(attempt.begin(Route(http(server.port)))))
        assert attempt.heard == [f"127.0.0.1:{server.port}"]

    def test_https(self, attempt: Attempt, certificates: Certificates) -> None:
        with ScriptedServer(SCRIPT, certificates=certificates) as server:
            connected = attempt.driven.result(attempt.begin(Route(https(server.port))))
            assert isinstance(connected, ssl.SSLSocket)
            check(connected)
        assert attempt.heard == [
            f"127.0.0.1:{server.port}",
            ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
        ]

    def test_by_a_proxy(self, attempt: Attempt, certificates: Certificates) -> None:
        for secure in (None, certificates):
            attempt.heard.clear()
            with Relay() as relay, ScriptedServer(SCRIPT, certificates=secure) as server:
                origin = (http if secure is None else https)(server.port)
                route = Route(origin, Proxy("127.0.0.1", relay.port))
                check(attempt.driven.result(attempt.begin(route)))
            assert attempt.heard[0] == f"127.0.0.1:{relay.port}"
            assert len(attempt.heard) == (1 if secure is None else 2)
            assert relay.heads[0].startswith(b"CONNECT %b HTTP" % origin.host_and_port)

    def test_by_a_unix_socket(self, attempt: Attempt, tmp_path: Path) -> None:
        path = str(tmp_path / "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            route = Route(Origin("http", "host.test", 80), Proxy("proxy.test", 1), path)
            with attempt.driven.result(attempt.begin(route)) as connected:
                assert connected.getpeername() == path
        assert attempt.heard == [path]

    def test_from_an_address(self, attempt: Attempt) -> None:
        with listening() as listener:
            route = Route(http(listener.getsockname()[1]), bind_address="127.0.0.2")
            with attempt.driven.result(attempt.begin(route)) as connected:
                assert connected.getsockname()[0] == "127.0.0.2"

    def test_the_default_trust(self, attempt: Attempt, certificates: Certificates) -> None:
        attempt.tls = None
        with ScriptedServer(SCRIPT, certificates=certificates) as server:
            error = attempt.driven.outcome(attempt.begin(Route(https(server.port))))
        assert isinstance(error, TLSError)
        assert len(attempt.heard) == 1

    def test_many_at_once(self, attempt: Attempt) -> None:
        with listening(backlog=200) as listener:
            route = Route(http(listener.getsockname()[1]))
            found: list[socket.socket] = []
            for _ in range(100):
                attempt.begin(route).addCallback(found.append)
            attempt.driven.until(lambda: len(found) == 100)
            for connected in found:
                connected.close()


class TestFailures:
    def test_no_server(self, attempt: Attempt) -> None:
        with closed_port() as port:
            error = attempt.driven.outcome(attempt.begin(Route(http(port))))
        assert isinstance(error, ConnectError)
        assert attempt.heard == []

    def test_no_proxy(self, attempt: Attempt) -> None:
        with closed_port() as port:
            route = Route(http(1), Proxy("127.0.0.1", port))
            error = attempt.driven.outcome(attempt.begin(route))
        assert isinstance(error, ProxyError)
        assert error.status is None
        assert error.reason.startswith("the proxy cannot be reached: connection refused: nothing")
        assert isinstance(error.__cause__, ConnectError)

    def test_a_proxy_that_refuses(self, attempt: Attempt) -> None:
        with Relay(b"HTTP/1.1 403 No\r\n\r\n") as relay:
            route = Route(http(1), Proxy("127.0.0.1", relay.port))
            error = attempt.driven.outcome(attempt.begin(route))
        assert isinstance(error, ProxyError)
        assert error.status == 403

    def test_a_server_that_speaks_no_tls(self, attempt: Attempt) -> None:
        with ScriptedServer([Send(b"SSH-2.0-x\r\n")]) as server:
            error = attempt.driven.outcome(attempt.begin(Route(https(server.port))))
            server.faults.clear()  # it does not understand us either
        assert isinstance(error, TLSError)

    @pytest.mark.parametrize("proxied", [False, True])
    def test_no_connection_in_time(self, attempt: Attempt, proxied: bool) -> None:
        attempt.timeouts = Timeouts(connect_seconds=0.05)
        with black_hole("127.0.0.2") as port:
            route = Route(Origin("http", "127.0.0.2", port))
            if proxied:
                route = Route(http(1), Proxy("127.0.0.2", port))
            error = attempt.driven.outcome(attempt.begin(route))
        assert isinstance(error, ConnectTimeout)
        assert error.reason.startswith("the proxy cannot be reached: ") is proxied

    def test_no_way_through_a_proxy_in_time(self, attempt: Attempt) -> None:
        attempt.timeouts = Timeouts(connect_seconds=0.5)
        with listening() as listener:
            route = Route(http(1), Proxy("127.0.0.1", listener.getsockname()[1]))
            error = attempt.driven.outcome(attempt.begin(route))
        assert isinstance(error, ConnectTimeout)
        assert "opened no way there within" in error.reason

    def test_no_handshake_in_time(self, attempt: Attempt) -> None:
        attempt.timeouts = Timeouts(connect_seconds=None, tls_seconds=0.05)
        with listening() as listener:
            route = Route(https(listener.getsockname()[1]))
            error = attempt.driven.outcome(attempt.begin(route))
        assert isinstance(error, TLSTimeout)

    def test_it_is_gone_when_it_is_there(self, attempt: Attempt) -> None:
        peers = [("127.0.0.1", 1), OSError()]
        with listening() as listener, mock.patch("socket.socket.getpeername", side_effect=peers):
            route = Route(http(listener.getsockname()[1]))
            outcome = attempt.driven.outcome(attempt.begin(route))
        assert isinstance(outcome, ConnectError)
        assert outcome.reason == "the connection was reset at once"

    @pytest.mark.parametrize("way", ["http", "https", "proxy"])
    def test_a_reset_at_once(self, attempt: Attempt, way: str) -> None:
        with reset() as (port, strike):
            attempt.on_connected = strike
            route = {
                "http": Route(http(port)),
                "https": Route(https(port)),
                "proxy": Route(http(1), Proxy("127.0.0.1", port)),
            }[way]
            outcome = attempt.driven.outcome(attempt.begin(route))
        if way == "http":  # it is seen when something is sent
            outcome.close()
        else:
            assert isinstance(outcome, TLSError if way == "https" else ProxyError)

    def test_what_a_listener_raises(self, attempt: Attempt, certificates: Certificates) -> None:
        def fail() -> None:
            raise KeyError("mine")

        with ScriptedServer(SCRIPT, SCRIPT, certificates=certificates) as server:
            route = Route(https(server.port))
            attempt.on_secured = fail
            assert isinstance(attempt.driven.outcome(attempt.begin(route)), KeyError)
            attempt.on_connected = fail
            assert isinstance(attempt.driven.outcome(attempt.begin(route)), KeyError)


class TestCancelling:
    """The fixture sees to it that nothing is left."""

    def cancelled(self, attempt: Attempt) -> bool:
        attempt.cancel()
        return isinstance(attempt.driven.outcome(attempt.deferred), CancelledError)

    def test_while_it_resolves(self, attempt: Attempt) -> None:
        attempt.begin(Route(Origin("http", "host.test", 80)))
        assert self.cancelled(attempt)

    @pytest.mark.parametrize("proxied", [False, True])
    def test_while_it_connects(self, attempt: Attempt, proxied: bool) -> None:
        with black_hole("127.0.0.2") as port:
            proxy = Proxy("127.0.0.2", port) if proxied else None
            attempt.begin(Route(Origin("http", "127.0.0.2", port), proxy))
            assert self.cancelled(attempt)

    def test_while_a_unix_socket_is_busy(self, attempt: Attempt, tmp_path: Path) -> None:
        path = str(tmp_path / "socket")
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
            listener.bind(path)
            listener.listen(0)
            first.connect(path)
            attempt.begin(Route(http(1), unix_socket=path))
            assert self.cancelled(attempt)

    @pytest.mark.parametrize("proxied", [False, True])
    def test_when_it_is_connected(self, attempt: Attempt, proxied: bool) -> None:
        attempt.on_connected = attempt.cancel
        with listening() as listener:
            port = listener.getsockname()[1]
            route = Route(https(port), Proxy("127.0.0.1", port) if proxied else None)
            outcome = attempt.driven.outcome(attempt.begin(route))
        assert isinstance(outcome, CancelledError)
        assert len(attempt.heard) == 1

    def test_while_the_proxy_thinks(self, attempt: Attempt) -> None:
        with listening() as listener:
            port = listener.getsockname()[1]
            attempt.begin(Route(http(1), Proxy("127.0.0.1", port)))
            attempt.driven.until(lambda: attempt.heard)
            assert attempt.driven.reactor.getWriters() == []
            assert self.cancelled(attempt)

    @pytest.mark.parametrize("proxied", [False, True])
    def test_while_it_shakes_hands(self, attempt: Attempt, proxied: bool) -> None:
        with Relay() as relay, listening() as listener:
            proxy = Proxy("127.0.0.1", relay.port) if proxied else None
            attempt.begin(Route(https(listener.getsockname()[1]), proxy))
            with listener_accepts(attempt.driven, listener) as accepted:
                accepted.setblocking(False)
                attempt.driven.until(lambda: has_come(accepted))
                assert self.cancelled(attempt)

    def test_when_it_is_secured(self, attempt: Attempt, certificates: Certificates) -> None:
        attempt.on_secured = attempt.cancel
        with ScriptedServer(SCRIPT, certificates=certificates) as server:
            outcome = attempt.driven.outcome(attempt.begin(Route(https(server.port))))
        assert isinstance(outcome, CancelledError)
        assert len(attempt.heard) == 2


@contextlib.contextmanager
def listener_accepts(driven: Driven, listener: socket.socket) -> Iterator[socket.socket]:
    listener.setblocking(False)
    found: list[socket.socket] = []

    def accept() -> bool:
        with contextlib.suppress(BlockingIOError):
            found.append(listener.accept()[0])
        return bool(found)

    driven.until(accept)
    with found[0]:
        yield found[0]


def has_come(accepted: socket.socket) -> bool:
    """Whether something can be received."""
    try:
        return bool(accepted.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


def test_routes_do_not_show_secrets() -> None:
    assert "secret" not in repr(Route(http(1), Proxy("127.0.0.1", 1, ("me", "secret"))))
