"""Everything that can go wrong: its code, and its one line."""

import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.command import PROGRAM, Outcome, environment, receiving, run, run_here
from tests.cli.server import Peer, serving, take_all
from tests.peers.ports import free_port
from tests.programs import require_program

LARGE = 32 * 1024 * 1024


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a file"
    path.write_bytes(b"content")
    return path


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large"
    with path.open("wb") as stream:
        stream.truncate(LARGE)
    return path


def failing(outcome: Outcome, code: int, *parts: str) -> None:
    assert outcome.code == code
    assert outcome.out == ""
    for part in parts:
        assert part in outcome.error


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["send"], "nothing to send: name a file, or - for the standard input, and the URL"),
        (["send", "--nope", "f"], "--nope"),
        (["send", "-H"], "requires an argument (see filebody send --help)"),
        (["send", "f", "ftp://h/f"], "sends by http:// and https:// only, not by ftp:"),
        (["send", "f", "http://"], "its host is missing"),
        (["send", "f", "http://h:port/"], "its port is no number"),
        (["send", "http://127.0.0.1/"], "nothing to send"),
        (["send", "http://127.0.0.1/", "f"], "the URL goes last"),
        (["send", "f", "localhost:80/up/"], "write http://localhost:80/up/"),
        (["send", "f", "g", "http://127.0.0.1/x"], "end the URL with /"),
        (["send", "-", "http://127.0.0.1/"], "add --name"),
        (["send", "-"], "there is no URL"),
        (["try", "-"], "add --name"),
        (["try"], "nothing to try"),
        (["send", "-X", "GET", "f"], "GET"),
        (["send", "-H", "nonsense", "f", "http://127.0.0.1/"], "not a header field"),
        (["send", "-H", "A: b\nC: d", "f", "http://127.0.0.1/"], "on one line"),
        (["send", "-H", "Content-Length: 1", "f", "http://127.0.0.1/"], "cannot be set"),
        (["send", "-H", "Transfer-Encoding: x", "f", "http://127.0.0.1/"], "cannot be set"),
        (["send", "--token", "a b", "f", "http://127.0.0.1/"], "visible ASCII"),
        (
            ["send", "--token", "a", "-H", "Authorization: b", "f", "http://h/"],
            "leave out one of them",
        ),
        (["send", "--insecure", "f"], "there is no URL"),
        (["try", "f", "http://h/"], "filebody try takes no URL"),
        (["try", "f", ""], "an argument is empty"),
        (["try", "--token", "x", "f"], "--token"),
        (["send", "--cacert", "nowhere.pem", "f", "https://h/"], "cannot read nowhere.pem"),
        (["send", "--cacert", os.devnull, "f", "https://h/"], "no certificate"),
        (
            ["send", "--stall-timeout", "-1", "f", "http://h/"],
            "'--stall-timeout': '-1' is not a dur",
        ),
        (["send", "--max-time", "nan", "f", "http://h/"], "'--max-time': 'nan' is not a dur"),
        (["send", "--connect-timeout", "soon", "f", "http://h/"], "soon"),
        (["send", "--expect100-timeout", "-1", "f", "http://h/"], "--expect100-timeout"),
        (["send", "--limit-rate", "fast", "f", "http://h/"], "'fast' is not a rate"),
        (["send", "--max-redirects", "-1", "f", "http://h/"], "--max-redirects"),
        (["send", "--retry", "-1", "f", "http://h/"], "--retry"),
        (["send", "--proxy", "socks9://h:1", "f", "http://h/"], "--proxy: socks9://h is not a"),
        (["send", "--proxy", "http://h:1", "f"], "there is no URL"),
        (["sned", "f"], "did you mean send?"),
        (["recieve", "f"], "did you mean receive?"),
        (["xyzzy"], "there are send, receive, uploads and try"),
        (["--nope"], "--nope"),
    ],
)
def test_usage(arguments: list[str], part: str, tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    outcome = run_here(*arguments, cwd=tmp_path)
    failing(outcome, 2, part, "--help" if "see filebody" in outcome.err else "")
    assert os.listdir(tmp_path) == ["f"]


def test_missing_file(tmp_path: Path) -> None:
    outcome = run("send", "no/such", "http://127.0.0.1:9/x", cwd=tmp_path)
    failing(outcome, 26, "no/such", "http://127.0.0.1:9/x", "No such file", "check")


@pytest.mark.parametrize("url", [None, "", "nas:/backup", "example.org/upload/", "g"])
def test_nothing_is_sent_or_stored_without_a_url(url: str | None, tmp_path: Path) -> None:
    for name in ("f", "g"):
        (tmp_path / name).touch()
    outcome = run("send", "f", *(() if url is None else (url,)), cwd=tmp_path)
    failing(outcome, 2, "see filebody" if "see filebody" in outcome.err else "URL")
    assert sorted(os.listdir(tmp_path)) == ["f", "g"]


def test_directory(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    failing(run("send", "d", "http://127.0.0.1:9/", cwd=tmp_path), 26, "d ", "it is a directory")


def test_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "s"))
        failing(run("send", "s", "http://127.0.0.1:9/", cwd=tmp_path), 26, "is a socket")


def test_unreadable(file: Path) -> None:
    file.chmod(0)
    # Root may read everything, unless it lays that down.
    as_others = ["--bounding-set", "-dac_override,-dac_read_search"]
    prefix = [require_program("setpriv"), *as_others] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*prefix, *PROGRAM, "send", file, "http://127.0.0.1:9/"],
        env=environment(),
        capture_output=True,
        timeout=60,
        text=True,
    )
    outcome = Outcome(done.returncode, done.stdout, done.stderr)
    failing(outcome, 26, str(file), "Permission denied", "ask its owner")


def test_a_file_that_fails_to_be_read(tmp_path: Path) -> None:
    # The kernel says EIO for a process's memory at address 0.
    with serving(take_all) as server:
        outcome = run("send", "--no-resume", "/proc/self/mem", f"{server.url}x", cwd=tmp_path)
    failing(outcome, 26, "/proc/self/mem", "Input/output error")
    assert not any(received.is_complete for received in server.requests)


def test_nothing_listens(file: Path) -> None:
    port = free_port()
    outcome = run("send", file, f"http://127.0.0.1:{port}/", cwd=file.parent)
    failing(outcome, 55, str(file), f"http://127.0.0.1:{port}/a%20file", "connection refused")


def test_no_such_host(file: Path) -> None:
    outcome = run("send", file, "http://no-such-host.invalid/", cwd=file.parent)
    failing(outcome, 55, "no host no-such-host.invalid", "spelling")


def answers(
    statuses: list[int], cwd: Path, content: bytes, options: Sequence[str] = (), **fields: str
) -> list[str]:
    """Send a file for each status, to a server that answers with it; what was said of each."""

    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        if peer.received.method == "OPTIONS":  # whether to advise --resume
            peer.answer(404)
            return
        peer.answer(int(peer.received.target.lstrip("/")), content, **fields)

    for status in statuses:
        (cwd / str(status)).write_bytes(b"content")
    with serving(script) as server:
        outcome = run("send", *options, *map(str, statuses), server.url, cwd=cwd)
    assert (outcome.code, outcome.out) == (22, "")
    lines = outcome.err.splitlines()
    for status, line in zip(statuses, lines, strict=True):
        assert f"{server.url}{status} answered {status}" in line
        assert f"to {status} after 7 of 7 bytes" in line
    return lines


def test_refused(tmp_path: Path) -> None:
    statuses = [400, 401, 403, 404, 405, 409, 411, 413, 429, 500, 507, 599]
    page = b"<p>Because of\nthe <b>moon</b>\x1b[2J</p>"
    lines = answers(statuses, tmp_path, page, Content_Type="text/html")
    assert all("Because of the moon \\x1b[2J" in line for line in lines)


def test_redirects_that_are_not_followed(tmp_path: Path) -> None:
    statuses, where = [301, 302, 303, 307, 308], "http://elsewhere.example/x"
    lines = answers(statuses, tmp_path, b"", ("--max-redirects", "0"), Location=where)
    assert all("redirects to http://elsewhere.example/x: send it there" in line for line in lines)


def test_refused_early(large_file: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.answer(413, b"No more than a thousand", Content_Type="text/plain")
        while peer.socket.recv(1 << 20):
            pass

    with serving(script) as server:
        outcome = run("send", "--no-resume", large_file, server.url, cwd=large_file.parent)
    failing(outcome, 22, "413", "No more than a thousand", f"of {LARGE:,} bytes", "longer than")


def test_refused_early_by_the_receiver(tmp_path: Path, large_file: Path) -> None:
    with receiving(tmp_path / "inbox", "--max-size", "1M") as (running, url):
        outcome = run("send", "--no-resume", large_file, url, cwd=tmp_path)
        running.interrupt()
        assert running.end().code == 0
    failing(outcome, 22, "413")
    assert os.listdir(tmp_path / "inbox") == []


def test_success_before_the_end_is_none(large_file: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.answer(200)

    with serving(script, buffer_bytes=1 << 16) as server:
        outcome = run("send", "--no-resume", large_file, server.url, cwd=large_file.parent)
    failing(outcome, 55, "answered 200 before it had everything", "its log says more")


def test_early_success_of_a_server_that_takes_everything(large_file: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.answer(200)
        peer.body()

    # Instead of a 100 (Continue) it would mean that the file is not wanted.
    options = ("--no-resume", "--json", "--expect100-timeout", "0")
    with serving(script) as server:
        outcome = run("send", *options, large_file, server.url, cwd=large_file.parent)
    assert (outcome.code, outcome.objects[0]["bytes"]) == (0, LARGE)
    assert server.requests[0].is_complete


def test_success_without_having_asked_for_the_file(large_file: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.answer(200)
        peer.body()

    with serving(script) as server:
        outcome = run("send", "--no-resume", large_file, server.url, cwd=large_file.parent)
    failing(outcome, 55, "answered 200 before it had everything")
    assert not server.requests[0].is_complete


def test_lost_on_the_way(large_file: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()

    with serving(script, buffer_bytes=1 << 16) as server:
        outcome = run("send", "--no-resume", large_file, server.url, cwd=large_file.parent)
    failing(outcome, 55, "closed the connection before it had everything", f"of {LARGE:,} bytes")


def test_no_answer(file: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.body()

    with serving(script) as server:
        outcome = run("send", file, server.url, cwd=file.parent)
    failing(outcome, 55, "without an answer", "7 of 7 bytes")


def test_not_http(file: Path) -> None:
    def script(peer: Peer) -> None:
        peer.socket.recv(1000)
        peer.socket.sendall(b"220 mail.example ESMTP\r\n")
        while peer.socket.recv(1000):
            pass

    with serving(script) as server:
        outcome = run("send", file, server.url, cwd=file.parent)
    failing(outcome, 55, "is not HTTP/1.1", "220 mail.example", "check scheme and port")


def test_the_others_are_sent_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b"good")
    with serving(take_all) as server:
        outcome = run("send", "--json", "missing", "good", tmp_path, server.url, cwd=tmp_path)
    assert outcome.code == 26
    assert [bool(facts["error"]) for facts in outcome.objects] == [True, False, True]
    assert len(outcome.err.splitlines()) == 2


def test_the_code_is_that_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b"good")
    url = f"http://127.0.0.1:{free_port()}/"
    assert run("send", "good", "missing", url, cwd=tmp_path).code == 55
    assert run("send", "missing", "good", url, cwd=tmp_path).code == 26


def test_fail_early(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b"good")
    with serving(take_all) as server:
        outcome = run("send", "--fail-early", "missing", "good", server.url, cwd=tmp_path)
    failing(outcome, 26, "missing")
    assert server.requests == []


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 50\r\n\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    ],
)
@pytest.mark.parametrize(("status", "code"), [("201 Created", 55), ("403 Forbidden", 22)])
def test_an_answer_that_is_cut(file: Path, status: str, code: int, rest: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.socket.sendall(f"HTTP/1.1 {status}\r\n".encode() + rest)

    with serving(script) as server:
        outcome = run("send", "--no-resume", file, server.url, cwd=file.parent)
    failing(outcome, code, server.url, "within the response" if code == 55 else "Forbidden")
