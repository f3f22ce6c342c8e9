"""Every piece of advice was followed: what it says works, at the server that refused before.

Each row is one server: what it refuses, with what; the command that fails; what its message
advises; and the command that follows the advice and succeeds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import pytest

from tests.cli.command import environment, run
from tests.cli.server import Peer, Received, Script, serving, take_all
from tests.peers.ports import free_port

CONTENT = b"some content\n" * 100


@attrs.frozen
class Refusal:
    """The answer to what a server does not take."""

    status: int
    fields: Mapping[str, str] = attrs.Factory(dict)
    content: bytes = b""


def picky(refuses: Callable[[Received], bool], refusal: Refusal) -> Script:
    """A server that refuses some requests and takes all others."""

    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        if refuses(peer.received):
            peer.answer(refusal.status, refusal.content, **refusal.fields)
        else:
            peer.answer(201)

    return script


def is_chunked(received: Received) -> bool:
    return "transfer-encoding" in received.fields


def is_coded(received: Received) -> bool:
    return "content-encoding" in received.fields


def is_form(received: Received) -> bool:
    return received.fields.get("content-type", "").startswith("multipart/form-data")


def is_put(received: Received) -> bool:
    return received.method == "PUT"


def is_not_post(received: Received) -> bool:
    return received.method != "POST"


def has_no_credentials(received: Received) -> bool:
    return "authorization" not in received.fields


def is_untyped(received: Received) -> bool:
    return "content-type" not in received.fields


def is_taken(received: Received) -> bool:
    return received.target == "/f"


def is_old(received: Received) -> bool:
    return received.target == "/f"


FILE = ("f", "URL")
# The server's taste, its refusal, the command that fails, the advice, the command that follows it.
Row = tuple[Callable[[Received], bool], Refusal, tuple[str, ...], str, tuple[str, ...]]
ROWS: dict[str, Row] = {
    "401": (has_no_credentials, Refusal(401), FILE, "give --token", ("--token", "T", *FILE)),
    "401 by Basic": (
        *(has_no_credentials, Refusal(401), FILE),
        *("--user", ("--user", "x:y", *FILE)),
    ),
    "405 with Allow": (
        *(is_not_post, Refusal(405, {"Allow": "GET, POST"}), FILE),
        *("try -X POST", ("-X", "POST", *FILE)),
    ),
    "405 for a form": (
        *(lambda received: not is_form(received), Refusal(405, {"Allow": "GET, POST"}), FILE),
        *("--form file=@FILE", ("--form", "file=@f", "URL")),
    ),
    "405": (is_not_post, Refusal(405), FILE, "-X POST", ("-X", "POST", *FILE)),
    "405 to POST": (
        *(lambda received: not is_put(received), Refusal(405), ("-X", "POST", *FILE)),
        *("-X PUT", FILE),
    ),
    "409": (is_taken, Refusal(409), FILE, "the name may be taken", ("f", "URLother")),
    "409 there": (
        *(is_taken, Refusal(409, {}, b"f is there already"), FILE),
        *("choose another name", ("f", "--name", "other", "URL")),
    ),
    "411 of what is compressed": (
        *(is_chunked, Refusal(411), ("--compress", *FILE)),
        *("without --compress", FILE),
    ),
    "415": (is_untyped, Refusal(415), FILE, "-H 'Content-Type", ("-H", "Content-Type: a/b", *FILE)),
    "415 to a coding": (
        *(is_coded, Refusal(415), ("--compress", *FILE)),
        *("send it without --compress", FILE),
    ),
    "415 to one coding": (
        lambda received: received.fields.get("content-encoding") != "gzip",
        Refusal(415, {"Accept_Encoding": "gzip"}),
        ("--compress=zstd", *FILE),
        "--compress=gzip would do",
        ("--compress=gzip", *FILE),
    ),
    "415 to a form": (
        *(is_form, Refusal(415), ("--form", "a=@f", "URLf")),
        *("without --form", ("f", "URLf")),
    ),
    "501 to a coding": (
        *(is_coded, Refusal(501), ("--compress", *FILE)),
        *("send it without --compress", FILE),
    ),
    "501": (is_not_post, Refusal(501), FILE, "-X POST", ("-X", "POST", *FILE)),
    "a redirect that is not followed": (
        *(is_old, Refusal(307, {"Location": "/new"}), ("--max-redirects", "0", *FILE)),
        *("/new: send it there", ("f", "URLnew")),
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_advice_of_a_refusal(row: Row, tmp_path: Path) -> None:
    refuses, refusal, failing, advice, following = row
    (tmp_path / "f").write_bytes(CONTENT)
    with serving(picky(refuses, refusal)) as server:
        refused = run("send", *with_url(failing, server.url), cwd=tmp_path)
        assert refused.code == 22
        assert advice in refused.error
        taken = run("send", *with_url(following, server.url), cwd=tmp_path)
        assert taken.code == 0, taken.err


def with_url(arguments: tuple[str, ...], url: str) -> list[str]:
    return [argument.replace("URL", url) for argument in arguments]


@pytest.mark.parametrize(
    ("status", "stdin_advice"), [(411, "send a file instead of a pipe"), (501, "send a file")]
)
def test_a_pipe_that_is_refused(status: int, stdin_advice: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    os.mkfifo(tmp_path / "pipe")
    with serving(picky(is_chunked, Refusal(status))) as server:
        command = f"cat f > pipe & filebody send pipe {server.url}; code=$?; wait; exit $code"
        refused = run_shell(command, tmp_path)
        assert refused[0] == 22
        assert stdin_advice in refused[1]
        assert run("send", "f", server.url, cwd=tmp_path).code == 0


def run_shell(command: str, cwd: Path) -> tuple[int, str]:
    env = environment(home=cwd)
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command], cwd=cwd, env=env, capture_output=True, timeout=60, text=True
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("status", [429, 503])
def test_waiting(status: int, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    answers = [status, status, 201]

    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.answer(answers.pop(0), b"", Retry_After="0")

    with serving(script) as server:
        refused = run("send", "f", server.url, cwd=tmp_path)
        assert refused.code == 22
        assert "wait 0 s and try again, or have it done by --retry 5" in refused.error
        assert run("send", "--retry", "5", "f", server.url, cwd=tmp_path).code == 0


def test_a_url_without_its_scheme(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    with serving(take_all) as server:
        bare = server.url.removeprefix("http://")
        for slip in (bare, f"htp://{bare}", f"http:/{bare}", f"http//{bare}"):
            outcome = run("send", "f", slip, cwd=tmp_path)
            assert outcome.code == 2
            advised = outcome.error.split("write ")[1].split(" (see")[0]
            assert run("send", "f", advised, cwd=tmp_path).code == 0


def test_several_to_one_name(tmp_path: Path) -> None:
    for name in ("f", "g"):
        (tmp_path / name).write_bytes(CONTENT)
    with serving(take_all) as server:
        outcome = run("send", "f", "g", f"{server.url}up", cwd=tmp_path)
        assert "end the URL with /" in outcome.error
        assert run("send", "f", "g", f"{server.url}up/", cwd=tmp_path).code == 0
        outcome = run("send", "-", server.url, cwd=tmp_path)
        assert "add --name NAME" in outcome.error
        assert run("send", "-", server.url, "--name", "NAME", cwd=tmp_path).code == 0


def test_a_directory(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(CONTENT)
    with serving(take_all) as server:
        outcome = run("send", "d", server.url, cwd=tmp_path)
        assert outcome.code == 26
        assert "send its files, or an archive of it" in outcome.error
        assert run("send", "d/f", server.url, cwd=tmp_path).code == 0
        archive = f"tar c d | filebody send - --name d.tar {server.url}"
        assert run_shell(archive, tmp_path)[0] == 0


def test_a_trial_in_place_of_a_url(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    outcome = run("send", "f", cwd=tmp_path)
    assert "filebody try stores files in ./received" in run("send", "f", "f", cwd=tmp_path).error
    assert outcome.code == 2
    assert run("try", "f", cwd=tmp_path).code == 0


def test_what_a_server_says_is_shown_decoded(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    answers = {
        "xml": ("application/xml", b"<Error><Code>No</Code><Message>a &amp; b</Message></Error>"),
        "html": ("text/html", b"<html><body><h1>403 Forbidden</h1>a &amp; b</body></html>"),
        "json": ("application/problem+json", b'{"title": "Forbidden", "detail": "a & b"}'),
    }

    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        kind, content = answers[peer.received.target.lstrip("/")]
        peer.answer(403, content, Content_Type=kind)

    with serving(script) as server:
        for name in answers:
            outcome = run("send", "f", f"{server.url}{name}", cwd=tmp_path)
            assert outcome.code == 22
            assert "a & b; you may not" in outcome.error
            assert outcome.error.count("Forbidden") == 1


def test_no_advice_says_byte_0(tmp_path: Path) -> None:
    outcome = run("send", "missing", f"http://127.0.0.1:{free_port()}/", cwd=tmp_path)
    assert outcome.code == 26
    assert "cannot read missing (for http://" in outcome.error
