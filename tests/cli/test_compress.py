"""`--compress`: what arrives, what is compared, and what servers say that do not know it."""

import base64
import gzip
import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import python, receiving, run, run_here
from tests.cli.server import Peer, Received, serving, take_all
from tests.peers.nginx import Nginx

LINES = b"".join(b"line %d of a log that can be compressed\n" % number for number in range(20_000))


def decoded(received: Received) -> bytes:
    coding = received.fields["content-encoding"]
    if coding == "gzip":
        return gzip.decompress(received.content)
    assert coding == "zstd"
    zstd = pytest.importorskip(
        "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    )
    content: bytes = zstd.decompress(bytes(received.content))
    return content


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.write_bytes(LINES)
    return path


@pytest.mark.parametrize(
    ("options", "coding"),
    [
        (["--compress"], "gzip"),
        (["--compress=gzip"], "gzip"),
        (["--compress", "zstd"], "zstd"),
        (["--compress=zstd"], "zstd"),
        (["--compress", "ZSTD"], "zstd"),
    ],
)
def test_it_arrives(options: list[str], coding: str, log: Path) -> None:
    with serving(take_all) as server:
        outcome = run("send", *options, "log", server.url, cwd=log.parent)
    assert (outcome.code, outcome.err) == (0, "")
    [received] = server.requests
    assert received.fields["content-encoding"] == coding
    assert received.fields["transfer-encoding"] == "chunked"
    assert decoded(received) == LINES
    assert len(received.content) < len(LINES) / 4
    assert f"B of {coding}\n" in outcome.out


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_the_receiver_stores_what_it_was(coding: str, log: Path) -> None:
    with receiving(log.parent / "inbox") as (_, url):
        outcome = run("send", f"--compress={coding}", "log", url, cwd=log.parent)
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out.endswith(f" of {coding}, digest verified\n")
        assert (log.parent / "inbox" / "log").read_bytes() == LINES
        again = run("send", "--json", f"--compress={coding}", "log", f"{url}2", cwd=log.parent)
    [facts] = again.objects
    assert facts["bytes"] == len(LINES)
    assert facts["sha256"] == hashlib.sha256(LINES).hexdigest()
    assert facts["verified"] is True
    assert facts["coding"] == coding
    assert 0 < facts["encoded_bytes"] < len(LINES) / 4


def test_in_a_trial(log: Path) -> None:
    outcome = run("try", "--compress", "log", cwd=log.parent)
    assert outcome.code == 0
    assert outcome.out.endswith("digest verified\n")
    assert (log.parent / "received" / "log").read_bytes() == LINES


def test_stdin(tmp_path: Path) -> None:
    with serving(take_all) as server:
        outcome = run("send", "--compress", "-", f"{server.url}x", cwd=tmp_path, stdin=LINES)
    assert outcome.code == 0
    assert decoded(server.requests[0]) == LINES


def test_a_form(log: Path) -> None:
    with serving(take_all) as server:
        outcome = run("send", "--compress", "-F", "f=@log", server.url, cwd=log.parent)
    assert outcome.code == 0
    [received] = server.requests
    assert received.fields["content-type"].startswith("multipart/form-data; boundary=")
    assert LINES in decoded(received)


def test_a_retry_compresses_anew(log: Path) -> None:
    answers = [503, 201]

    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.answer(answers.pop(0), Retry_After="0")

    with serving(script) as server:
        outcome = run(
            "send", "--json", "--compress", "--retry", "1", log, server.url, cwd=log.parent
        )
    [facts] = outcome.objects
    assert facts["bytes"] == len(LINES)
    assert facts["sha256"] == hashlib.sha256(LINES).hexdigest()
    first, second = server.requests
    assert facts["encoded_bytes"] == len(second.content)
    assert first.content == second.content


def answering(digest: Callable[[bytes], bytes]) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        value = base64.b64encode(hashlib.sha256(digest(bytes(peer.received.content))).digest())
        peer.answer(201, Repr_Digest=f"sha-256=:{value.decode()}:")

    return script


def test_the_digest_of_a_server_that_keeps_it_as_it_came(log: Path) -> None:
    with serving(answering(lambda content: content)) as server:
        outcome = run("send", "--compress", "log", server.url, cwd=log.parent)
    assert outcome.code == 0
    assert outcome.out.endswith("digest verified\n")


def test_the_digest_of_a_server_that_has_something_else(log: Path) -> None:
    with serving(answering(lambda content: content + b"x")) as server:
        outcome = run("send", "--compress", "log", server.url, cwd=log.parent)
    assert (outcome.code, outcome.out) == (65, "")
    assert (
        f"sha-256 is {hashlib.sha256(server.requests[0].content + b'x').hexdigest()}"
        in outcome.error
    )
    assert f"{hashlib.sha256(LINES).hexdigest()} was sent" in outcome.error


@pytest.mark.peer
def test_nginx_keeps_it_as_it_came(log: Path, nginx: Nginx) -> None:
    outcome = run(
        "send", "--compress", "log", f"{nginx.url(tls=False)}/compressed/", cwd=log.parent
    )
    assert outcome.code == 0
    assert gzip.decompress((nginx.stored / "compressed" / "log").read_bytes()) == LINES


@pytest.mark.parametrize(
    ("accepted", "words"),
    [
        ("gzip, br", "it does not take zstd; --compress=gzip would do"),
        ("identity", "it does not take zstd: send it without --compress"),
        ("", "it does not take zstd: send it without --compress"),
        ("gzip;q=0, zstd", "try another -H 'Content-Type: ...'"),
        ("gzip, zstd;Q=0.0", "it does not take zstd; --compress=gzip would do"),
        (None, "it may not take zstd: send it without --compress"),
    ],
)
def test_refused(accepted: str | None, words: str, log: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.answer(415, b"", **({} if accepted is None else {"Accept_Encoding": accepted}))

    with serving(script) as server:
        outcome = run("send", "--compress=zstd", "log", server.url, cwd=log.parent)
    assert (outcome.code, outcome.out) == (22, "")
    assert "log answered 415 Unsupported Media Type to log" in outcome.error
    assert words in outcome.error


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "it may not take forms, or not gzip: send it without --form, or without --compress"),
        ({"Accept_Encoding": "gzip"}, "it may take no forms there"),
        ({"Accept_Encoding": "zstd"}, "it does not take gzip; --compress=zstd would do"),
    ],
)
def test_a_form_that_is_refused(fields: dict[str, str], words: str, log: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.answer(415, b"", **fields)

    with serving(script) as server:
        outcome = run("send", "--compress", "-F", "f=@log", server.url, cwd=log.parent)
    assert (outcome.code, outcome.out) == (22, "")
    assert outcome.error.split("; ", 1)[1].startswith(words)


def test_a_file_that_changes_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(os.urandom(8 * 1024 * 1024))

    def script(peer: Peer) -> None:
        peer.head()
        os.truncate(tmp_path / "large", 1000)
        peer.body()

    with serving(script, buffer_bytes=1 << 16) as server:
        outcome = run("send", "--compress", "large", server.url, cwd=tmp_path)
    assert outcome.code == 26
    assert not server.requests[0].is_complete


WITHOUT_ZSTD = """
import sys
sys.modules["backports"] = sys.modules["compression"] = None
from filebody.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_without_the_library_of_zstd(log: Path) -> None:
    outcome = python(
        WITHOUT_ZSTD, "send", "--compress=zstd", "log", "http://127.0.0.1:9/", cwd=log.parent
    )
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.error.endswith("pip install 'filebody[zstd]'")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--compress=br"], "'br' is not one of 'gzip', 'zstd'"),
        (["--compress", "-H", "Content-Encoding: gzip"], "leave out one of them"),
    ],
)
def test_usage(arguments: list[str], words: str, log: Path) -> None:
    outcome = run_here("send", *arguments, "log", "http://127.0.0.1:9/", cwd=log.parent)
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.error
