"""What the command does because its agent can: redirects, retries, rates, proxies, connections."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from filebody.cli._stdin import SHORT_BYTES
from tests.cli.command import run, started
from tests.cli.server import Peer, serving, take_all
from tests.peers.ports import free_port
from tests.peers.tinyproxy import Tinyproxy
from tests.programs import require_program

CONTENT = os.urandom(300_000)
# More than is read ahead to learn the length.
LONG = os.urandom(SHORT_BYTES + 1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "f"
    path.write_bytes(CONTENT)
    return path


class Moved:
    """A server that redirects what is not below /there."""

    def __init__(self, status: int, location: str = "/there/f") -> None:
        self.status = status
        self.location = location

    def __call__(self, peer: Peer) -> None:
        peer.head()
        peer.body()
        if peer.received.target.startswith("/there"):
            peer.answer(200, b"a page about it")
        else:
            peer.answer(self.status, Location=self.location)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect(status: int, file: Path) -> None:
    with serving(Moved(status)) as server:
        outcome = run("send", "-v", file, server.url, cwd=file.parent)
    assert outcome.code == 0
    assert f"* redirected to PUT {server.url}there/f" in outcome.err
    first, second = server.requests
    assert (first.target, second.target) == ("/f", "/there/f")
    assert (second.method, bytes(second.content)) == ("PUT", CONTENT)


def test_the_digest_is_that_of_the_last_pass(file: Path) -> None:
    with serving(Moved(307)) as server:
        [facts] = run("send", "--json", file, server.url, cwd=file.parent).objects
    assert facts["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert facts["bytes"] == len(CONTENT)


def test_see_other(file: Path) -> None:
    with serving(Moved(303)) as server:
        outcome = run("send", "--json", "-X", "POST", file, server.url, cwd=file.parent)
    assert (outcome.code, outcome.objects[0]["bytes"]) == (0, len(CONTENT))
    assert [received.method for received in server.requests] == ["POST", "GET"]


@pytest.mark.parametrize("status", [301, 302])
def test_a_page_that_was_fetched_instead_is_no_upload(status: int, file: Path) -> None:
    with serving(Moved(status)) as server:
        outcome = run("send", "-X", "POST", file, server.url, cwd=file.parent)
    assert (outcome.code, outcome.out) == (22, "")
    assert f"{server.url}f answered {status}" in outcome.error
    assert "it redirects to /there/f: send it there" in outcome.error


def test_see_other_before_it_had_everything(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        if peer.received.method == "GET":
            peer.answer(200)
            return
        peer.answer(303, Location="/there")
        while peer.socket.recv(1 << 20):
            pass

    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(32 * 1024 * 1024)
    with serving(script) as server:
        outcome = run("send", "large", server.url, cwd=tmp_path)
    assert (outcome.code, outcome.out) == (22, "")
    assert "answered 303" in outcome.error


def test_redirect_of_a_pipe(tmp_path: Path) -> None:
    with serving(Moved(307)) as server:
        outcome = run("send", "-", f"{server.url}f", cwd=tmp_path, stdin=LONG)
    assert outcome.code == 22
    for part in ("answered 307", "redirects to /there/f: send it there", "read only once"):
        assert part in outcome.error


def test_too_many_redirects(file: Path) -> None:
    with serving(Moved(307, "/f")) as server:
        outcome = run("send", "--max-redirects", "2", file, server.url, cwd=file.parent)
    assert outcome.code == 22
    assert "more than 2 redirections" in outcome.error
    assert len(server.requests) == 3


def test_credentials_go_to_no_other_host(file: Path) -> None:
    with serving(take_all) as other, serving(Moved(307, f"{other.url}x")) as server:
        command = ("send", "--token", "s3cret", file, server.url)
        assert run(*command, cwd=file.parent).code == 0
    assert server.requests[0].fields["authorization"] == "Bearer s3cret"
    assert "authorization" not in other.requests[0].fields


class Unready:
    """A server that says 503 at first."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self, peer: Peer) -> None:
        peer.head()
        peer.body()
        self.times -= 1
        if self.times >= 0:
            peer.answer(503, b"busy", Retry_After="0", Content_Type="text/plain")
        else:
            peer.answer(201)


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_retry(method: str, file: Path) -> None:
    with serving(Unready(1)) as server:
        outcome = run("send", "-X", method, "--retry", "1", file, server.url, cwd=file.parent)
    assert outcome.code == 0
    assert outcome.error.startswith(
        "filebody: attempt 1 failed: answered 503 Service Unavailable; again in "
    )
    assert [bytes(received.content) for received in server.requests] == [CONTENT, CONTENT]


def test_retries_that_do_not_help(file: Path) -> None:
    with serving(Unready(2)) as server:
        outcome = run("send", "-q", "--retry", "1", file, server.url, cwd=file.parent)
    assert outcome.code == 22
    assert "answered 503" in outcome.error
    assert "busy" in outcome.error
    assert len(server.requests) == 2


def test_no_retry_without_being_asked(file: Path) -> None:
    with serving(Unready(1)) as server:
        assert run("send", file, server.url, cwd=file.parent).code == 22
    assert len(server.requests) == 1


def test_retry_of_a_connection(file: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    with started("send", "--retry", "9", file, url, cwd=file.parent) as running:
        line = running.line("err")
        running.interrupt()  # while it waits
        assert running.end().code == 130
    assert line.startswith("filebody: attempt 1 failed: ")
    assert "connection refused" in line


def test_limit_rate_holds_for_all_files_together(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"x" * 40 * 1024)
    began = time.monotonic()
    with serving(take_all) as server:
        outcome = run("send", "--limit-rate", "160K", "one", "two", server.url, cwd=tmp_path)
    assert outcome.code == 0
    # 80 KiB at 160 KiB/s and 50 ms in advance; never faster, however slow the machine.
    assert time.monotonic() - began >= 0.4
    assert [len(received.content) for received in server.requests] == [40 * 1024] * 2


def test_files_share_a_connection(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.socket.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        rest = b""
        while piece := peer.socket.recv(1 << 16):
            rest += piece
            if rest.endswith(b"second"):
                peer.received.content += rest
                peer.socket.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    (tmp_path / "one").write_bytes(b"first")
    (tmp_path / "two").write_bytes(b"second")
    with serving(script) as server:
        outcome = run("send", "-v", "one", "two", server.url, cwd=tmp_path)
    assert outcome.code == 0
    [received] = server.requests
    assert received.content.startswith(b"firstPUT /two HTTP/1.1")
    assert "* connected still to 127.0.0.1:" in outcome.err


@pytest.mark.parametrize(
    ("option", "fields"),
    [((), True), (("--expect100-timeout", "0"), False)],
)
def test_expect(option: tuple[str, ...], fields: bool, tmp_path: Path) -> None:
    with serving(take_all) as server:
        arguments = ("--no-resume", *option, "-", f"{server.url}x")
        outcome = run("send", *arguments, cwd=tmp_path, stdin=LONG)
    assert outcome.code == 0
    assert ("expect" in server.requests[0].fields) is fields


@pytest.fixture
def proxy(tmp_path: Path) -> Tinyproxy:
    require_program("tinyproxy")
    (tmp_path / "proxy").mkdir()
    return Tinyproxy(tmp_path / "proxy", login=("me", "s3cret"))


def test_proxy(proxy: Tinyproxy, file: Path) -> None:
    with proxy, serving(take_all) as server:
        url = proxy.url.replace("://", "://me:s3cret@")
        by_option = run("send", "-v", "--proxy", url, file, server.url, cwd=file.parent)
        assert (by_option.code, proxy.tunnels) == (0, 1)
        by_environment = run("send", file, server.url, cwd=file.parent, env={"http_proxy": url})
        assert (by_environment.code, proxy.tunnels) == (0, 2)
        env = {"http_proxy": url, "NO_PROXY": "127.0.0.1"}
        assert run("send", file, server.url, cwd=file.parent, env=env).code == 0
        env = {"NO_PROXY": "127.0.0.1"}
        assert run("send", "--proxy", url, file, server.url, cwd=file.parent, env=env).code == 0
        env = {"http_proxy": url}
        assert run("send", "--proxy", "", file, server.url, cwd=file.parent, env=env).code == 0
        assert run("try", file, cwd=file.parent, env=env).code == 0
        assert proxy.tunnels == 2
        refused = run("send", "--proxy", proxy.url, file, server.url, cwd=file.parent)
    assert "s3cret" not in by_option.err
    assert refused.code == 55
    assert "407" in refused.error
    assert "see --proxy" in refused.error
    assert len(server.requests) == 5


def test_a_proxy_that_is_not_there(file: Path) -> None:
    env = {"http_proxy": f"http://127.0.0.1:{free_port()}"}
    outcome = run("send", "--json", file, "http://127.0.0.1:9/", cwd=file.parent, env=env)
    assert outcome.code == 55
    assert "the proxy cannot be reached" in json.loads(outcome.out)["error"]


def test_a_proxy_in_the_environment_that_is_none(file: Path) -> None:
    env = {"https_proxy": "ftp://h"}
    outcome = run("send", file, "https://127.0.0.1:9/", cwd=file.parent, env=env)
    assert outcome.code == 2
    assert "https_proxy" in outcome.error


def test_what_was_sent_before_does_not_count(file: Path) -> None:
    there = f"http://127.0.0.1:{free_port()}/"

    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.answer(307, Location=there)

    with serving(script) as server:
        outcome = run("send", "--json", file, server.url, cwd=file.parent)
    assert outcome.code == 55
    [facts] = outcome.objects
    assert (facts["bytes"], facts["sha256"]) == (0, None)
    assert f"to {there} (after 0 of " in outcome.error
