"""Files that change while they are sent: the server must never take them for whole."""

import os
import threading
import time
from pathlib import Path

import pytest

from tests.cli.command import receiving, started
from tests.cli.server import Peer, serving

SIZE = 32 * 1024 * 1024
# The file is opened when its first byte is to be sent; a change before that is noticed there.
AT_ONCE = ("--no-resume", "--expect100-timeout", "0")


class Gate:
    """A server that reads the head, and the body only when it may."""

    def __init__(self) -> None:
        self.has_begun = threading.Event()
        self.may_read = threading.Event()

    def __call__(self, peer: Peer) -> None:
        peer.head()
        self.has_begun.set()
        assert self.may_read.wait(30)
        peer.body()
        if peer.received.is_complete:
            peer.answer(201)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    with path.open("wb") as stream:
        for _ in range(SIZE // (1 << 20)):
            stream.write(os.urandom(1 << 20))
    return path


def shrink(path: Path) -> None:
    os.truncate(path, 1000)


def grow(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"more")


def rewrite(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.seek(SIZE // 2)
        stream.write(b"other")


@pytest.mark.parametrize(
    ("change", "words"),
    [(shrink, "ended at byte"), (grow, "changed while"), (rewrite, "changed while")],
)
def test_change(change: object, words: str, file: Path) -> None:
    gate = Gate()
    with (
        serving(gate, buffer_bytes=1 << 16) as server,
        started("send", *AT_ONCE, "file", server.url, cwd=file.parent) as running,
    ):
        assert gate.has_begun.wait(30)
        change(file)  # type: ignore[operator]
        gate.may_read.set()
        outcome = running.end()
    assert outcome.code == 26
    assert outcome.out == ""
    for part in ("file", words, f"{server.url}file", "byte", "when nobody writes to it"):
        assert part in outcome.error
    [received] = server.requests
    assert not received.is_complete
    assert len(received.content) < SIZE


def test_growth_that_is_allowed(file: Path) -> None:
    gate = Gate()
    with (
        serving(gate, buffer_bytes=1 << 16) as server,
        started(
            "send", *AT_ONCE, "--allow-changes", "file", server.url, cwd=file.parent
        ) as running,
    ):
        assert gate.has_begun.wait(30)
        grow(file)
        gate.may_read.set()
        assert running.end().code == 0
    [received] = server.requests
    assert received.is_complete
    assert received.content == file.read_bytes()[:SIZE]


def test_shrinking_is_never_allowed(file: Path) -> None:
    gate = Gate()
    with (
        serving(gate, buffer_bytes=1 << 16) as server,
        started(
            "send", *AT_ONCE, "--allow-changes", "file", server.url, cwd=file.parent
        ) as running,
    ):
        assert gate.has_begun.wait(30)
        shrink(file)
        gate.may_read.set()
        assert running.end().code == 26
    assert not server.requests[0].is_complete


def set_mode(path: Path) -> None:
    path.chmod(0o600)


def move(path: Path) -> None:
    path.rename(path.with_name("moved"))


def link(path: Path) -> None:
    path.with_name("link").hardlink_to(path)


def rewrite_and_set_back(path: Path) -> None:
    """Rewrite what is between the samples that are taken of a body without a digest."""
    before = path.stat()
    with path.open("r+b") as stream:
        stream.seek(SIZE // 64 - 1)
        stream.write(b"x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("happening", [set_mode, move, link])
def test_a_touched_file_is_sent_with_a_notice(happening: object, file: Path) -> None:
    content = file.read_bytes()
    gate = Gate()
    with (
        serving(gate, buffer_bytes=1 << 16) as server,
        started("send", *AT_ONCE, "file", server.url, cwd=file.parent) as running,
    ):
        assert gate.has_begun.wait(30)
        happening(file)  # type: ignore[operator]
        gate.may_read.set()
        outcome = running.end()
    assert outcome.code == 0, outcome.err
    assert "its content is the same" in outcome.err
    assert server.requests[0].content == content


def test_the_digest_finds_a_rewrite_whose_time_was_set_back(file: Path) -> None:
    gate = Gate()
    with (
        serving(gate, buffer_bytes=1 << 16) as server,
        started("send", *AT_ONCE, "file", server.url, cwd=file.parent) as running,
    ):
        assert gate.has_begun.wait(30)
        rewrite_and_set_back(file)
        gate.may_read.set()
        outcome = running.end()
    assert outcome.code == 26
    assert "file changed while it was being sent" in outcome.error
    assert not server.requests[0].is_complete


def test_a_pipe_in_the_place_of_a_file_that_is_sent_resumably(file: Path) -> None:
    """Nothing waits for a writer: neither the sending, nor the digest that follows it."""
    os.truncate(file, 4 << 20)
    with (
        receiving(file.parent / "inbox") as (_, url),
        started("send", "file", url, "--limit-rate", "2M", cwd=file.parent) as running,
    ):
        deadline = time.monotonic() + 30
        while not list((file.parent / "inbox").rglob("*.part")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        file.unlink()
        os.mkfifo(file)
        outcome = running.end()
    assert outcome.code == 26
    assert "file changed while it was being sent" in outcome.err
