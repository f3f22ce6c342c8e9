"""`--form`: how it is read, and what servers make of what is sent."""

import base64
import hashlib
import io
import os
import re
from pathlib import Path

import multipart
import pytest

from filebody.cli._form import Part, parse_part
from filebody.cli._stdin import SHORT_BYTES
from filebody.errors import UsageError
from tests.cli.command import Outcome, receiving, run
from tests.cli.server import Peer, Received, serving, take_all
from tests.peers.ports import free_port
from tests.peers.twisted_web import TwistedWeb

CONTENT = os.urandom(300_000)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a=b", Part("a", "b")),
        ("a=", Part("a", "")),
        ("a=b=c;d", Part("a", "b=c;d")),
        ("a=x;type=text/html", Part("a", "x", content_type="text/html")),
        ('a="@x;type=y"', Part("a", "@x;type=y")),
        (r'a="q\"\\n"', Part("a", 'q"\\n')),
        ('a="b" c', Part("a", '"b" c')),
        ("a=@f", Part("a", "f", is_file=True)),
        ("a=@-", Part("a", "-", is_file=True)),
        ("a=@d/f,g", Part("a", "d/f,g", is_file=True)),
        ("a=<f", Part("a", "f", is_file=True, is_text=True)),
        (
            "a=@f;type=text/plain; charset=utf-8; filename=g h.txt",
            Part("a", "f", True, "g h.txt", "text/plain; charset=utf-8"),
        ),
        ('a=@"f;g";filename="h;i"', Part("a", "f;g", True, "h;i")),
        ("a=@f;FILENAME=g", Part("a", "f", True, "g")),
        ("a=@ f ; type=text/x", Part("a", "f", True, content_type="text/x")),
        ('a=@ "f " ;type=text/x', Part("a", "f ", True, content_type="text/x")),
        ("a= f ", Part("a", " f ")),
        ("a= @f", Part("a", " @f")),
    ],
)
def test_read(text: str, part: Part) -> None:
    assert parse_part(text) == part


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "--form nonsense: write NAME=VALUE, or NAME=@FILE"),
        ("=@f", "write NAME=VALUE"),
        ("a=@", "there is no file after @; write a=@FILE"),
        ("a=@;type=text/plain", "there is no file after @"),
        ("a=@f;headers=x", "filebody has no ;headers="),
        ('a="b";c', "only ;type=TYPE and ;filename=NAME can follow, not ';c'"),
    ],
)
def test_not_read(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        parse_part(text)


def failing(outcome: Outcome, code: int, *parts: str) -> None:
    assert (outcome.code, outcome.out) == (code, "")
    for part in parts:
        assert part in outcome.error


def form_of(received: Received) -> list[tuple[str, str | None, str, bytes]]:
    """Name, file name, type and value of each field, by a parser of others."""
    kind, options = multipart.parse_options_header(received.fields["content-type"])
    assert kind == "multipart/form-data"
    parser = multipart.MultipartParser(
        io.BytesIO(received.content), options["boundary"], int(received.fields["content-length"])
    )
    fields = []
    for part in parser:
        fields.append((part.name, part.filename, part.content_type, part.raw))
        part.close()
    return fields


def test_fields(tmp_path: Path) -> None:
    (tmp_path / "a file.png").write_bytes(CONTENT)
    (tmp_path / "text").write_bytes(b"from a file\n")
    fields = [
        "title=Über",
        "file=@a file.png",
        "file=@text;filename=b.txt;type=text/x-b",
        "t=<text",
    ]
    options = [word for field in fields for word in ("--form", field)]
    with serving(take_all) as server:
        outcome = run("send", *options, f"{server.url}up/", cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"sent a form with 2 files to {server.url}up/: 293.")
    [received] = server.requests
    assert (received.method, received.target) == ("POST", "/up/")
    assert form_of(received) == [
        ("title", None, "text/plain", "Über".encode()),
        ("file", "a file.png", "image/png", CONTENT),
        ("file", "b.txt", "text/x-b", b"from a file\n"),
        ("t", None, "text/plain", b"from a file\n"),
    ]


def test_it_is_a_form_to_a_server_of_others(tmp_path: Path, twisted_web: TwistedWeb) -> None:
    (tmp_path / "f").write_bytes(b"content")
    url = f"{twisted_web.url(tls=False)}/up"
    outcome = run("send", "-v", "-F", "a=1", "-F", "a=2", "-F", "f=@f", url, cwd=tmp_path)
    assert outcome.code == 0
    assert outcome.out.startswith(f"sent a form with f to {url}: ")
    assert '"form": {"a": ["1", "2"], "f": ["content"]}' in outcome.err


def test_stdin(tmp_path: Path) -> None:
    with serving(take_all) as server:
        url = f"{server.url}up"
        for content in (b"short", CONTENT + bytes(SHORT_BYTES)):
            outcome = run("send", "--form", "f=@-;filename=x", url, cwd=tmp_path, stdin=content)
            assert outcome.code == 0
            assert outcome.out.startswith(f"sent a form with <stdin> to {url}: ")
            received = server.requests[-1]
            assert b'name="f"; filename="x"\r\n' in received.content
            assert content in received.content
    short, long = server.requests
    assert short.fields["content-length"] == str(len(short.content))
    assert long.fields["transfer-encoding"] == "chunked"


def test_another_method_is_told(tmp_path: Path) -> None:
    with serving(take_all) as server:
        outcome = run("send", "-X", "PUT", "-F", "a=b", server.url, cwd=tmp_path)
        assert outcome.code == 0
        assert "--form by PUT: a server that knows no forms stores the form itself" in outcome.error
        assert run("send", "-q", "-X", "PUT", "-F", "a=b", server.url, cwd=tmp_path).err == ""


def test_json(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    with serving(take_all) as server:
        command = ("send", "--json", "-X", "PUT", "-F", "secret=s3cret", "-F", "f=@f", server.url)
        outcome = run(*command, cwd=tmp_path)
    [received] = server.requests
    assert received.method == "PUT"
    [facts] = outcome.objects
    assert facts.pop("seconds") > 0
    expected = {
        "event": "sent",
        "source": "a form with f",
        "url": server.url,
        "status": 201,
        "size": len(received.content),
        "bytes": len(received.content),
        "sha256": hashlib.sha256(received.content).hexdigest(),
        "verified": False,
        "error": None,
    }
    assert expected.items() <= facts.items()


def test_the_digest_of_a_form_may_be_that_of_a_file(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
        peer.answer(201, Repr_Digest=f"sha-256=:{digest}:")

    (tmp_path / "f").write_bytes(CONTENT)
    with serving(script) as server:
        outcome = run("send", "-F", "f=@f", server.url, cwd=tmp_path)
    assert outcome.code == 0
    assert "verified" not in outcome.out


def test_redirect(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        if peer.received.target == "/there":
            peer.answer(201)
        else:
            peer.answer(307, Location="/there")

    (tmp_path / "f").write_bytes(CONTENT)
    with serving(script) as server:
        assert run("send", "-F", "f=@f", f"{server.url}here", cwd=tmp_path).code == 0
    first, second = server.requests
    assert first.content == second.content
    assert form_of(second) == [("f", "f", "application/octet-stream", CONTENT)]


def test_nobody_is_bothered_with_a_file_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    with serving(take_all) as server:
        outcome = run("send", "-F", "f=@f", "-F", "g=@no/such", server.url, cwd=tmp_path)
    failing(outcome, 26, "cannot read no/such (for", server.url, "No such file", "check")
    assert server.requests == []


def test_a_file_that_changes_is_named(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(32 * 1024 * 1024)

    def script(peer: Peer) -> None:
        peer.head()
        os.truncate(tmp_path / "large", 1000)
        peer.body()

    with serving(script, buffer_bytes=1 << 16) as server:
        outcome = run("send", "-F", "t=x", "-F", "f=@large", server.url, cwd=tmp_path)
    assert outcome.code == 26
    assert outcome.error.startswith("filebody: large ")
    assert not server.requests[0].is_complete


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-F", "f=@f", "-H", "Content-Type: text/plain"], "leave it to --form"),
        (["-F", "f=@f;type=nonsense"], "--form f: 'nonsense' is no content type"),
        (["-F", "f"], "--form f: write NAME=VALUE"),
    ],
)
def test_usage(arguments: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    url = f"http://127.0.0.1:{free_port()}/"
    failing(run("send", *arguments, url, cwd=tmp_path), 2, words)


def test_a_server_that_takes_no_forms(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    with receiving(tmp_path / "inbox") as (_, url):
        outcome = run("send", "-F", "f=@f", f"{url}f", cwd=tmp_path)
    failing(outcome, 22, "415 Unsupported Media Type to a form with f", "without --form")
