"""The standard input: what is short gets a length, and no chunk is stored as data in silence."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from filebody.cli._stdin import SHORT_BYTES
from tests.cli.command import run, started
from tests.cli.server import Peer, serving, take_all

LONG = os.urandom(SHORT_BYTES + 100_000)


@pytest.mark.parametrize("size", [0, 1, SHORT_BYTES])
def test_what_is_short_has_a_length(size: int, tmp_path: Path) -> None:
    content = LONG[:size]
    with serving(take_all) as server:
        outcome = run("send", "--json", "-", f"{server.url}x", cwd=tmp_path, stdin=content)
    assert outcome.code == 0
    [received] = server.requests
    assert received.fields["content-length"] == str(size)
    assert received.content == content
    assert outcome.objects[0]["bytes"] == size
    assert outcome.objects[0]["sha256"] == hashlib.sha256(content).hexdigest()


def test_what_is_long_is_chunked(tmp_path: Path) -> None:
    with serving(take_all) as server:
        outcome = run("send", "--json", "-", f"{server.url}x", cwd=tmp_path, stdin=LONG)
    assert outcome.code == 0
    # The first request asks what the server offers, which is nothing.
    received = server.requests[-1]
    assert [request.method for request in server.requests] == ["OPTIONS", "PUT"]
    assert received.fields["transfer-encoding"] == "chunked"
    assert received.content == LONG
    assert outcome.objects[0]["bytes"] == len(LONG)
    assert outcome.objects[0]["sha256"] == hashlib.sha256(LONG).hexdigest()


def test_what_is_short_can_be_sent_again(tmp_path: Path) -> None:
    answers = [503, 201]

    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.answer(answers.pop(0), b"", Retry_After="0")

    with serving(script) as server:
        outcome = run("send", "--retry", "1", "-", f"{server.url}x", cwd=tmp_path, stdin=b"short")
    assert outcome.code == 0
    assert [bytes(received.content) for received in server.requests] == [b"short", b"short"]


def test_ctrl_c_before_anything_came(tmp_path: Path) -> None:
    with (
        serving(take_all) as server,
        started("send", "-v", "-", f"{server.url}x", cwd=tmp_path) as running,
    ):
        running.write(b"x")
        running.line("err")  # it did not wait for more than a moment
        running.interrupt()
        assert running.end().code == 130


def old_server(peer: Peer) -> None:
    """A server of HTTP/1.0: what comes is data, whatever Transfer-Encoding says."""
    peer.head()
    peer.body()
    peer.socket.sendall(b"HTTP/1.0 201 Created\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("arguments", "stdin", "advice"),
    [
        (["-", "URLx"], LONG, "send a file, not a pipe"),
        (["-F", "f=@-", "URLx"], LONG, "send a file, not a pipe"),
        (["--compress", "f", "URLx"], b"", "send it without --compress"),
        (["--compress", "-F", "a=@f", "URLx"], b"", "send it without --compress"),
    ],
)
def test_no_chunks_are_sent_by_http_1_0(
    arguments: list[str], stdin: bytes, advice: str, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(b"content")
    with serving(old_server) as server:
        given = [argument.replace("URL", server.url) for argument in arguments]
        outcome = run("send", *given, cwd=tmp_path, stdin=stdin)
        assert outcome.code != 0
        assert outcome.out == ""
        assert "HTTP/1.0" in outcome.error
        assert advice in outcome.error
        assert run("send", "f", server.url, cwd=tmp_path).code == 0
        assert run("send", "-", f"{server.url}x", cwd=tmp_path, stdin=b"short").code == 0
