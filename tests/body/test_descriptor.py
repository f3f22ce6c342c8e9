"""Pipes, sockets and devices as open files."""

from __future__ import annotations

import errno
import os
import select
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filebody import BodyReadError, BodyShrank, FileBody, NotReplayable, WaitBy
from filebody.testing import check_body
from tests.body.reading import content_of, is_readable, pipe_with, read_when_ready, rest_of

ROOT = Path(__file__).parents[2]


@settings(max_examples=8, deadline=None)
@given(st.binary(max_size=300), st.booleans(), st.booleans(), st.booleans())
def test_conformance_of_pipes(content: bytes, buffered: bool, known: bool, close: bool) -> None:
    with ExitStack() as keep:

        def make_body() -> FileBody:
            near, far = pipe_with(content)
            os.close(far)
            file = keep.enter_context(os.fdopen(near, "rb", -1 if buffered else 0))
            return FileBody(file, close=close, length=len(content) if known else None)

        check_body(make_body, content)


@pytest.mark.parametrize("timeout", [None, 5.0])
@pytest.mark.parametrize("read_before", [0, 6])
@pytest.mark.parametrize("buffering", [-1, 0])
def test_conformance_of_sockets(
    keep: ExitStack, timeout: float | None, read_before: int, buffering: int
) -> None:
    content = b"first\nand the rest"

    def make_body() -> FileBody:
        near, far = socket.socketpair()
        with near, far:
            near.settimeout(timeout)
            far.sendall(content)
            far.shutdown(socket.SHUT_WR)
            file: Any = near.makefile("rb", buffering)
            keep.enter_context(file)
            assert len(file.read(read_before)) == read_before
            return FileBody(file)

    check_body(make_body, content[read_before:])


class TestPipe:
    @pytest.fixture
    def far(self, keep: ExitStack) -> int:
        self.near, far = os.pipe()
        self.file = keep.enter_context(os.fdopen(self.near, "rb"))
        keep.callback(_close_quietly, far)
        return far

    def test_it_is_read_when_it_is_ready(self, far: int) -> None:
        body = FileBody(self.file)
        assert (body.length, body.replayable) == (None, False)
        assert body.source == f"<descriptor {self.near}>"
        with closing(body.open()) as reader:
            assert reader.read(10) is None
            assert reader.wait_by is WaitBy.DESCRIPTOR
            assert reader.fileno() == self.near
            assert not is_readable(reader.fileno())
            os.write(far, b"abc")
            assert is_readable(reader.fileno())
            assert reader.read(2) == b"ab"
            assert reader.read(2) == b"c"
            assert reader.read(2) is None
            os.close(far)
            assert reader.read(2) == b""

    @pytest.mark.parametrize("size", [1, 3, 100])
    @pytest.mark.parametrize("look_ahead", ["readline", "peek"])
    def test_what_was_read_ahead_comes_first(self, far: int, look_ahead: str, size: int) -> None:
        os.write(far, b"first\nsecond\n")
        if look_ahead == "readline":
            assert self.file.readline() == b"first\n"
        else:
            assert self.file.peek() == b"first\nsecond\n"
        os.write(far, b"third\n")
        os.close(far)
        expected = b"first\nsecond\nthird\n"[6 * (look_ahead == "readline") :]
        assert content_of(FileBody(self.file), size=size) == expected

    def test_what_was_read_ahead_is_dropped_first(self, far: int) -> None:
        os.write(far, b"first\nsecond\n")
        assert self.file.readline() == b"first\n"
        os.write(far, b"third\n")
        os.close(far)
        assert content_of(FileBody(self.file), 3, 9) == b"ond\nth"

    @pytest.mark.parametrize("ahead", [b"", b"first\nsecond"])
    def test_its_blocking_mode_is_left_alone(
        self, far: int, ahead: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The mode belongs to everybody who has the pipe, in other processes too."""
        changes: list[bool] = []
        monkeypatch.setattr(os, "set_blocking", lambda _, mode: changes.append(mode))
        if ahead:
            os.write(far, ahead)
            self.file.readline()
        with closing(FileBody(self.file).open()) as reader:
            assert reader.read(100) == (b"second" if ahead else None)
            assert reader.read(100) is None
            os.write(far, b"more")
            assert reader.read(100) == b"more"
        assert changes == []
        os.write(far, b"left to its owner")
        assert self.file.peek() == b"left to its owner"

    def test_a_read_in_a_thread_waits(self, far: int) -> None:
        given: list[bytes | None] = []
        with closing(FileBody(self.file).open()) as reader:
            thread = threading.Thread(target=lambda: given.append(reader.read_blocking(10)))
            thread.start()
            os.write(far, b"abc")
            thread.join(10)
        assert given == [b"abc"]

    def test_a_close_under_the_read_closes_it_afterwards(self, far: int) -> None:
        reader = FileBody(self.file, close=True).open()
        given: list[bytes | None] = []
        thread = threading.Thread(target=lambda: given.append(reader.read_blocking(10)))
        thread.start()
        reader.close()
        os.write(far, b"abc")
        os.close(far)
        thread.join(10)
        assert given in ([b"abc"], [None])  # it may not have begun before the close
        assert self.file.closed

    def test_another_who_reads_faster_is_no_error(self, far: int) -> None:
        """Ready when asked, and empty when read: only a non-blocking pipe can say so."""
        os.set_blocking(self.near, False)
        os.write(far, b"x")
        real_read = os.read

        def late_read(descriptor: int, size: int) -> bytes:
            real_read(descriptor, 1)
            return real_read(descriptor, size)

        with pytest.MonkeyPatch.context() as patch, closing(FileBody(self.file).open()) as reader:
            patch.setattr(os, "read", late_read)
            assert reader.read(10) is None

    def test_a_length_that_the_caller_knows(self, far: int) -> None:
        os.write(far, b"abcdef")
        assert content_of(FileBody(self.file, length=4)) == b"abcd"
        assert os.read(self.near, 10) == b"ef"

    def test_an_end_before_that_length(self, far: int) -> None:
        os.write(far, b"abc")
        os.close(far)
        with closing(FileBody(self.file, length=4).open()) as reader:
            assert reader.read(10) == b"abc"
            with pytest.raises(BodyShrank) as caught:
                reader.read(10)
        assert (caught.value.offset, caught.value.expected_end) == (3, 4)

    def test_one_pass(self, far: int) -> None:
        body = FileBody(self.file)
        body.open().close()
        with pytest.raises(NotReplayable):
            body.open()
        assert not self.file.closed

    def test_closed_by_its_owner(self, far: int) -> None:
        with closing(FileBody(self.file).open()) as reader:
            assert reader.read(1) is None
            self.file.close()
            with pytest.raises(ValueError, match="closed file"):
                reader.read(1)

    def test_its_descriptor_closed_behind_its_back(self, far: int) -> None:
        with closing(FileBody(self.file).open()) as reader:
            assert reader.read(1) is None
            copy = os.dup(self.near)
            os.close(self.near)
            try:
                with pytest.raises(BodyReadError) as caught:
                    reader.read(1)
            finally:
                os.dup2(copy, self.near)
                os.close(copy)
        assert (caught.value.errno, caught.value.offset) == (errno.EBADF, 0)


def _close_quietly(descriptor: int) -> None:
    """Close what the test may have closed already; nothing else was opened since."""
    with suppress(OSError):
        os.close(descriptor)


def test_the_output_of_a_program() -> None:
    command = [sys.executable, "-c", "print('x' * 200_000, end='')"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert content_of(FileBody(child.stdout)) == b"x" * 200_000


def test_standard_input(tmp_path: Any) -> None:
    """From a pipe its length is unknown; from a file it is what is left of it."""
    program = (
        "import sys; from filebody import FileBody; from tests.body.reading import content_of;"
        "sys.stdin.buffer.readline(); body = FileBody(sys.stdin.buffer);"
        "print(body.source, body.length, content_of(body))"
    )
    command = [sys.executable, "-c", program]
    piped = subprocess.run(
        command, input=b"one\ntwo", capture_output=True, check=True, timeout=60, cwd=ROOT
    )
    assert piped.stdout == b"<stdin> None b'two'\n"
    path = tmp_path / "file"
    path.write_bytes(b"one\ntwo")
    with path.open("rb") as file:
        redirected = subprocess.run(
            command, stdin=file, capture_output=True, check=True, timeout=60, cwd=ROOT
        )
    assert redirected.stdout == b"<stdin> 3 b'two'\n"


def test_text_in_front_of_a_pipe_is_refused_and_its_buffer_is_not(keep: ExitStack) -> None:
    near, far = pipe_with(b"abc")
    os.close(far)
    text = keep.enter_context(os.fdopen(near, "r"))
    with pytest.raises(TypeError, match="text mode"):
        FileBody(text)
    assert content_of(FileBody(text.buffer)) == b"abc"


def test_urgent_data_does_not_make_it_ready() -> None:
    """A read would wait for the data that are not urgent."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as far,
        server.accept()[0] as near,
        near.makefile("rb") as file,
        closing(FileBody(file).open()) as reader,
    ):
        far.send(b"!", socket.MSG_OOB)
        poll = select.poll()
        poll.register(near, select.POLLPRI)
        assert poll.poll(10_000)
        assert reader.read(10) is None
        far.send(b"abc")
        far.shutdown(socket.SHUT_WR)
        assert rest_of(reader) == b"abc"


def test_a_reset_connection_is_an_error_with_its_position() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        far = socket.create_connection(server.getsockname())
        with (
            server.accept()[0] as near,
            near.makefile("rb") as file,
            closing(FileBody(file).open()) as reader,
        ):
            far.send(b"abc")
            assert read_when_ready(reader) == b"abc"
            far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            far.close()
            with pytest.raises(BodyReadError) as caught:
                read_when_ready(reader)
    assert (caught.value.errno, caught.value.offset) == (errno.ECONNRESET, 3)


def test_a_silent_socket_with_a_timeout_is_not_waited_for() -> None:
    near, far = socket.socketpair()
    with near, far, near.makefile("rb") as file:
        near.settimeout(0.2)
        with closing(FileBody(file).open()) as reader:
            assert reader.read(10) is None
            far.send(b"abc")
            assert reader.read(10) == b"abc"
        assert near.gettimeout() == 0.2


def test_a_terminal(keep: ExitStack) -> None:
    near, far = os.openpty()
    keep.callback(os.close, near)
    tty.setraw(far)
    with os.fdopen(far, "rb", 0) as file, closing(FileBody(file).open()) as reader:
        assert reader.read(10) is None
        os.write(near, b"typed")
        assert read_when_ready(reader) == b"typed"


@pytest.mark.parametrize("buffering", [-1, 0])
def test_devices(opened: Callable[..., Any], buffering: int) -> None:
    zero = FileBody(opened("/dev/zero", buffering=buffering))
    assert (zero.length, zero.replayable) == (None, False)
    assert content_of(zero, 10, 100_010) == bytes(100_000)
    assert content_of(FileBody(opened("/dev/null", buffering=buffering))) == b""
    assert len(content_of(FileBody(opened("/dev/urandom", buffering=buffering)), 0, 50)) == 50


def test_a_device_open_for_both(opened: Callable[..., Any]) -> None:
    file = opened("/dev/zero", "r+b")
    assert file.read(3) == bytes(3)
    assert content_of(FileBody(file), 0, 100_000) == bytes(100_000)


def test_there_is_no_descriptor_of_a_closed_file(keep: ExitStack) -> None:
    near, far = pipe_with(b"")
    os.close(far)
    file = os.fdopen(near, "rb")
    body = FileBody(file)
    file.close()
    with closing(body.open()) as reader, pytest.raises(ValueError, match="closed file"):
        reader.fileno()
    with pytest.raises(ValueError, match="closed file"):
        FileBody(file)
