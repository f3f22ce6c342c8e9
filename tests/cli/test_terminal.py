"""What somebody at a terminal sees, by way of a pseudo terminal."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.cli.command import PROGRAM, TIMEOUT_SECONDS, dispositions, environment, no_traceback
from tests.cli.server import Peer, serving, take_all

SIZE = 32 * 1024 * 1024
AT_ONCE = ("--expect100-timeout", "0")


class Terminal:
    """The master's end, and everything that came out of it so far."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._master = master
        self._seen = ""
        self._changed = threading.Condition()
        self._is_over = False
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # EIO: the other end is closed
                piece = b""
            with self._changed:
                self._seen += piece.decode()
                self._is_over = not piece
                self._changed.notify_all()
            if not piece:
                return

    def wait_for(self, pattern: str) -> str:
        with self._changed:
            found = self._changed.wait_for(
                lambda: re.search(pattern, self._seen) or self._is_over, TIMEOUT_SECONDS
            )
            assert isinstance(found, re.Match), self._seen
            return found[0]

    def forget(self) -> None:
        """Wait for nothing again that came so far."""
        with self._changed:
            self._seen = ""

    def end(self) -> tuple[int, str]:
        code = self.process.wait(TIMEOUT_SECONDS)
        self._thread.join(TIMEOUT_SECONDS)
        no_traceback(self._seen)
        return code, self._seen

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)


@contextlib.contextmanager
def terminal(
    *arguments: str,
    cwd: Path,
    columns: int = 100,
    env: Mapping[str, str] | None = None,
    program: Sequence[str] = PROGRAM,
) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with dispositions():
        process = subprocess.Popen(
            # A session with this terminal, as a shell's child has.
            ["setsid", "--ctty", "--wait", *program, *arguments],
            cwd=cwd,
            env=environment(env),
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
    os.close(slave)
    window = Terminal(master, process)
    try:
        yield window
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(TIMEOUT_SECONDS)
        window._thread.join(TIMEOUT_SECONDS)
        os.close(master)


class Slow:
    """A server that reads a part, and the rest when the test has seen enough."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()

    def __call__(self, peer: Peer) -> None:
        peer.head()
        for _ in range(64):
            peer.received.content += peer.socket.recv(1 << 16)
        assert self.may_go_on.wait(60)
        with contextlib.suppress(ConnectionError):
            while peer.socket.recv(1 << 16):
                pass


def make(path: Path, size: int = SIZE) -> None:
    with path.open("wb") as stream:
        stream.truncate(size)


def test_bar(tmp_path: Path) -> None:
    make(tmp_path / "movie.mp4")
    slow = Slow()
    with (
        serving(slow, buffer_bytes=1 << 16) as server,
        terminal("send", "--stall-timeout", "0.6", "movie.mp4", server.url, cwd=tmp_path) as window,
    ):
        window.wait_for(r"movie\.mp4 .*━.* +[1-9]\d*% +\d+\.\d [KM]iB/32\.0 MiB +\d.*iB/s.*ETA")
        code, seen = window.end()
        slow.may_go_on.set()
    assert code == 28
    assert "\x1b[?25h" in seen  # the cursor is back


def test_bar_of_unknown_length(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (
        serving(take_all) as server,
        terminal("send", "pipe", server.url, cwd=tmp_path) as window,
        (tmp_path / "pipe").open("wb", buffering=0) as pipe,
    ):
        pipe.write(b"x" * 50_000)
        window.wait_for(r"pipe +48\.8 KiB +\d.*iB/s.*elapsed .*0:0")
        pipe.close()
        code, seen = window.end()
    assert code == 0
    assert "%" not in seen


def test_bar_of_what_the_kernel_takes_at_once(tmp_path: Path) -> None:
    make(tmp_path / "small", 10_000)
    is_seen = threading.Event()

    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        assert is_seen.wait(30)
        peer.answer(201)

    with (
        serving(script) as server,
        terminal("send", "small", server.url, cwd=tmp_path) as window,
    ):
        window.wait_for(r"100% +9\.8 KiB/9\.8 KiB .*waiting")
        is_seen.set()
        code, _ = window.end()
    assert code == 0


def test_a_retry_is_told_above_the_bar(tmp_path: Path) -> None:
    make(tmp_path / "small", 10_000)
    answers = [503, 201]

    def script(peer: Peer) -> None:
        peer.head()
        peer.body()
        peer.answer(answers.pop(0))

    with (
        serving(script) as server,
        terminal("send", "--retry", "1", "small", server.url, cwd=tmp_path) as window,
    ):
        window.wait_for(r"attempt 1 failed: answered 503 Service Unavailable; again in \d\.\d s\s")
        code, seen = window.end()
    assert code == 0
    assert seen.index("\x1b[?25l") < seen.rindex("\x1b[?25h")


class Early:
    """A server that takes the first bytes of a body, whatever its framing, and waits."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()

    def __call__(self, peer: Peer) -> None:
        peer.head()
        peer.socket.recv(1 << 16)
        assert self.may_go_on.wait(60)


def test_bar_of_a_form_is_about_all_of_it(tmp_path: Path) -> None:
    make(tmp_path / "large")
    early = Early()
    form = ("-F", "title=x", "-F", "a=@large", "-F", "b=@large")
    with (
        serving(early, buffer_bytes=1 << 16) as server,
        terminal("send", *AT_ONCE, *form, server.url, cwd=tmp_path) as window,
    ):
        window.wait_for(r"a form with 2 files .* [1-9]\S* [KM]iB/64\.0 MiB")
        window.type(b"\x03")
        code, _ = window.end()
        early.may_go_on.set()
    assert code == 130


def test_bar_of_what_is_compressed_is_about_the_file(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(os.urandom(SIZE))
    early = Early()
    with (
        serving(early, buffer_bytes=1 << 16) as server,
        terminal("send", *AT_ONCE, "--compress", "noise", server.url, cwd=tmp_path) as window,
    ):
        window.wait_for(r"noise .* +\d+% +[1-9]\S* [KM]iB/32\.0 MiB")
        window.type(b"\x03")
        code, seen = window.end()
        early.may_go_on.set()
    assert code == 130
    assert re.search(r"after [\d,]+ of 33,554,432 bytes", seen.replace("\r\n", ""))


def test_narrow(tmp_path: Path) -> None:
    make(tmp_path / "a-rather-long-name.mp4")
    slow = Slow()
    with (
        serving(slow, buffer_bytes=1 << 16) as server,
        terminal(
            *("send", "--stall-timeout", "0.6", "a-rather-long-name.mp4", server.url),
            cwd=tmp_path,
            columns=40,
        ) as window,
    ):
        window.wait_for(r"a-\S*….mp4")
        code, seen = window.end()
        slow.may_go_on.set()
    assert code == 28
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    frames = [frame for frame in re.split(r"[\r\n]+", plain) if "%" in frame]
    assert frames
    assert max(map(len, frames)) <= 40


def test_summary(tmp_path: Path) -> None:
    make(tmp_path / "one", 1000)
    make(tmp_path / "two", 2000)
    with (
        serving(take_all) as server,
        terminal("send", "one", "missing", "two", server.url, cwd=tmp_path) as window,
    ):
        code, seen = window.end()
    assert code == 26
    for pattern in (
        r"sent one to http\S+/one: 1000 B in ",
        r"filebody: cannot read missing \(for ",
        r"sent two to http\S+/two: 2\.0 KiB in ",
        r"2 of 3 files sent, 1 failed: 2\.9 KiB in ",
    ):
        assert re.search(pattern, seen), seen
    assert "\x1b[32m" in seen


def test_many_small_files(tmp_path: Path) -> None:
    names = [f"f{number}" for number in range(60)]
    for name in names:
        make(tmp_path / name, 100)
    with (
        serving(take_all) as server,
        terminal("send", *names, server.url, cwd=tmp_path) as window,
    ):
        code, seen = window.end()
    assert code == 0
    assert seen.count("sent f") == len(names)
    assert seen.count("\x1b[?25l") <= len(names) / 2, "a frame for every file"


def test_no_color(tmp_path: Path) -> None:
    make(tmp_path / "one", 1000)
    with terminal("try", "one", "missing", cwd=tmp_path, env={"NO_COLOR": "1"}) as window:
        code, seen = window.end()
    assert code == 26
    assert "sent one" in seen
    assert not re.search(r"\x1b\[[0-9;]*m", seen)


def test_quiet(tmp_path: Path) -> None:
    make(tmp_path / "one", 1000)
    with terminal("try", "-q", "one", cwd=tmp_path) as window:
        assert window.end() == (0, "")


def test_dumb_terminal(tmp_path: Path) -> None:
    make(tmp_path / "one", 1000)
    env = {"TERM": "dumb", "NO_COLOR": "1"}
    with terminal("try", "one", cwd=tmp_path, env=env) as window:
        code, seen = window.end()
    assert code == 0
    assert "\x1b" not in seen
    assert len(seen.splitlines()) == 1


def test_typed(tmp_path: Path) -> None:
    with terminal("try", "-", "--name", "typed", cwd=tmp_path) as window:
        window.wait_for("reading from the terminal; Ctrl-D ends the file")
        window.type(b"hello\n\x04")
        code, _ = window.end()
    assert code == 0
    assert (tmp_path / "received" / "typed").read_bytes() == b"hello\n"


def test_ctrl_c(tmp_path: Path) -> None:
    make(tmp_path / "movie.mp4")
    slow = Slow()
    with (
        serving(slow, buffer_bytes=1 << 16) as server,
        terminal("send", *AT_ONCE, "movie.mp4", server.url, cwd=tmp_path) as window,
    ):
        window.wait_for(r"[1-9]\S* [KM]iB/32\.0 MiB")
        window.type(b"\x03")
        code, seen = window.end()
        slow.may_go_on.set()
    assert code == 130
    assert "filebody: interrupted while sending movie.mp4" in seen
    assert seen.index("\x1b[?25l") < seen.rindex("\x1b[?25h")


def test_receive(tmp_path: Path) -> None:
    with terminal("receive", "inbox", "--port", "0", cwd=tmp_path) as window:
        window.wait_for(r"receiving into inbox at http://127\.0\.0\.1:\d+/; Ctrl-C ends it")
        command = window.wait_for(r"filebody send FILE http://127\.0\.0\.1:\d+/")
        make(tmp_path / "one", 1000)
        url = command.split()[-1]
        done = subprocess.run(
            [*PROGRAM, "send", "one", url], cwd=tmp_path, env=environment(home=tmp_path), timeout=60
        )
        assert done.returncode == 0
        window.wait_for(r"stored one: 1000 B in .*, sha256 [0-9a-f]{12}…, from 127\.0\.0\.1:\d+")
        window.type(b"\x03")
        code, _ = window.end()
    assert code == 0


FAULTY = """
import sys
from filebody.cli import _exchange, main

def fault(*arguments):
    raise ZeroDivisionError

_exchange.digest_of = fault
sys.exit(main(sys.argv[1:]))
"""


def test_a_fault_of_ours_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    make(tmp_path / "one", 100_000)  # 0.5 s: long enough for the bar to be shown
    command = ("try", "--limit-rate", "200K", "one")
    with terminal(*command, cwd=tmp_path, program=[sys.executable, "-c", FAULTY]) as window:
        code, seen = window.end()
    assert code == 70
    assert seen.index("\x1b[?25l") < seen.rindex("\x1b[?25h")
    assert "filebody: a fault in filebody" in seen
    assert list((tmp_path / "received").iterdir()) == [tmp_path / "received" / "one"]
