"""Limits: each against a server that goes past it. All of them exit with 28."""

import contextlib
import subprocess
import threading
from pathlib import Path

import pytest

from tests.cli.command import Outcome, run, started
from tests.cli.server import Peer, full_port, serving, take_all

LARGE = 32 * 1024 * 1024


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    return path


@pytest.fixture
def large_file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    with path.open("wb") as stream:
        stream.truncate(LARGE)
    return path


def wait_for_the_end(peer: Peer) -> None:
    with contextlib.suppress(ConnectionError):
        while peer.socket.recv(1 << 20):
            pass


def late(outcome: Outcome, *parts: str) -> None:
    assert outcome.code == 28
    assert outcome.out == ""
    for part in ("timeout sending", "/file", *parts):
        assert part in outcome.error


def test_no_answer(file: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        wait_for_the_end(peer)

    with serving(script) as server:
        outcome = run("send", "--response-timeout", "0.3", file, server.url, cwd=file.parent)
    late(outcome, server.url, "no answer within 0.3 s of the last byte", "after 7 of 7 bytes")


def test_half_an_answer(file: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        wait_for_the_end(peer)

    with serving(script) as server:
        outcome = run("send", "--stall-timeout", "0.3", file, server.url, cwd=file.parent)
    late(outcome, "the response stood still for 0.3 s", "(--stall-timeout)")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--stall-timeout", "0.4"), "the server took nothing for 0.4 s"),
        (("--max-time", "0.6"), "not done within 0.6 s; try again, or give it longer (--max-time)"),
    ],
)
def test_stall(option: tuple[str, str], words: str, large_file: Path) -> None:
    is_over = threading.Event()

    def script(peer: Peer) -> None:
        peer.head()
        assert is_over.wait(30)

    with serving(script, buffer_bytes=1 << 16) as server:
        command = ("send", "--no-resume", *option, large_file, server.url)
        outcome = run(*command, cwd=large_file.parent)
        is_over.set()
    late(outcome, words, f"of {LARGE:,} bytes")
    assert not server.requests[0].is_complete


def test_stall_in_the_handshake_of_tls(file: Path) -> None:
    with serving(wait_for_the_end) as server:
        url = server.url.replace("http:", "https:")
        outcome = run("send", "--connect-timeout", "0.4", file, url, cwd=file.parent)
    late(outcome, "no TLS handshake within 0.4 s", "(--connect-timeout)")


def test_a_source_that_is_slow_is_no_stall(tmp_path: Path) -> None:
    with (
        serving(take_all) as server,
        started(
            "send", "--no-resume", "--stall-timeout", "0.2", "-", f"{server.url}x", cwd=tmp_path
        ) as running,
    ):
        running.write(b"a")
        assert server.was_connected.wait(30)
        with pytest.raises(subprocess.TimeoutExpired):
            running.process.wait(1.0)
        running.process.stdin.close()  # type: ignore[union-attr]
        assert running.end().code == 0
    assert server.requests[0].content == b"a"


def test_no_connection(file: Path) -> None:
    with full_port() as port:
        url = f"http://127.0.0.1:{port}/"
        outcome = run("send", "--connect-timeout", "0.3", file, url, cwd=file.parent)
    late(outcome, url, "no connection to 127.0.0.1 port", "within 0.3 s", "--connect-timeout")


def test_max_time_includes_the_connection(file: Path) -> None:
    with full_port() as port:
        url = f"http://127.0.0.1:{port}/"
        outcome = run("send", "--max-time", "0.3", file, url, cwd=file.parent)
    late(outcome, "not done within 0.3 s")


def test_the_next_file_is_sent_all_the_same(file: Path, tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b"good")

    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        if peer.received.target == "/file":
            wait_for_the_end(peer)
        else:
            peer.answer(200)

    with serving(script) as server:
        url = server.url
        outcome = run("send", "--response-timeout", "1", "file", "good", url, cwd=tmp_path)
    assert outcome.code == 28
    assert outcome.out.startswith("sent good to ")
    assert len(outcome.err.splitlines()) == 1
