from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import CancelledError, Deferred

from filebody.agent._unix import connect_unix
from filebody.errors import ConnectError, ConnectTimeout
from tests.agent.driven import Hand, caught, held_sockets, no_more_descriptors

URL = "http://host.test/"


@pytest.fixture
def hand() -> Iterator[Hand]:
    before = held_sockets()
    hand = Hand()
    yield hand
    assert hand.is_empty
    assert held_sockets() == before


@contextlib.contextmanager
def listening(path: Path, backlog: int = 9) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(backlog)
        yield listener


@contextlib.contextmanager
def busy(path: Path) -> Iterator[socket.socket]:
    """A listener that can take one more connection when it has accepted one."""
    with listening(path, 0) as listener, socket.socket(socket.AF_UNIX) as first:
        first.connect(str(path))
        yield listener


def sockets(connecting: Deferred[socket.socket]) -> list[socket.socket]:
    found: list[socket.socket] = []
    connecting.addCallback(found.append)
    return found


def reason(connecting: Deferred[socket.socket]) -> str:
    error = caught(connecting)
    assert isinstance(error, ConnectError | ConnectTimeout)
    assert error.url == URL
    return error.reason


def test_it_connects(hand: Hand, tmp_path: Path) -> None:
    with listening(tmp_path / "socket"):
        path = str(tmp_path / "socket")
        (connected,) = sockets(connect_unix(hand, path, 30, URL))
        with connected:
            assert connected.getpeername() == path
            assert not connected.getblocking()


def test_a_busy_server_is_asked_again(hand: Hand, tmp_path: Path) -> None:
    with busy(tmp_path / "socket") as listener:
        found = sockets(connect_unix(hand, str(tmp_path / "socket"), 30, URL))
        hand.pump([0.005, 0.01, 0.02])
        assert not found
        listener.accept()[0].close()
        hand.advance(0.04)
        found[0].close()


def test_too_busy(hand: Hand, tmp_path: Path) -> None:
    with busy(tmp_path / "socket"):
        path = str(tmp_path / "socket")
        connecting = connect_unix(hand, path, 5, URL)
        hand.pump([0.2] * 25)
        assert reason(connecting) == f"the server took no connection on {path} within 5 s"


def test_cancelled(hand: Hand, tmp_path: Path) -> None:
    with busy(tmp_path / "socket"):
        connecting = connect_unix(hand, str(tmp_path / "socket"), None, URL)
        connecting.cancel()
        assert isinstance(caught(connecting), CancelledError)


def test_why_it_cannot(hand: Hand, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    assert reason(connect_unix(hand, path, 30, URL)) == (
        f"no connection to {path}: there is no such socket; is the server running?"
    )
    with listening(tmp_path / "socket"):
        pass
    assert reason(connect_unix(hand, path, 30, URL)) == (
        f"no connection to {path}: connection refused: nothing listens there; "
        "is the server running?"
    )
    assert "not a directory" in reason(connect_unix(hand, f"{path}/x", 30, URL)).lower()
    assert "too long" in reason(connect_unix(hand, "x" * 200, 30, URL))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(f"{path}2")
        with no_more_descriptors():
            assert "raise its limit" in reason(connect_unix(hand, path, 30, URL))
        assert "wrong type" in reason(connect_unix(hand, f"{path}2", 30, URL))
