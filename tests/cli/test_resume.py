"""`filebody send` to servers that can resume uploads, and to those that cannot."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.command import Outcome, python, receiving, run, run_here, started
from tests.cli.server import Peer, serving
from tests.peers.resumable import Fault, ResumableServer
from tests.peers.tus_node import TusNode
from tests.resumable.case import content_of

SIZE = 6_000_000
# Slow enough to be interrupted before the end, with much of it there.
SLOWLY = ("--limit-rate", "1500K")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(content_of(SIZE))
    return path


def wait_for_bytes(inbox: Path, count: int) -> None:
    """Wait until the receiver has so much of what is unfinished."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        parts = inbox.glob(".filebody-uploads/*.part")
        with contextlib.suppress(FileNotFoundError):
            if sum(part.stat().st_size for part in parts) >= count:
                return
        time.sleep(0.01)
    raise AssertionError(f"less than {count} bytes came to {inbox}")


def cut_off(
    inbox: Path,
    url: str,
    *options: str,
    source: str = "large",
    number: int = signal.SIGINT,
    count: int = 500_000,
) -> Outcome:
    """Begin to send a file, and have it interrupted when so much has come of all that is begun."""
    with started("send", *SLOWLY, *options, source, url, cwd=inbox.parent) as running:
        assert "the same command resumes it" in running.line("err")
        wait_for_bytes(inbox, count)
        running.interrupt(number)
        return running.end()


def listed(cwd: Path) -> list[dict[str, object]]:
    outcome = run("uploads", "--json", cwd=cwd)
    assert outcome.code == 0, outcome.err
    return outcome.objects


@contextlib.contextmanager
def inbox_of(tmp_path: Path, *options: str) -> Iterator[tuple[Path, str]]:
    with receiving(tmp_path / "inbox", *options) as (_, url):
        yield tmp_path / "inbox", url


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
@pytest.mark.parametrize(
    ("options", "name"),
    [((), "Resumable Uploads for HTTP"), (("--parallel", "2"), "tus"), (("--verify-prefix",), "R")],
)
def test_the_same_command_resumes(
    number: int, code: int, options: Sequence[str], name: str, tmp_path: Path, large: Path
) -> None:
    with inbox_of(tmp_path) as (inbox, url):
        cut = cut_off(inbox, url, *options, number=number)
        assert (cut.code, cut.out) == (code, ""), cut.err
        promise, *ending = cut.err.splitlines()
        assert promise.startswith(f"filebody: resumable ({name}")
        assert promise.endswith("if it is cut off, the same command resumes it")
        [unfinished] = listed(tmp_path)
        if code > 0:
            [line] = ending
            assert f"interrupted while sending large to {url}large" in line
            assert line.endswith(
                "to resume it, give the same command again, or: "
                f"filebody uploads resume {unfinished['upload']}"
            )
        outcome = run("send", "--json", *options, "large", url, cwd=tmp_path)
        assert outcome.code == 0, outcome.err
        assert outcome.error.startswith("filebody: resuming large at ")
        assert outcome.error.endswith(" of 5.7 MiB")
        [facts] = outcome.objects
        assert facts["resumed_bytes"] >= 500_000
        assert (facts["bytes"], facts["verified"]) == (SIZE, True)
        assert facts["sha256"] == hashlib.sha256(large.read_bytes()).hexdigest()
        assert (inbox / "large").read_bytes() == large.read_bytes()
        assert listed(tmp_path) == []


def test_several_files(tmp_path: Path, large: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(content_of(SIZE, seed=2))
    (tmp_path / "small").write_bytes(b"small")
    with inbox_of(tmp_path) as (inbox, url):
        cut_off(inbox, url)
        files = ("other", "small", "large")
        outcome = run("send", "--json", *files, url, cwd=tmp_path)
        assert outcome.code == 0
        assert [facts["bytes"] for facts in outcome.objects] == [SIZE, 5, SIZE]
        assert outcome.objects[1]["resumed_bytes"] == 0
        assert "resuming large" in outcome.error
        for name in files:
            assert (inbox / name).read_bytes() == (tmp_path / name).read_bytes()


def test_what_has_changed_begins_anew(tmp_path: Path, large: Path) -> None:
    with inbox_of(tmp_path) as (inbox, url):
        cut_off(inbox, url)
        content = content_of(SIZE, seed=3)
        large.write_bytes(content)
        outcome = run("send", "--json", "large", url, cwd=tmp_path)
        assert outcome.code == 0
        assert "beginning large anew: " in outcome.error
        assert "has changed (" in outcome.error
        assert outcome.objects[0]["resumed_bytes"] == 0
        assert (inbox / "large").read_bytes() == content


def test_the_receiver_is_killed_meanwhile(tmp_path: Path, large: Path) -> None:
    inbox = tmp_path / "inbox"
    with contextlib.ExitStack() as stack:
        first, url = stack.enter_context(receiving(inbox))
        port = str(urlsplit(url).port)
        sending = stack.enter_context(
            started("send", "--json", *SLOWLY, "large", url, cwd=tmp_path)
        )
        assert "the same command resumes it" in sending.line("err")
        wait_for_bytes(inbox, 500_000)
        first.close()
        assert "; again in " in sending.line("err")
        stack.enter_context(receiving(inbox, "--port", port))
        outcome = sending.end()
        assert outcome.code == 0, outcome.err
        assert outcome.objects[0]["verified"] is True
    assert (inbox / "large").read_bytes() == large.read_bytes()


def test_both_are_killed(tmp_path: Path, large: Path) -> None:
    inbox = tmp_path / "inbox"
    with receiving(inbox) as (receiver, url):
        with started("send", *SLOWLY, "large", url, cwd=tmp_path) as sending:
            wait_for_bytes(inbox, 500_000)
            sending.close()
        receiver.close()
    with receiving(inbox, "--port", str(urlsplit(url).port)):
        [unfinished] = listed(tmp_path)
        outcome = run("uploads", "resume", "--json", str(unfinished["upload"]), cwd=tmp_path)
        assert outcome.code == 0, outcome.err
        assert outcome.objects[0]["resumed_bytes"] >= 500_000
    assert (inbox / "large").read_bytes() == large.read_bytes()


def test_it_gives_up(tmp_path: Path, large: Path) -> None:
    with receiving(tmp_path / "inbox") as (receiver, url):
        cut_off(tmp_path / "inbox", url)
        receiver.close()
    outcome = run("send", "--give-up-after", "0.2", "large", url, cwd=tmp_path)
    assert outcome.code == 55
    last = outcome.err.splitlines()[-1]
    assert "no progress for 0 s" in last
    assert "filebody uploads resume " in last


def test_the_second_process_is_told(tmp_path: Path, large: Path) -> None:
    with (
        inbox_of(tmp_path) as (inbox, url),
        started("send", *SLOWLY, "large", url, cwd=tmp_path),
    ):
        wait_for_bytes(inbox, 500_000)
        [unfinished] = listed(tmp_path)
        assert unfinished["trouble"] == "being sent now"
        outcome = run("send", "large", url, cwd=tmp_path)
        assert outcome.code == 2
        assert "another process is sending" in outcome.error


def test_nothing_is_kept_where_it_cannot_be_written(tmp_path: Path, large: Path) -> None:
    (tmp_path / ".state").write_bytes(b"not a directory")
    with inbox_of(tmp_path) as (inbox, url):
        outcome = run("send", "large", url, cwd=tmp_path)
        assert outcome.code == 0
        assert "another process could not go on with it" in outcome.err
        assert (inbox / "large").read_bytes() == large.read_bytes()


IMPATIENT = """
import sys
from filebody.cli import _course, main

_course._PATIENCE_SECONDS = 0.5
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("options", [(), ("--resume",)])
@pytest.mark.parametrize("beginning", [b"HTTP/1.1 200 OK\r\n", b"", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_an_offer_that_never_ends(
    beginning: bytes, options: Sequence[str], tmp_path: Path, large: Path
) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        if peer.received.method == "OPTIONS":
            with contextlib.suppress(OSError):
                peer.socket.sendall(beginning)
                while True:
                    peer.socket.sendall(b"HTTP/1.1 102 P\r\n\r\n" if not beginning else b"x: y\r\n")
                    time.sleep(0.05)
        else:
            peer.body()
            peer.answer(201)

    with serving(script) as server:
        outcome = python(IMPATIENT, "send", *options, "large", server.url, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert len(outcome.err.splitlines()) == len(options)  # asked for, it says that it cannot
    assert [request.method for request in server.requests] == ["OPTIONS", "PUT"]
    assert server.requests[1].content == large.read_bytes()


class TestServersOfAllKinds:
    def test_one_that_offers_nothing(self, tmp_path: Path, large: Path) -> None:
        with ResumableServer() as server:
            outcome = run("send", "--json", "large", server.url + "/a", cwd=tmp_path)
            assert (outcome.code, outcome.err) == (0, "")
            assert [request.method for request in server.requests] == ["OPTIONS", "PUT"]
            assert server.targets == {"/a": large.read_bytes()}
            assert outcome.objects[0]["protocol"] is None

    def test_one_that_offers_nothing_and_is_asked_to(self, tmp_path: Path, large: Path) -> None:
        with ResumableServer() as server:
            outcome = run("send", "--resume", "large", server.url + "/a", cwd=tmp_path)
            assert outcome.code == 0
            assert "the server cannot resume uploads" in outcome.error
            assert server.targets == {"/a": large.read_bytes()}

    def test_one_that_is_asked_once_for_all_files(self, tmp_path: Path, large: Path) -> None:
        (tmp_path / "other").write_bytes(bytes(SIZE))
        with ResumableServer("ietf") as server:
            outcome = run("send", "large", "other", server.url + "/", cwd=tmp_path)
            assert outcome.code == 0
            assert len(server.counted("OPTIONS")) == 1
            assert server.targets == {"/large": large.read_bytes(), "/other": bytes(SIZE)}

    def test_small_files_ask_nobody(self, tmp_path: Path) -> None:
        (tmp_path / "small").write_bytes(b"small")
        with ResumableServer("tus", "ietf") as server:
            assert run("send", "small", server.url + "/a", cwd=tmp_path).code == 0
            assert [request.method for request in server.requests] == ["PUT"]

    def test_nobody_is_asked_without_resuming(self, tmp_path: Path, large: Path) -> None:
        with ResumableServer("tus", "ietf") as server:
            outcome = run("send", "--no-resume", "large", server.url + "/a", cwd=tmp_path)
            assert (outcome.code, outcome.err) == (0, "")
            assert [request.method for request in server.requests] == ["PUT"]

    def test_a_reset_is_survived(self, tmp_path: Path, large: Path) -> None:
        with ResumableServer("tus") as server:
            server.faults = [Fault(method="PATCH", after_bytes=2_000_000)]
            outcome = run("send", "--json", "large", server.url + "/", cwd=tmp_path)
            assert outcome.code == 0, outcome.err
            assert "; again in " in outcome.err
            assert list(server.targets.values()) == [large.read_bytes()]

    def test_an_offset_that_lies(self, tmp_path: Path, large: Path) -> None:
        with ResumableServer("tus") as server:
            server.faults = [Fault(method="PATCH", offset=SIZE + 1)]
            outcome = run("send", "large", server.url + "/", cwd=tmp_path)
            assert (outcome.code, outcome.out) == (65, "")
            last = outcome.err.splitlines()[-1]
            assert str(SIZE + 1) in last
            [unfinished] = listed(tmp_path)
            assert last.endswith(f"filebody uploads cancel {unfinished['upload']}")

    def test_the_standard_input(self, tmp_path: Path, large: Path) -> None:
        with ResumableServer("tus") as server:
            server.faults = [Fault(method="PATCH", after_bytes=100_000)]
            options = ("--resume", "--limit-rate", "3M", "--json", "-", "--name", "it")
            content = large.read_bytes()
            outcome = run("send", *options, server.url + "/", cwd=tmp_path, stdin=content)
            assert outcome.code == 0, outcome.err
            assert "if the connection is cut off, it goes on where it was" in outcome.err
            [facts] = outcome.objects
            assert facts["sha256"] == hashlib.sha256(content).hexdigest()
            assert list(server.targets.values()) == [content]
            assert listed(tmp_path) == []

    def test_under_another_name_it_is_another_upload(self, tmp_path: Path, large: Path) -> None:
        (tmp_path / "link").symlink_to("large")
        with ResumableServer("tus") as server:
            with started("send", *SLOWLY, "large", server.url + "/", cwd=tmp_path) as sending:
                sending.line("err")
                sending.interrupt()
                sending.end()
            for arguments in (["--name", "other", "large"], ["link"]):
                outcome = run("send", "--json", *arguments, server.url + "/", cwd=tmp_path)
                assert outcome.code == 0, outcome.err
                assert outcome.objects[0]["resumed_bytes"] == 0
            assert len(server.counted("POST")) == 3
            assert len(listed(tmp_path)) == 1

    def test_a_tus_endpoint_that_ends_with_a_slash(self, tmp_path: Path, large: Path) -> None:
        with ResumableServer("tus", endpoint="/files/") as server:
            outcome = run("send", "--json", "large", server.url + "/files/", cwd=tmp_path)
            assert outcome.code == 0, outcome.err
            assert outcome.objects[0]["protocol"] == "tus"
            [stored] = server.uploads.values()
            assert stored.data == large.read_bytes()

    @pytest.mark.parametrize("method", ["PUT", "POST"])
    def test_exactly_this_url(self, method: str, tmp_path: Path, large: Path) -> None:
        with ResumableServer(endpoint="/api/") as server:
            url = server.url + "/api/"
            outcome = run("send", "-X", method, "--name", "", "large", url, cwd=tmp_path)
            assert outcome.code == 0, outcome.err
            assert server.targets == {"/api/": large.read_bytes()}

    def test_parts_are_joined_where_the_creation_is_redirected(
        self, tmp_path: Path, large: Path
    ) -> None:
        with ResumableServer("tus") as server:
            server.redirects = {"/files": "/files/"}
            options = ("--parallel", "2", "--json")
            outcome = run("send", *options, "large", server.url + "/files", cwd=tmp_path)
            assert outcome.code == 0, outcome.err
            assert large.read_bytes() in server.targets.values()
            assert listed(tmp_path) == []

    def test_a_stream_that_goes_in_one_request_is_counted(self, tmp_path: Path) -> None:
        with ResumableServer() as server:
            options = ("--resume", "--json", "--name", "a")
            outcome = run("send", *options, "-", server.url + "/", cwd=tmp_path, stdin=b"abc")
            assert outcome.code == 0, outcome.err
            assert outcome.objects[0]["bytes"] == 3
            assert server.targets == {"/a": b"abc"}

    def test_verbose_shows_all_requests(self, tmp_path: Path, large: Path) -> None:
        with ResumableServer("tus") as server:
            outcome = run("send", "-v", "large", server.url + "/", cwd=tmp_path)
            assert outcome.code == 0
            for method in ("OPTIONS", "POST", "PATCH"):
                assert f"> {method} /" in outcome.err

    @pytest.mark.peer
    def test_the_tus_server_of_others(self, tmp_path: Path, large: Path) -> None:
        with TusNode(tmp_path) as server:
            with started("send", *SLOWLY, "large", server.url, cwd=tmp_path) as sending:
                assert "resumable (tus)" in sending.line("err")
                wait_until(lambda: any(p.stat().st_size > 500_000 for p in server.store.iterdir()))
                sending.close()
            outcome = run("send", "--json", "large", server.url, cwd=tmp_path)
            assert outcome.code == 0, outcome.err
            assert outcome.objects[0]["resumed_bytes"] > 0
            [stored] = [path for path in server.store.iterdir() if path.suffix != ".json"]
            assert stored.read_bytes() == large.read_bytes()


def wait_until(is_so: Callable[[], bool]) -> None:

    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--parallel", "0", "f", "http://h/"], "--parallel is 0"),
        (["--parallel", "2", "--no-resume", "f", "http://h/"], "--parallel needs"),
        (["--resume", "--form", "a=@f", "http://h/"], "a form is sent in one request"),
        (["--parallel", "2", "--compress=gzip", "f", "http://h/"], "--parallel cannot be used"),
        (["--resume", "--allow-changes", "f", "http://h/"], "a file that changes"),
        (["--resume", "-X", "PATCH", "f", "http://h/"], "PATCH"),
        (["--give-up-after", "-1", "f", "http://h/"], "--give-up-after"),
    ],
)
def test_what_makes_no_sense(arguments: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    outcome = run_here("send", *arguments, cwd=tmp_path)
    assert outcome.code == 2
    assert words in outcome.error
