"""Credentials: where they come from, where they go, and that nothing shows them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import PROGRAM, Outcome, environment, run, run_here
from tests.cli.server import Peer, Received, serving, take_all
from tests.cli.test_terminal import terminal
from tests.peers.ports import free_port


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def send(
    *arguments: str,
    cwd: Path,
    user: str = "",
    env: dict[str, str] | None = None,
) -> tuple[Outcome, Received]:
    (cwd / "f").write_bytes(b"content")
    with serving(take_all) as server:
        url = server.url.replace("//", f"//{user}")
        outcome = run("send", *arguments, "f", url, cwd=cwd, env=env)
    assert outcome.code == 0, outcome.err
    assert "hunter2" not in outcome.out + outcome.err
    return outcome, server.requests[0]


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("me:hunter2@", basic("me", "hunter2")),
        ("me:hunter2%40%3A%C3%BC@", basic("me", "hunter2@:ü")),
        ("m%40e:@", basic("m@e", "")),
        ("m%40e@", basic("m@e", "")),
        ("me:hunter2@hunter2@", basic("me", "hunter2@hunter2")),
    ],
)
def test_of_the_url(user: str, expected: str, tmp_path: Path) -> None:
    outcome, request = send("-v", "--json", cwd=tmp_path, user=user)
    assert request.fields["authorization"] == expected
    assert "@" not in request.fields["host"]
    assert "@" not in json.loads(outcome.out)["url"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--user", "me:hunter2"), basic("me", "hunter2")),
        (("--user", "me:hun:ter2"), basic("me", "hun:ter2")),
        (("--user", "me:"), basic("me", "")),
        (("--user", "you:hunter2", "-v"), basic("you", "hunter2")),
        (("--token-file", "token"), "Bearer hunter2"),
        (("-H", "@fields"), "Digest hunter2"),
        (("--netrc-file", "netrc"), basic("me", "hunter2")),
        (("--netrc-file", "default"), basic("any", "hunter2")),
        (("--netrc-file", "other"), None),
    ],
)
def test_of_options(arguments: tuple[str, ...], expected: str | None, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2\n")
    (tmp_path / "fields").write_bytes(b"Authorization: Digest hunter2\r\n\r\nX-Other: 1\n")
    machine = "machine 127.0.0.1 login me password hunter2"
    (tmp_path / "netrc").write_text(f"machine h login x password y\n{machine}\n")
    (tmp_path / "default").write_text("default login any password hunter2")
    (tmp_path / "other").write_text("machine h login x password hunter2")
    _, request = send(*arguments, cwd=tmp_path)
    assert request.fields.get("authorization") == expected


def test_of_netrc_at_home(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hunter2")
    _, request = send("--netrc", cwd=tmp_path, env={"HOME": str(tmp_path)})
    assert request.fields["authorization"] == basic("me", "hunter2")
    _, request = send("--netrc", cwd=tmp_path, env={"HOME": str(tmp_path)}, user="you:hunter2@")
    assert request.fields["authorization"] == basic("you", "hunter2")
    _, request = send(cwd=tmp_path, env={"HOME": str(tmp_path)})
    assert "authorization" not in request.fields


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--token-file", "missing", "f", "http://h/"), "cannot read missing"),
        (("--token", "", "f", "http://h/"), "--token is empty"),
        (("--token-file", "empty", "f", "http://h/"), "empty is empty"),
        (("--token-file", "secret", "f", "http://h/"), "visible ASCII"),
        (("--token-file", "token", "--user", "me:hunter2", "f", "http://h/"), "leave out one"),
        (("--token-file", "token", "f", "http://me:hunter2@h/"), "leave out one of them"),
        (("--user", "me:hunter2", "-H", "Authorization: hunter2", "f", "http://h/"), "leave out"),
        (("--netrc-file", "secret", "f", "http://h/"), "is not in netrc's form"),
        (("--netrc-file", "missing", "f", "http://h/"), "cannot read missing"),
        (("--netrc", "f", "http://h/"), "cannot read"),
        (("-H", "@secret", "f", "http://h/"), "line 1 of secret is not a header field"),
        (("-H", "@missing", "f", "http://h/"), "cannot read missing"),
        (("-H", "@latin", "f", "http://h/"), "latin is not a text in UTF-8"),
        (("f", "http://me:hunter2@h:x/"), "its port is no number"),
        (("f", "http://me:hunter2/@h/"), "its port is no number"),
        (("f", "ftp://me:hunter2@h/"), "http:// and https:// only"),
        (("f", "htps://me:hunter2@h/"), "write https://"),
        (("f", "me:hunter2@h/"), "needs a URL"),
        (("http://me:hunter2@h/", "http://me:hunter2@h/"), "one URL only"),
        (("http://me:hunter2@h/", "f"), "the URL goes last"),
        (("f", "http://127.0.0.1:1/", "--proxy", "ftp://me:hunter2@h/"), "--proxy"),
        (("--key", "secret", "f", "https://h/"), "add --cert"),
        (("--cert", "secret", "f", "https://h/"), "cannot use secret"),
        (("--cert", "missing", "f", "https://h/"), "cannot read missing"),
    ],
)
def test_no_failure_shows_them(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "f").write_bytes(b"content")
    (tmp_path / "empty").touch()
    (tmp_path / "token").write_text("hunter2")
    (tmp_path / "secret").write_text("hunter2 hunter2\nhunter2")
    (tmp_path / "latin").write_bytes(b"X-A: \xe9")
    outcome = run_here("send", "-v", *arguments, cwd=tmp_path)
    assert outcome.code == 2
    assert words in outcome.err
    assert "hunter2" not in outcome.err + outcome.out


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    _, request = send("--user", os.fsdecode(b"m\xe9:hunter2"), cwd=tmp_path)
    assert base64.b64decode(request.fields["authorization"][6:]) == b"m\xe9:hunter2"


def test_uploads_are_not_named_by_their_url(tmp_path: Path) -> None:
    outcome = run_here("uploads", "resume", "http://me:hunter2@h/", cwd=tmp_path)
    assert outcome.code == 2
    assert "hunter2" not in outcome.err


def test_the_receiver_takes_its_token_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    outcome = run_here("receive", "inbox", "--token-file", "empty", cwd=tmp_path)
    assert outcome.code == 2
    assert "empty is empty" in outcome.error


@pytest.mark.parametrize(
    "proxy", [(), ("--proxy", "http://me:hunter2@127.0.0.1:1"), ("--proxy", "me:hunter2@h:x")]
)
def test_nobody_listens(proxy: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    url = f"http://me:hunter2@127.0.0.1:{free_port()}/x?sig=hunter2"
    outcome = run("send", "--json", "-v", *proxy, "f", url, cwd=tmp_path)
    assert outcome.code == (2 if "h:x" in "".join(proxy) else 55)
    assert "hunter2" not in outcome.out + outcome.err


def test_a_prompt(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    with (
        serving(take_all) as server,
        terminal("send", "--user", "me", "f", server.url, cwd=tmp_path) as window,
    ):
        window.wait_for("Password of me: ")
        window.type(b"hunter2\n")
        code, seen = window.end()
    assert code == 0, seen
    assert "hunter2" not in seen
    assert server.requests[0].fields["authorization"] == basic("me", "hunter2")


def test_a_prompt_that_is_interrupted(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with terminal("send", "--user", "me", "f", "http://h/", cwd=tmp_path) as window:
        window.wait_for("Password of me: ")
        window.type(b"\x03")
        code, seen = window.end()
    assert code == 130
    assert "interrupted before anything was sent" in seen


def test_no_terminal_to_ask(tmp_path: Path) -> None:
    # In a session of its own, without a terminal that could ask the one who runs the tests.
    command = ["setsid", "--wait", *PROGRAM, "send", "--user", "me", "-", "http://h/f"]
    done = subprocess.run(
        command, env=environment(home=tmp_path), capture_output=True, text=True, input="hunter2"
    )
    assert done.returncode == 2
    assert "there is no terminal to ask for the password" in done.stderr


def test_a_redirect_takes_no_credentials_along_and_says_so(tmp_path: Path) -> None:
    def locked(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.answer(401)

    def moved(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.answer(307, Location=f"{other.url}there")

    (tmp_path / "f").write_bytes(b"content")
    with serving(locked) as other, serving(moved) as server:
        url = server.url.replace("//", "//me:hunter2@")
        options = ("-H", "Private-Token: hunter2", "-H", "Accept-Language: de")
        outcome = run("send", *options, "f", url, cwd=tmp_path)
    assert outcome.code == 22
    assert "if you trust this server, send there by its own URL" in outcome.error
    (request,) = other.requests
    assert not {"authorization", "private-token"} & request.fields.keys()
    assert request.fields["accept-language"] == "de"
    assert server.requests[0].fields["authorization"] == basic("me", "hunter2")
