"""What is not shown, wherever it would be."""

from pathlib import Path

import pytest

from filebody.cli._secrets import line_without_secrets, url_without_secrets
from tests.cli.command import run
from tests.cli.server import Peer, serving
from tests.peers.ports import free_port


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
        ("Location: http://me:s3cret@h/f?sig=s3cret#x", "Location: http://***@h/f?sig=***#***"),
        ("Content-Type: text/plain; a=b", "Content-Type: text/plain; a=b"),
        ("PUT /cookies/a:b HTTP/1.1", "PUT /cookies/a:b HTTP/1.1"),
    ],
)
def test_a_line(line: str, shown: str) -> None:
    assert line_without_secrets(line) == shown


def test_a_url() -> None:
    url = "https://me:s3cret@h/a:b?X-Amz-Credential=s3cret&part=1&sig=s3cret"
    assert url_without_secrets(url) == "https://***@h/a:b?X-Amz-Credential=***&part=1&sig=***"


QUERY = "?part=1&X-Amz-Signature=s3cret"
SHOWN = "?part=1&X-Amz-Signature=***"


@pytest.mark.parametrize("status", [201, 403])
def test_an_answer(status: int, tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.answer(status)

    (tmp_path / "f").write_bytes(b"content")
    with serving(script) as server:
        outcome = run("send", "f", f"{server.url}g{QUERY}", cwd=tmp_path)
    assert f"{server.url}g{SHOWN}" in outcome.out + outcome.err
    assert "s3cret" not in outcome.out + outcome.err
    assert server.requests[0].target == f"/g{QUERY}"


@pytest.mark.parametrize("sources", [["f"], ["missing"], ["f", "f"], ["--name", "x", "f"], []])
def test_a_failure(sources: list[str], tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    url = f"http://127.0.0.1:{free_port()}/g{QUERY}"
    outcome = run("send", *sources, url, cwd=tmp_path)
    assert outcome.code != 0
    assert SHOWN in outcome.error
    assert "s3cret" not in outcome.error


IDENTIFIER = "24e533e02ec3bc40c387f1a0e460e216"


@pytest.mark.parametrize("how", ["refused", "lost", "cancel"])
def test_who_sees_a_log_cannot_go_on_with_an_upload(how: str, tmp_path: Path) -> None:
    tus = {"Tus_Resumable": "1.0.0", "Tus_Version": "1.0.0", "Tus_Extension": "creation"}

    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        match peer.received.method:
            case "OPTIONS":
                peer.answer(204, b"", **tus)
            case "POST":
                peer.answer(201, b"", Location=f"/files/{IDENTIFIER}?sig=s3cret", **tus)
            case "HEAD" | "PATCH" if how == "lost":
                pass
            case "DELETE" if how == "cancel":
                peer.answer(403, b"not /files/" + IDENTIFIER.encode(), **tus)
            case _:
                peer.answer(403, b"", **tus)

    (tmp_path / "f").write_bytes(bytes(1 << 20))
    with serving(script) as server:
        options = ("-v", "--json", "--give-up-after", "1")
        outcomes = [run("send", *options, "f", f"{server.url}?sig=s3cret", cwd=tmp_path)]
        if how == "cancel":
            outcomes.append(run("uploads", "--json", cwd=tmp_path))
            outcomes.append(run("uploads", "cancel", *options, "--all", cwd=tmp_path))
    assert "PATCH" in [request.method for request in server.requests]
    for outcome in outcomes:
        said = outcome.out + outcome.err
        assert "s3cret" not in said
        for line in said.splitlines():
            # What the server says in its own words is the server's.
            assert IDENTIFIER not in line or "not /files/" in line
