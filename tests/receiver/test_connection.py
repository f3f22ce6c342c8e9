"""Send this, expect that: every answer of a receiver, as bytes on a real connection."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.receiver.process import ReceiverProcess
from tests.receiver.wire import Wire, chunked, eventually, head, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_SIZE = 1000
BODY = b"what is stored"
BODY_SHA256 = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
BODY_SHA512 = base64.b64encode(hashlib.sha512(BODY).digest()).decode()
OTHER_SHA256 = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    home = tmp_path_factory.mktemp("shared")
    with ReceiverProcess(home, max_size=MAX_SIZE, max_header_bytes=4096) as process:
        (process.directory / "there").write_bytes(b"0123456789")
        (process.directory / "page.html").write_text("<script>alert(1)</script>")
        (process.directory / "deep" / "er").mkdir(parents=True)
        (process.directory / "deep" / "file.txt").write_text("deep")
        (process.directory / ".hidden").write_text("hidden")
        (home / "outside").write_text("outside")
        (process.directory / "link").symlink_to(home / "outside")
        (process.directory / "way-out").symlink_to(home)
        yield process


@attrs.frozen
class Script:
    """What a client sends, the status of the answer, and what must be in its body or fields."""

    sent: bytes
    status: int
    words: str = ""
    keeps_connection: bool = True
    method: str = "GET"
    is_upload_cut: bool = False


REFUSED = {
    # Early, with the body unread: the connection ends.
    "taken": Script(put("/there"), 409, "already there", keeps_connection=False),
    "is a directory": Script(put("/deep"), 409, "is a directory", keeps_connection=False),
    "file on the way": Script(put("/there/x"), 409, "on the way", keeps_connection=False),
    "link as name": Script(put("/link"), 409, "not a regular file", keeps_connection=False),
    "link on the way": Script(put("/way-out/x"), 409, "on the way", keeps_connection=False),
    "too large": Script(
        head("PUT", "/x", f"Content-Length: {MAX_SIZE + 1}"), 413, "1000", keeps_connection=False
    ),
    "too large in chunks": Script(
        head("PUT", "/x", CHUNKED) + chunked(bytes(600), bytes(401)),
        413,
        "1000",
        keeps_connection=False,
    ),
    "expects, too large": Script(
        head("PUT", "/x", "Content-Length: 1001", "Expect: 100-continue"),
        413,
        keeps_connection=False,
    ),
    "expects, taken": Script(
        head("PUT", "/there", "Content-Length: 4", "Expect: 100-continue"),
        409,
        keeps_connection=False,
    ),
    "expects something else": Script(
        put("/x", BODY, "Expect: the-unexpected"), 417, keeps_connection=False
    ),
    "part": Script(
        put("/x", BODY, "Content-Range: bytes 0-13/20"), 400, "parts", keeps_connection=False
    ),
    "coding": Script(put("/x", BODY, "Content-Encoding: br"), 415, "gzip", keeps_connection=False),
    "coded twice": Script(
        put("/x", BODY, "Content-Encoding: gzip, gzip"), 415, "once", keeps_connection=False
    ),
    "not gzip": Script(put("/x", BODY, "Content-Encoding: gzip"), 400, "is not gzip"),
    "nothing is not gzip": Script(put("/x", b"", "Content-Encoding: gzip"), 400, "ended before"),
    "form": Script(
        head("POST", "/x", "Content-Length: 2", "Content-Type: multipart/form-data; boundary=b")
        + b"--",
        415,
        "curl -T",
        keeps_connection=False,
    ),
    "form by PUT": Script(
        put("/x", BODY, "Content-Type: Multipart/Form-Data;boundary=b"),
        415,
        "curl -T",
        keeps_connection=False,
    ),
    "form among other types": Script(
        put("/x", BODY, "Content-Type: text/plain", "Content-Type: multipart/form-data"),
        415,
        keeps_connection=False,
    ),
    "form without files": Script(
        put("/x", BODY, "Content-Type: application/x-www-form-urlencoded"),
        415,
        "application/octet-stream",
        keeps_connection=False,
    ),
    "form, to be resumed": Script(
        put(
            "/x",
            BODY,
            "Content-Type: multipart/form-data; boundary=b",
            "Upload-Draft-Interop-Version: 8",
            "Upload-Complete: ?1",
        ),
        415,
        "curl -T",
        keeps_connection=False,
    ),
    "form, by tus": Script(
        head(
            "POST",
            "/x",
            "Content-Length: 2",
            "Tus-Resumable: 1.0.0",
            "Upload-Length: 2",
            "Content-Type: multipart/form-data; boundary=b",
        )
        + b"--",
        415,
        "curl -T",
        keeps_connection=False,
    ),
    "form without a name": Script(
        head("POST", "/", "Content-Length: 2", "Content-Type: multipart/form-data; boundary=b")
        + b"--",
        415,
        "send the file itself",
        keeps_connection=False,
    ),
    "no length": Script(head("PUT", "/x"), 411, "Content-Length"),
    "if-match": Script(put("/x", BODY, 'If-Match: "a"'), 412, "", keeps_connection=False),
    "if-none-match, taken": Script(
        put("/there", BODY, "If-None-Match: *"), 412, "", keeps_connection=False
    ),
    "no name": Script(put("/"), 400, "PUT /NAME", keeps_connection=False),
    "no name in directory": Script(put("/deep/"), 400, "/deep/NAME", keeps_connection=False),
    "dot dot": Script(put("/../x"), 400, "'..'", keeps_connection=False),
    "dot dot, encoded": Script(put("/%2e%2E/x"), 400, "'..'", keeps_connection=False),
    "slash, encoded": Script(put("/a%2fb"), 400, "slash", keeps_connection=False),
    "backslash": Script(put("/a%5Cb"), 400, "backslash", keeps_connection=False),
    "NUL": Script(put("/a%00b"), 400, "control", keeps_connection=False),
    "not UTF-8": Script(put("/%ff"), 400, "UTF-8", keeps_connection=False),
    "bad escape": Script(put("/%zz"), 400, "hexadecimal", keeps_connection=False),
    "hidden": Script(put("/.hidden"), 400, "dot", keeps_connection=False),
    "our own temporaries": Script(
        put("/.filebody-incoming-0123456789abcdef/x"), 400, "dot", keeps_connection=False
    ),
    "empty segment": Script(put("//x"), 400, "''", keeps_connection=False),
    "long segment": Script(put("/" + "x" * 256), 400, "255", keeps_connection=False),
    "long path": Script(put("/" + "x/" * 1024 + "x"), 400, "2048", keeps_connection=False),
    # Digests.
    "content-digest, wrong": Script(
        put("/x", BODY, f"Content-Digest: sha-256=:{OTHER_SHA256}:"), 400, "sha-256 digest"
    ),
    "repr-digest, one of two wrong": Script(
        put("/x", BODY, f"Repr-Digest: sha-512=:{BODY_SHA512}:, sha-256=:{OTHER_SHA256}:"),
        400,
        "sha-256 digest",
    ),
    "digests, contradicting": Script(
        put("/x", BODY, f"Repr-Digest: sha-256=:{BODY_SHA256}:")[: -len(BODY) - 2]
        + f"Content-Digest: sha-256=:{OTHER_SHA256}:\r\n\r\n".encode()
        + BODY,
        400,
        "two different",
        keeps_connection=False,
    ),
    "digest, unreadable": Script(
        put("/x", BODY, "Content-Digest: sha-256=:!:"), 400, "", keeps_connection=False
    ),
    "digest, not bytes": Script(
        put("/x", BODY, "Content-Digest: sha-256=1"), 400, "byte sequence", keeps_connection=False
    ),
    "digest, too short": Script(
        put("/x", BODY, "Content-Digest: sha-256=:AAAA:"), 400, "32 bytes", keeps_connection=False
    ),
    "digest in the trailer, wrong": Script(
        head("PUT", "/x", CHUNKED)
        + chunked(BODY, trailer=f"Content-Digest: sha-256=:{OTHER_SHA256}:\r\n"),
        400,
        "sha-256 digest",
    ),
    "digest in the trailer, unreadable": Script(
        head("PUT", "/x", CHUNKED) + chunked(BODY, trailer="Repr-Digest: :\r\n"), 400
    ),
    # Framing (RFC 9112 section 6).
    "length and coding": Script(
        head("PUT", "/x", "Content-Length: 5", CHUNKED) + b"0\r\n\r\n",
        400,
        "both",
        keeps_connection=False,
    ),
    "two lengths": Script(
        head("PUT", "/x", "Content-Length: 5", "Content-Length: 6"), 400, "", keeps_connection=False
    ),
    "bad length": Script(head("PUT", "/x", "Content-Length: -1"), 400, "", keeps_connection=False),
    "bad chunk": Script(
        head("PUT", "/x", CHUNKED) + b"xyz\r\nabc\r\n",
        400,
        "chunk",
        keeps_connection=False,
        is_upload_cut=True,
    ),
    "chunk too long for its header": Script(
        head("PUT", "/x", CHUNKED) + b"3\r\nabcd\r\n",
        400,
        "",
        keeps_connection=False,
        is_upload_cut=True,
    ),
    "unknown coding": Script(
        head("PUT", "/x", "Transfer-Encoding: gzip"), 501, "", keeps_connection=False
    ),
    "coding in HTTP/1.0": Script(
        f"PUT /x HTTP/1.0\r\n{CHUNKED}\r\n\r\n0\r\n\r\n".encode(),
        400,
        "HTTP/1.0",
        keeps_connection=False,
    ),
    "no host": Script(b"GET / HTTP/1.1\r\n\r\n", 400, "Host", keeps_connection=False),
    "garbage": Script(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "", keeps_connection=False),
    "HTTP/2": Script(b"GET / HTTP/2.0\r\nHost: 127.0.0.1\r\n\r\n", 505, "HTTP/1.1"),
    "no HTTP": Script(b"hello\r\n\r\n", 400, "", keeps_connection=False),
    "head too long": Script(head("GET", "/", "X: " + "x" * 4096), 431, "", keeps_connection=False),
    "head too long, unfinished": Script(
        head("GET", "/", "X: " + "x" * 5000)[:-4], 431, "", keeps_connection=False
    ),
    "trailer too long": Script(
        head("PUT", "/x", CHUNKED) + b"0\r\nX: " + b"x" * 5000,
        431,
        "",
        keeps_connection=False,
        is_upload_cut=True,
    ),
    # Who asks.
    "rebound name": Script(head("GET", "/", host="evil.example"), 421, "evil.example"),
    "foreign page": Script(
        put("/x", BODY, "Origin: http://evil.example"), 403, "web page", keeps_connection=False
    ),
    "page without origin": Script(
        put("/x", BODY, "Origin: null"), 403, "web page", keeps_connection=False
    ),
    # Other methods and names.
    "delete": Script(head("DELETE", "/there"), 405, "GET, HEAD, OPTIONS, PATCH, POST, PUT"),
    "missing": Script(head("GET", "/missing"), 404, "/missing"),
    "missing, head": Script(head("HEAD", "/missing"), 404, method="HEAD"),
    "missing below a file": Script(head("GET", "/there/x"), 404),
    "file as directory": Script(head("GET", "/there/"), 404),
    "link out": Script(head("GET", "/link"), 404),
    "link out on the way": Script(head("GET", "/way-out/outside"), 404),
    "hidden file": Script(head("GET", "/.hidden"), 400, "dot"),
    "out of the range": Script(head("GET", "/there", "Range: bytes=10-"), 416, "bytes */10"),
}

ACCEPTED = {
    "file": Script(head("GET", "/there"), 200, "0123456789"),
    "file, head": Script(head("HEAD", "/there"), 200, "'content-length': '10'", method="HEAD"),
    "file with query": Script(head("GET", "/there?x=/../y"), 200, "0123456789"),
    "absolute form": Script(head("GET", "http://127.0.0.1/there"), 200, "0123456789"),
    "range": Script(head("GET", "/there", "Range: bytes=2-4"), 206, "bytes 2-4/10"),
    "range at the end": Script(head("GET", "/there", "Range: bytes=-3"), 206, "bytes 7-9/10"),
    "two ranges": Script(head("GET", "/there", "Range: bytes=0-1,3-4"), 200, "0123456789"),
    "range of what was": Script(
        head("GET", "/there", "Range: bytes=0-1", 'If-Range: "old"'), 200, "0123456789"
    ),
    "range, head": Script(
        head("HEAD", "/there", "Range: bytes=0-1"), 200, "'content-length': '10'", method="HEAD"
    ),
    "no sniffing": Script(head("GET", "/page.html"), 200, "'x-content-type-options': 'nosniff'"),
    "no scripts": Script(head("GET", "/page.html"), 200, "sandbox"),
    "text says its charset": Script(
        head("GET", "/page.html"), 200, "'content-type': 'text/html; charset=utf-8'"
    ),
    "listing": Script(head("GET", "/"), 200, "./page.html"),
    "listing, head": Script(head("HEAD", "/"), 200, "text/html", method="HEAD"),
    "listing below": Script(head("GET", "/deep/"), 200, "./file.txt"),
    "directory without slash": Script(head("GET", "/deep"), 301, "'location': 'deep/'"),
    "options": Script(head("OPTIONS", "/"), 204, "GET, HEAD, OPTIONS, PATCH, POST, PUT"),
    "options of the server": Script(head("OPTIONS", "*"), 204, "PUT"),
    "loopback by name": Script(head("GET", "/there", host="localhost:80"), 200),
    "loopback by IPv6": Script(head("GET", "/there", host="[::1]:80"), 200),
    "get with a body": Script(
        head("GET", "/there", "Content-Length: 3") + b"abc", 200, "", keeps_connection=False
    ),
    "HTTP/1.0": Script(b"GET /there HTTP/1.0\r\n\r\n", 200, "0123456789", keeps_connection=False),
    "closing": Script(head("GET", "/there", "Connection: close"), 200, keeps_connection=False),
}


assert not REFUSED.keys() & ACCEPTED.keys()


@pytest.mark.parametrize("name", [*REFUSED, *ACCEPTED])
def test_answer(shared: ReceiverProcess, name: str) -> None:
    script = (REFUSED | ACCEPTED)[name]
    before = shared.files

    with Wire(shared.address) as wire:
        wire.send(script.sent)
        answer = wire.answer(script.method)
        assert answer.status == script.status, answer
        assert script.words in f"{answer.fields} {answer.body.decode()}"
        assert answer.fields["server"] == "filebody"
        assert answer.fields["date"].endswith("GMT")
        if script.keeps_connection:
            assert answer.fields.get("connection") is None
            wire.send(head("HEAD", "/there"))
            assert wire.answer("HEAD").status == 200
        else:
            assert answer.fields["connection"] == "close"
            assert wire.is_ended()

    assert eventually(lambda: shared.files == before), "nothing is stored, and nothing is left"
    if name in REFUSED:
        told = shared.events[-1]
        if script.is_upload_cut:
            assert (told["kind"], told["name"]) == ("Aborted", "x")
        else:
            assert (told["kind"], told["status"]) == ("Refused", script.status)


def test_listing_shows_only_what_is_served(shared: ReceiverProcess) -> None:
    with Wire(shared.address) as wire:
        wire.send(head("GET", "/"))
        page = wire.answer().body.decode()
    for name in ("there", "page.html", "deep/"):
        assert f'href="./{name}"' in page
    for name in ("hidden", "link", "way-out", "incoming"):
        assert name not in page


STORED = {
    "known length": put("/x", BODY),
    "post": head("POST", "/x", f"Content-Length: {len(BODY)}") + BODY,
    "own page": put("/x", BODY, "Origin: http://127.0.0.1"),
    "chunked": head("PUT", "/x", CHUNKED) + chunked(BODY[:3], BODY[3:]),
    "one byte a chunk": head("PUT", "/x", CHUNKED) + chunked(*(bytes([b]) for b in BODY)),
    "identity": put("/x", BODY, "Content-Encoding: identity"),
    "digests": put("/x", BODY, f"Repr-Digest: sha-256=:{BODY_SHA256}:, sha-512=:{BODY_SHA512}:"),
    "unknown digest": put("/x", BODY, "Content-Digest: sha-1=:AAAA:, crc32c=:AAAA:"),
    "digest in the trailer": head("PUT", "/x", CHUNKED)
    + chunked(BODY, trailer=f"Content-Digest: sha-256=:{BODY_SHA256}:\r\n"),
    "sha-512 in the trailer": head("PUT", "/x", CHUNKED)
    + chunked(BODY, trailer=f"Repr-Digest: sha-512=:{BODY_SHA512}:\r\n"),
    "if-none-match": put("/x", BODY, "If-None-Match: *"),
    "HTTP/1.0": f"PUT /x HTTP/1.0\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY,
}


@pytest.mark.parametrize("name", STORED)
def test_store(shared: ReceiverProcess, name: str) -> None:
    path = shared.directory / "x"
    path.unlink(missing_ok=True)

    with Wire(shared.address) as wire:
        wire.send(STORED[name])
        answer = wire.answer()

    assert answer.status == 201, answer
    assert answer.fields["location"] == "x"
    assert answer.fields["repr-digest"] == f"sha-256=:{BODY_SHA256}:"
    digest = hashlib.sha256(BODY).hexdigest()
    assert json.loads(answer.body) == {
        "name": "x",
        "size_bytes": len(BODY),
        "sha256": digest,
        "replaced": False,
    }
    assert path.read_bytes() == BODY
    told = shared.events[-1]
    assert (told["kind"], told["name"], told["sha256"]) == ("Stored", "x", digest)
    path.unlink()
    assert shared.files == {
        ".hidden": 6,
        "deep/file.txt": 4,
        "link": 7,
        "page.html": 25,
        "there": 10,
    }


def test_empty_file(receiver: ReceiverProcess) -> None:
    with Wire(receiver.address) as wire:
        wire.send(put("/empty", b""))
        assert wire.answer().status == 201
        wire.send(head("PUT", "/empty-too", CHUNKED) + chunked())
        assert wire.answer().status == 201
    assert receiver.files == {"empty": 0, "empty-too": 0}


def test_directories_are_made_when_a_file_is_stored_in_them(receiver: ReceiverProcess) -> None:
    with Wire(receiver.address) as wire:
        wire.send(put("/a/b/c", b"body", f"Repr-Digest: sha-256=:{OTHER_SHA256}:"))
        assert wire.answer().status == 400
        assert not (receiver.directory / "a").exists()
        wire.send(put("/a/b/c%20%C3%A9%3f"))
        answer = wire.answer()
    assert (answer.status, answer.fields["location"]) == (201, "c%20%C3%A9%3F")
    assert receiver.files == {"a/b/c é?": 4}


def test_overwriting(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path, overwrite=True) as receiver, Wire(receiver.address) as wire:
        wire.send(put("/name", b"old"))
        assert wire.answer().status == 201
        wire.send(put("/name", b"newer"))
        answer = wire.answer()
        assert (answer.status, json.loads(answer.body)["replaced"]) == (200, True)
        wire.send(put("/name", b"", "If-None-Match: *"))
        assert wire.answer().status == 412
        assert receiver.files == {"name": 5}


def test_continue_comes_after_the_checks(receiver: ReceiverProcess) -> None:
    with Wire(receiver.address) as wire:
        wire.send(head("PUT", "/x", "Content-Length: 4", "Expect: 100-continue"))
        assert wire.answer().status == 100
        assert len(receiver.files) == 1, "the temporary file is there"
        wire.send(b"body")
        assert wire.answer().status == 201
    assert receiver.files == {"x": 4}


def test_no_continue_for_a_client_that_did_not_wait(receiver: ReceiverProcess) -> None:
    with Wire(receiver.address) as wire:
        wire.send(put("/x", b"body", "Expect: 100-continue"))
        assert wire.answer().status == 201


def test_pipelined_requests_are_answered_in_order(receiver: ReceiverProcess) -> None:
    requests = [put(f"/{number}", b"x" * number) for number in range(50)]
    requests += [head("PUT", f"/c{number}", CHUNKED) + chunked(b"abc") for number in range(50)]
    requests += [head("OPTIONS", "/")] * 500
    requests += [head("GET", "/49")]
    with Wire(receiver.address) as wire:
        wire.send(b"".join(requests))
        statuses = [wire.answer().status for _ in requests[:-1]]
        assert wire.answer().body == b"x" * 49
    assert statuses == [201] * 100 + [204] * 500
    assert len(receiver.files) == 100


def test_a_client_that_sends_all_and_half_closes_gets_its_answers(
    receiver: ReceiverProcess,
) -> None:

    with Wire(receiver.address) as wire:
        wire.send(put("/x") + head("GET", "/x"))
        wire.socket.shutdown(socket.SHUT_WR)
        assert wire.answer().status == 201
        assert wire.answer().body == b"body"
        assert wire.is_ended()


def test_a_body_that_ends_early_is_told_so_and_not_stored(receiver: ReceiverProcess) -> None:

    with Wire(receiver.address) as wire:
        wire.send(put("/x", b"body")[:-1])
        wire.socket.shutdown(socket.SHUT_WR)
        assert wire.answer().status == 400
        assert wire.is_ended()
    assert eventually(lambda: receiver.files == {})
    told = receiver.events[-1]
    assert (told["kind"], told["name"], told["received_bytes"]) == ("Aborted", "x", 3)


def test_the_answer_can_be_read_after_sending_a_large_refused_body(
    shared: ReceiverProcess,
) -> None:
    with Wire(shared.address) as wire:
        wire.send(head("PUT", "/there", f"Content-Length: {MAX_SIZE}"))
        for _ in range(64):
            wire.send(bytes(1 << 20))
        assert wire.answer().status == 409
        assert wire.is_ended()
