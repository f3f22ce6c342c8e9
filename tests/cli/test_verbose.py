"""What `--verbose` shows, and what it must not."""

from pathlib import Path

from tests.cli.command import run
from tests.cli.server import Peer, serving, take_all


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
    assert "s3cret" not in outcome.err + outcome.out
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
