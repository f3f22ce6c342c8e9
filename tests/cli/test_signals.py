"""Ctrl-C, SIGTERM and SIGHUP while something is under way."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.cli.command import PROGRAM, Running, dispositions, environment, receiving, started
from tests.cli.server import Peer, full_port, serving

LARGE = 32 * 1024 * 1024


def wait_for_part(directory: Path) -> Path:
    """Wait until a transfer has its temporary file."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for path in directory.rglob("*.part"):
            return path
        time.sleep(0.01)
    raise AssertionError(f"nothing began in {directory}")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_send_to_a_server(number: int, code: int, tmp_path: Path) -> None:
    has_begun, is_over = threading.Event(), threading.Event()

    def script(peer: Peer) -> None:
        peer.head()
        has_begun.set()
        assert is_over.wait(30)
        peer.body()

    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(LARGE)
    (tmp_path / "next").touch()
    with (
        serving(script, buffer_bytes=1 << 16) as server,
        started(
            "send", "--no-resume", "--json", "large", "next", server.url, cwd=tmp_path
        ) as running,
    ):
        assert has_begun.wait(30)
        running.interrupt(number)
        outcome = running.end()
        is_over.set()
    assert outcome.code == code
    for part in ("interrupted while sending large", f"{server.url}large", f"of {LARGE:,} bytes"):
        assert part in outcome.error
    [facts] = outcome.objects
    assert facts["error"]
    [received] = server.requests
    assert not received.is_complete


def test_send_that_is_being_answered(tmp_path: Path) -> None:
    has_begun = threading.Event()

    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        has_begun.set()
        assert peer.socket.recv(1) == b""

    (tmp_path / "f").write_bytes(b"content")
    with serving(script) as server, started("send", "f", server.url, cwd=tmp_path) as running:
        assert has_begun.wait(30)
        running.interrupt()
        outcome = running.end()
    assert outcome.code == 130
    assert "after 7 of 7 bytes" in outcome.error


def test_a_trial_leaves_nothing(tmp_path: Path) -> None:
    received = tmp_path / "received"
    with started("try", "-", "--name", "x", cwd=tmp_path) as running:
        running.write(b"x" * 1_000_000)
        wait_for_part(received)
        running.interrupt()
        outcome = running.end()
    assert outcome.code == 130
    words = r"interrupted while sending <stdin> to received/x, after [\d,]+ bytes:"
    assert re.search(words, outcome.error)
    assert os.listdir(received) == []


def test_send_that_has_not_connected(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with started("try", "--json", "pipe", "nowhere", cwd=tmp_path) as running:
        wait_for_part(tmp_path / "received")
        running.interrupt()
        outcome = running.end()
    assert outcome.code == 130
    assert len(outcome.objects) == 1


def is_connecting_from(pid: int, port: int) -> bool:
    """Whether the process waits for an answer to its SYN (state 02 in proc(5); Linux)."""
    waiting = {
        fields[9]
        for fields in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        if fields[2].endswith(f":{port:04X}") and fields[3] == "02"
    }
    sockets = {f"socket:[{inode}]" for inode in waiting}
    descriptors = Path(f"/proc/{pid}/fd")
    with contextlib.suppress(FileNotFoundError):
        return any(os.readlink(path) in sockets for path in descriptors.iterdir())
    return False


def test_send_that_is_connecting(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with full_port() as port:
        url = f"http://127.0.0.1:{port}/"
        with started("send", "--connect-timeout", "600", "f", url, cwd=tmp_path) as running:
            deadline = time.monotonic() + 30
            while not is_connecting_from(running.process.pid, port):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            running.interrupt()
            outcome = running.end()
    assert outcome.code == 130
    assert "interrupted while sending f" in outcome.error


class Silent:
    """A server that reads up to a stage, says nothing, and sees the end of the connection."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.has_come = threading.Event()
        self.has_gone = threading.Event()

    def __call__(self, peer: Peer) -> None:
        if self.stage != "connected":
            peer.head()
        if self.stage == "body":
            peer.body()
        self.has_come.set()
        with contextlib.suppress(ConnectionError):
            while peer.socket.recv(1 << 16):
                pass
        self.has_gone.set()


@pytest.mark.parametrize(
    ("stage", "options", "scheme"),
    [
        ("connected", ("f",), "https"),  # in the TLS handshake
        ("head", ("large",), "http"),  # waiting for 100 (Continue)
        ("body", ("f",), "http"),  # waiting for the response
        ("head", ("-F", "f=@large"), "http"),
        ("head", ("-F", "f=@-"), "http"),
        ("head", ("--compress", "large"), "http"),
        ("head", ("--compress", "-"), "http"),
    ],
)
def test_send_at_every_stage(
    stage: str, options: tuple[str, ...], scheme: str, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(b"content")
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(LARGE)
    silent = Silent(stage)
    patient = ("--expect100-timeout", "600", "--connect-timeout", "600")
    with serving(silent) as server:
        url = f"{scheme}{server.url.removeprefix('http')}x"
        with started("send", *patient, *options, url, cwd=tmp_path) as running:
            assert silent.has_come.wait(30)
            running.interrupt()
            outcome = running.end()
        assert silent.has_gone.wait(30)
    assert outcome.code == 130
    assert outcome.error.startswith("filebody: interrupted while sending ")


def test_send_by_a_proxy_that_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    silent = Silent("connected")
    with (
        serving(silent) as proxy,
        started("send", "--proxy", proxy.url, "f", "http://127.0.0.1:9/", cwd=tmp_path) as running,
    ):
        assert silent.has_come.wait(30)
        running.interrupt()
        outcome = running.end()
        assert silent.has_gone.wait(30)
    assert outcome.code == 130
    assert "after 0 of 7 bytes" in outcome.error


class Upload:
    """A client that takes its time."""

    def __init__(self, url: str, content: bytes, length: int) -> None:
        host, port = url.removeprefix("http://").rstrip("/").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        head = f"PUT /slow HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n"
        self.socket.sendall(head.encode() + content)

    def finish(self, content: bytes) -> bytes:
        self.socket.sendall(content)
        return self.socket.recv(1 << 16)


def receive_with_upload(running: Running, url: str, directory: Path) -> Upload:
    upload = Upload(url, b"begin", 10)
    wait_for_part(directory)
    return upload


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_receive_that_is_idle(number: int, tmp_path: Path) -> None:
    with receiving(tmp_path / "inbox") as (running, _):
        running.interrupt(number)
        outcome = running.end()
    assert (outcome.code, outcome.err) == (0, "")
    assert os.listdir(tmp_path / "inbox") == []


def test_receive_lets_transfers_finish(tmp_path: Path) -> None:
    with receiving(tmp_path / "inbox", "--grace", "30") as (running, url):
        upload = receive_with_upload(running, url, tmp_path / "inbox")
        with upload.socket:
            running.interrupt()
            assert "transfers under way have 30 s to finish (Ctrl-C again" in running.line("err")
            assert upload.finish(b" end.").startswith(b"HTTP/1.1 201")
        outcome = running.end()
    assert outcome.code == 0
    assert (tmp_path / "inbox" / "slow").read_bytes() == b"begin end."
    assert os.listdir(tmp_path / "inbox") == ["slow"]


def test_receive_interrupted_twice(tmp_path: Path) -> None:
    with receiving(tmp_path / "inbox", "--grace", "30") as (running, url):
        upload = receive_with_upload(running, url, tmp_path / "inbox")
        with upload.socket:
            running.interrupt()
            running.line("err")
            running.interrupt()
            outcome = running.end()
    assert outcome.code == 130
    assert outcome.objects[-1]["event"] == "aborted"
    assert outcome.objects[-1]["received_bytes"] == 5
    assert os.listdir(tmp_path / "inbox") == []


def test_receive_whose_grace_ends(tmp_path: Path) -> None:
    with receiving(tmp_path / "inbox", "--grace", "0.3") as (running, url):
        upload = receive_with_upload(running, url, tmp_path / "inbox")
        with upload.socket:
            running.interrupt(signal.SIGTERM)
            assert "(the signal again" in running.line("err")
            outcome = running.end()
    assert outcome.code == 143
    assert outcome.objects[-1]["event"] == "aborted"
    assert os.listdir(tmp_path / "inbox") == []


IMPORTING = """
import os, signal, sys
from filebody.cli import main

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
sys.exit(main(["try", "f"]))
"""


def test_ctrl_c_while_it_is_still_being_loaded(tmp_path: Path) -> None:
    with dispositions():
        done = subprocess.run(
            [sys.executable, "-c", IMPORTING],
            cwd=tmp_path,
            env=environment(home=tmp_path),
            capture_output=True,
            timeout=60,
        )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_send_keeps_ignoring_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    command = ("try", "-", "--name", "x")
    with started(*command, cwd=tmp_path, ignored=number) as running:
        running.write(b"all of it")
        wait_for_part(tmp_path / "received")
        running.interrupt(number)
        running.process.stdin.close()  # type: ignore[union-attr]
        assert running.end().code == 0
    assert (tmp_path / "received" / "x").read_bytes() == b"all of it"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_receive_keeps_ignoring_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    other = signal.SIGTERM if number != signal.SIGTERM else signal.SIGINT
    with receiving(tmp_path / "inbox", ignored=number) as (running, url):
        running.interrupt(number)
        upload = Upload(url, b"all of it", 9)
        with upload.socket:
            assert upload.finish(b"").startswith(b"HTTP/1.1 201")
        running.interrupt(other)
        assert running.end().code == 0
    assert (tmp_path / "inbox" / "slow").read_bytes() == b"all of it"


# A shell without job control, as in a script, starts what follows with SIGINT ignored.
IN_THE_BACKGROUND = ('"$@" <pipe & echo "$!"; wait "$!"', signal.SIGINT)
UNDER_NOHUP = ('echo "$$"; exec nohup "$@" <pipe', signal.SIGHUP)


@pytest.mark.parametrize(
    ("script", "number"), [IN_THE_BACKGROUND, UNDER_NOHUP], ids=["background", "nohup"]
)
def test_shells_are_obeyed(script: str, number: signal.Signals, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (
        dispositions(),
        subprocess.Popen(
            ["sh", "-c", script, "sh", *PROGRAM, "try", "-", "--name", "x"],
            cwd=tmp_path,
            env=environment(home=tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as shell,
    ):
        with (tmp_path / "pipe").open("wb", buffering=0) as pipe:
            assert shell.stdout is not None
            process = int(shell.stdout.readline())
            pipe.write(b"all of it")
            wait_for_part(tmp_path / "received")
            os.kill(process, number)
        shell.communicate(timeout=60)
    assert shell.returncode == 0
    assert (tmp_path / "received" / "x").read_bytes() == b"all of it"


STUCK = """
import sys, threading
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from filebody.cli import _loop

_loop._LEAVE_SECONDS = 1

async def job(reactor):
    stuck = deferToThread(threading.Event().wait)  # as a read of a dead file system
    print("begun", flush=True)
    if sys.argv[1] == "is over":
        return 7
    await stuck

sys.exit(_loop.run(job, on_signal=lambda number: None, debug=False))
"""


@pytest.mark.parametrize(("state", "code"), [("is over", 7), ("goes on", 143)])
def test_a_thread_that_does_not_come_back_holds_nothing(
    state: str, code: int, tmp_path: Path
) -> None:
    with (
        dispositions(),
        subprocess.Popen(
            [sys.executable, "-c", STUCK, state],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(home=tmp_path),
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == b"begun\n"
            if code == 143:
                process.terminate()
            assert process.wait(30) == code
            assert b"does not answer" in process.stderr.read()
        finally:
            process.kill()
