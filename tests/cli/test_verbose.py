"""What `--verbose` shows, and what it must not."""

from pathlib import Path

import pytest

from filebody.cli._verbose import without_secrets
from tests.cli.command import run
from tests.cli.server import Peer, serving, take_all


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Authorization: Bearer s3cret", "Authorization: ***"),
        ("proxy-authorization: Basic s3cret", "proxy-authorization: ***"),
        ("Cookie: a=s3cret", "Cookie: ***"),
        ("Set-Cookie: a=s3cret; Path=/", "Set-Cookie: ***"),
        ("X-Auth-Token: s3cret", "X-Auth-Token: ***"),
        ("X-Api-Key: s3cret", "X-Api-Key: ***"),
        ("PUT /f?X-Amz-Signature=s3cret&b=2 HTTP/1.1", "PUT /f?X-Amz-Signature=***&b=2 HTTP/1.1"),
        ("PUT http://h:1/f?token=s3cret HTTP/1.1", "PUT http://h:1/f?token=*** HTTP/1.1"),
        ("Location: http://me:s3cret@h/f?sig=s3cret#x", "Location: http://***@h/f?sig=***#x"),
        ("Content-Type: text/plain; a=b", "Content-Type: text/plain; a=b"),
        ("PUT /cookies/a:b HTTP/1.1", "PUT /cookies/a:b HTTP/1.1"),
    ],
)
def test_without_secrets(line: str, shown: str) -> None:
    assert without_secrets(line) == shown


def test_an_exchange(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.body()
        peer.answer(201, Set_Cookie="id=s3cret", X_Place="here\x9b2J")

    (tmp_path / "f").write_bytes(b"content")
    with serving(script) as server:
        command = ("send", "-v", "--token", "s3cret", "f", f"{server.url}?sig=s3cret")
        outcome = run(*command, cwd=tmp_path)
    assert outcome.code == 0
    assert outcome.out.startswith("sent f to ")
    assert "s3cret" not in outcome.err
    lines = outcome.err.splitlines()
    expected = [
        "* connected to 127.0.0.1:",
        "> PUT /f?sig=*** HTTP/1.1",
        "> Authorization: ***",
        "> Content-Length: 7",
        "< 100 Continue",
        "* the body is out: 7 bytes",
        "< 201 Created",
        "< Set-Cookie: ***",
        "< X-Place: here\\x9b2J",
    ]
    found = [part for part in expected if any(line.startswith(part) for line in lines)]
    assert found == expected, outcome.err


def test_a_failure_is_told_last_and_once(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()

    (tmp_path / "f").write_bytes(b"content")
    with serving(script) as server:
        outcome = run("send", "--verbose", "f", server.url, cwd=tmp_path)
    assert outcome.code == 55
    *stages, last = outcome.err.splitlines()
    assert last.startswith("filebody: cannot send f to ")
    assert not any("closed the connection" in stage for stage in stages)


def test_it_is_silent_unless_it_is_asked(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    with serving(take_all) as server:
        assert run("send", "f", server.url, cwd=tmp_path).err == ""
