from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filebody import (
    BodyChanged,
    BodyReadError,
    NotReplayable,
    PathBody,
    Reader,
    SliceBody,
    UsageError,
    WaitBy,
)
from filebody.testing import check_body
from tests.body.reading import content_of, is_readable, old_file, read_when_ready, rest_of

ONLINE = "/sys/devices/system/cpu/online"


@settings(max_examples=10, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_conformance(content: bytes, allow_changes: bool) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory, "file")
        path.write_bytes(content)
        check_body(lambda: PathBody(path, allow_changes=allow_changes), content)


@settings(max_examples=5, deadline=None)
@given(st.binary(min_size=4, max_size=300))
def test_conformance_of_slices(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory, "file")
        path.write_bytes(content)
        check_body(lambda: SliceBody(PathBody(path), 1, 3), content[1:3])
        check_body(lambda: SliceBody(SliceBody(PathBody(path), 1), 2), content[3:])


@pytest.mark.parametrize("path", ["/proc/version", ONLINE])
def test_conformance_of_what_is_made_up(path: str) -> None:
    content = Path(path).read_bytes()
    assert content
    assert PathBody(path).length is None
    check_body(lambda: PathBody(path), content)


def test_conformance_of_the_null_device() -> None:
    check_body(lambda: PathBody(os.devnull), b"")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_endless_devices_are_streams(device: str) -> None:
    body = PathBody(device)
    assert (body.length, body.replayable) == (None, False)
    assert len(content_of(body, 5, 100_005, size=7000)) == 100_000
    with pytest.raises(NotReplayable):
        body.open()


@pytest.mark.parametrize("kind", [str, bytes, Path, os.fsencode])
def test_every_kind_of_path(tmp_path: Path, kind: Any) -> None:
    path = old_file(tmp_path / "file", b"abc")
    body = PathBody(os.fsencode(path) if kind is bytes else kind(str(path)))
    assert (body.path, body.source) == (str(path), str(path))
    assert content_of(body) == b"abc"
    assert repr(body) == f"<PathBody {path} length=3>"


def test_nothing_there(tmp_path: Path) -> None:
    path = tmp_path / "missing"
    with pytest.raises(BodyReadError) as caught:
        PathBody(path)
    assert isinstance(caught.value, OSError)
    assert (caught.value.errno, caught.value.offset) == (errno.ENOENT, 0)
    assert caught.value.filename == caught.value.source == str(path)


def test_directories_and_sockets_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{tmp_path} is a directory, not a file"):
        PathBody(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener, TemporaryDirectory() as directory:
        name = f"{directory}/s"  # the names of sockets are short
        listener.bind(name)
        with pytest.raises(UsageError, match=f"{name} is a socket, not a file"):
            PathBody(name)


def test_a_file_that_goes_before_it_is_opened(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"abc")
    body = PathBody(path)
    path.unlink()
    with closing(body.open()) as reader, pytest.raises(BodyReadError) as caught:
        reader.read(1)
    assert (caught.value.errno, caught.value.source) == (errno.ENOENT, str(path))


# Root may read everything, so that somebody else has to try. Everything is imported before that,
# because the new user need not be able to read our modules.
AS_NOBODY = """
    import os, sys
    from filebody import BodyReadError, PathBody
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    hidden, unreadable = sys.argv[1:]
    try:
        PathBody(hidden)
    except BodyReadError as error:
        print(error)
    try:
        PathBody(unreadable).open().read(1)
    except BodyReadError as error:
        print(error)
"""


def test_a_file_that_may_not_be_looked_at_or_read() -> None:
    with TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        closed = Path(directory, "closed")
        closed.mkdir(mode=0)
        unreadable = Path(directory, "file")
        unreadable.write_bytes(b"secret")
        unreadable.chmod(0)
        hidden = closed / "file"
        child = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(AS_NOBODY), hidden, unreadable],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert child.stdout.splitlines() == [
        f"cannot read {path}: {os.strerror(errno.EACCES)}" for path in (hidden, unreadable)
    ]


def test_each_pass_opens_and_closes_the_file_once(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"abc")
    body = PathBody(path)

    def descriptors() -> list[str]:
        links = Path("/proc/self/fd")
        return [name for name in os.listdir(links) if is_link_to(links / name, path)]

    with closing(body.open()) as first, closing(body.open()) as second:
        assert descriptors() == []
        assert read_when_ready(first, 1) == b"a"
        assert len(descriptors()) == 1
        assert read_when_ready(second, 2) == b"ab"
        assert len(descriptors()) == 2
        first.close()
        assert len(descriptors()) == 1
        assert rest_of(second) == b"c"
    assert descriptors() == []


def is_link_to(link: Path, target: Path) -> bool:
    return link.is_symlink() and os.readlink(link) == str(target)


def test_a_descriptor_whose_file_is_refused_is_closed(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"abc")
    body = PathBody(path)
    path.write_bytes(b"xyz")
    before = sorted(os.listdir("/proc/self/fd"))
    with closing(body.open()) as reader, pytest.raises(BodyChanged):
        reader.read(1)
    assert sorted(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("kind", ["directory", "fifo"])
def test_something_else_took_the_place(tmp_path: Path, kind: str) -> None:
    path = old_file(tmp_path / "file", b"abc")
    strict, lenient = PathBody(path), PathBody(path, allow_changes=True)
    path.rename(tmp_path / "moved away")  # and still there, so that its inode is not used again
    path.mkdir() if kind == "directory" else os.mkfifo(path)
    with closing(strict.open()) as reader, pytest.raises(BodyChanged, match="another file"):
        reader.read(1)
    with closing(lenient.open()) as reader, pytest.raises(BodyReadError) as caught:
        read_when_ready(reader, 1)
    assert caught.value.errno == (errno.EISDIR if kind == "directory" else errno.ESPIPE)


class TestNamedPipe:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "fifo"
        os.mkfifo(path)
        return path

    @pytest.fixture
    def reader(self, path: Path) -> Iterator[Reader]:
        body = PathBody(path)
        assert (body.length, body.replayable) == (None, False)
        with closing(body.open()) as reader:
            yield reader

    def test_nobody_writes_yet_then_somebody_does_and_ends(
        self, path: Path, reader: Reader
    ) -> None:
        assert reader.read(10) is None
        assert reader.wait_by is WaitBy.DESCRIPTOR
        assert not is_readable(reader.fileno())
        with path.open("wb", buffering=0) as writer:
            assert reader.read(10) is None
            writer.write(b"one")
            assert is_readable(reader.fileno())
            assert reader.read(10) == b"one"
            assert reader.read(10) is None
            writer.write(b"two three")
            assert reader.readinto(bytearray(3)) == 3
        assert reader.read(10) == b" three"
        assert is_readable(reader.fileno())  # hung up
        assert [reader.read(10), reader.read(10)] == [b"", b""]

    def test_a_read_in_a_thread_waits_for_the_writer(self, path: Path, reader: Reader) -> None:
        given: list[bytes | None] = []
        thread = threading.Thread(target=lambda: given.append(reader.read_blocking(10)))
        thread.start()
        with path.open("wb", buffering=0) as writer:
            assert given == []
            writer.write(b"one")
            thread.join(10)
        assert given == [b"one"]

    def test_a_writer_that_says_nothing_is_an_end(self, path: Path, reader: Reader) -> None:
        assert reader.read(10) is None
        path.open("wb").close()
        assert reader.read(10) == b""

    def test_an_offset_is_read_and_dropped(self, path: Path) -> None:
        with closing(PathBody(path).open(3, 5)) as reader:
            assert reader.read(10) is None
            with path.open("wb", buffering=0) as writer:
                writer.write(b"ab")
                assert reader.read(10) is None
                writer.write(b"cdefg")
                assert [reader.read(10), reader.read(10)] == [b"de", b""]

    def test_after_the_close_there_is_no_descriptor(self, reader: Reader) -> None:
        reader.close()
        with pytest.raises(UsageError, match="is closed"):
            reader.fileno()

    def test_gone_before_it_is_opened(self, path: Path, reader: Reader) -> None:
        path.unlink()
        with pytest.raises(BodyReadError) as caught:
            reader.read(10)
        assert caught.value.errno == errno.ENOENT
