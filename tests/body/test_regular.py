"""Files at positions: from the page cache at once, from elsewhere in threads."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from filebody import (
    BodyChanged,
    BodyReadError,
    BodyShrank,
    FileBody,
    PathBody,
    UsageError,
    WaitBy,
)
from filebody.body import _regular
from filebody.body._regular import RegularReader
from filebody.testing import check_body
from tests.body.reading import content_of, old_file, read_when_ready, rest_of
from tests.programs import require

MIB = 1 << 20
CONTENT = bytes(range(251)) * 4178 + b"the end"  # a little over one MiB, in no regular step


def can_nowait(directory: Path) -> bool:
    """Whether reads that do not wait are answered here, and not refused."""
    if _regular._NOWAIT is None:
        return False
    probe = directory / "probe"
    probe.write_bytes(b"x")
    with probe.open("rb") as file:
        try:
            os.preadv(file.fileno(), [bytearray(1)], 0, _regular._NOWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A directory whose file system has a page cache that can be read without waiting."""
    if can_nowait(tmp_path):
        yield tmp_path
        return
    with TemporaryDirectory(dir="/var/tmp") as name:
        require(
            can_nowait(Path(name)),
            "neither /tmp nor /var/tmp has a file system that knows RWF_NOWAIT",
        )
        yield Path(name)


@pytest.fixture
def memory() -> Iterator[Path]:
    """A directory on tmpfs."""
    require(os.access("/dev/shm", os.W_OK), "there is no tmpfs at /dev/shm")
    with TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


class Watch:
    """Counts the calls of `os.preadv` and can answer in their place."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[int, int]] = []
        self.answer: Callable[[], int] | None = None
        self._preadv = os.preadv
        monkeypatch.setattr(os, "preadv", self)

    def __call__(self, descriptor: int, buffers: Any, offset: int, flags: int = 0) -> int:
        self.calls.append((offset, flags))
        if self.answer is not None:
            return self.answer()
        return self._preadv(descriptor, buffers, offset, flags)


@pytest.fixture
def preadv(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


def failing(number: int) -> Callable[[], int]:
    def fail() -> int:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("content", [b"", b"x", CONTENT[:700], CONTENT])
def test_conformance(disk: Path, content: bytes) -> None:
    path = old_file(disk / "file", content)
    check_body(lambda: PathBody(path), content)


def test_conformance_without_support(memory: Path) -> None:
    path = old_file(memory / "file", CONTENT)
    check_body(lambda: PathBody(path), CONTENT)


def test_conformance_where_the_call_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_regular, "_NOWAIT", None)
    path = old_file(tmp_path / "file", CONTENT)
    check_body(lambda: PathBody(path), CONTENT)
    with closing(PathBody(path).open()) as reader:
        assert reader.read(1) is None
        assert reader.wait_by is WaitBy.THREAD


@pytest.mark.parametrize("into", [False, True])
def test_a_warm_file_is_never_waited_for(disk: Path, preadv: Watch, into: bool) -> None:
    path = old_file(disk / "file", CONTENT)
    path.read_bytes()
    got = bytearray()
    size = 4096
    buffer = bytearray(size)
    with closing(PathBody(path).open()) as reader:
        while True:
            count = reader.readinto(buffer) if into else None
            piece = bytes(buffer[:count]) if count is not None else reader.read(size)
            assert piece is not None
            if not piece:
                break
            got += piece
    assert got == CONTENT
    assert {flags for _, flags in preadv.calls} == {os.RWF_NOWAIT}


def test_evicted_pages_are_left_to_a_thread(disk: Path) -> None:
    path = disk / "file"
    path.write_bytes(CONTENT)
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    waits = 0
    got = b""
    with closing(PathBody(path).open()) as reader:
        assert reader.read(4096) is None
        while True:
            piece = reader.read(4096)
            if piece is None:
                assert reader.wait_by is WaitBy.THREAD
                waits += 1
                piece = reader.read_blocking(4096)
                assert piece
            if not piece:
                break
            got += piece
    assert got == CONTENT
    assert 1 <= waits < len(CONTENT) / 4096  # the thread's read made the kernel read ahead


def test_a_file_system_that_refuses_is_not_asked_again(memory: Path, preadv: Watch) -> None:
    if can_nowait(memory):  # newer kernels answer here, too: then refuse in their place
        preadv.answer = failing(errno.EOPNOTSUPP)
    preadv.calls.clear()
    path = old_file(memory / "file", CONTENT)
    for _ in range(2):
        assert content_of(PathBody(path)) == CONTENT
    assert preadv.calls == [(0, os.RWF_NOWAIT)] * 2  # once for each pass


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_every_way_to_say_unsupported_is_understood(
    tmp_path: Path, preadv: Watch, number: int
) -> None:
    path = old_file(tmp_path / "file", CONTENT)
    preadv.answer = failing(number)
    with closing(PathBody(path).open()) as reader:
        assert reader.read(10) is None
        assert reader.wait_by is WaitBy.THREAD
        assert reader.read_blocking(10) == CONTENT[:10]
        assert reader.readinto(bytearray(10)) is None
        assert reader.read_blocking(10) == CONTENT[10:20]
    assert len(preadv.calls) == 1


def test_an_end_that_only_the_cache_knows_of_is_not_believed(tmp_path: Path, preadv: Watch) -> None:
    """Linux 5.9 and 5.10 may answer 0 in the middle of a file (preadv2(2), BUGS)."""
    path = old_file(tmp_path / "file", CONTENT[:500])
    preadv.answer = lambda: 0
    with closing(PathBody(path).open()) as reader:
        assert reader.read(200) is None
        assert reader.wait_by is WaitBy.THREAD
        assert reader.readinto(bytearray(200)) is None
    assert content_of(PathBody(path)) == CONTENT[:500]


def test_an_error_of_the_disk_is_told_with_its_place(tmp_path: Path, preadv: Watch) -> None:
    path = old_file(tmp_path / "file", CONTENT)
    with closing(PathBody(path).open(7)) as reader:
        assert read_when_ready(reader, 3) == CONTENT[7:10]
        preadv.answer = failing(errno.EIO)
        with pytest.raises(BodyReadError) as caught:
            reader.read(10)
    error = caught.value
    assert isinstance(error, OSError)
    assert (error.errno, error.filename, error.offset) == (errno.EIO, str(path), 10)
    assert str(error) == f"cannot read {path} at byte 10: {os.strerror(errno.EIO)}"


@pytest.mark.parametrize("by_path", [True, False])
def test_an_error_in_a_thread_is_told_with_its_place(
    opened: Callable[..., Any], by_path: bool
) -> None:
    """Nothing is mapped at the address 0, so that reading it fails as a bad disk does."""
    name = "/proc/self/mem"
    body = PathBody(name) if by_path else FileBody(opened(name, buffering=0))
    assert body.length is None
    with closing(body.open()) as reader:
        assert reader.read(10) is None
        with pytest.raises(BodyReadError) as caught:
            reader.read_blocking(10)
    assert (caught.value.errno, caught.value.offset, caught.value.source) == (errno.EIO, 0, name)


def test_an_error_when_the_file_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_file(tmp_path / "file", b"abc")
    with closing(PathBody(path).open()) as reader:
        assert read_when_ready(reader, 2) == b"ab"

        def stale(descriptor: int) -> os.stat_result:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

        monkeypatch.setattr(os, "fstat", stale)
        try:
            with pytest.raises(BodyReadError) as caught:
                read_when_ready(reader, 2)
        finally:
            monkeypatch.undo()
    assert (caught.value.errno, caught.value.offset) == (errno.ESTALE, 3)


@pytest.mark.parametrize("size", [1, 4096, 65536])
def test_a_file_over_four_gibibytes(tmp_path: Path, size: int) -> None:
    path = tmp_path / "sparse"
    tail = b"behind four gibibytes"
    with path.open("wb") as file:
        file.seek((1 << 32) + 5)
        file.write(tail)
    body = PathBody(path)
    total = (1 << 32) + 5 + len(tail)
    assert body.length == total
    assert content_of(body, (1 << 32) + 5, size=size) == tail
    assert content_of(body, (1 << 32) - 3, (1 << 32) + 7, size=size) == bytes(8) + tail[:2]
    with path.open("rb") as file:
        file.seek(1 << 32)
        rest = FileBody(file)
        assert rest.length == 5 + len(tail)
        assert content_of(rest, 5, size=size) == tail
        assert file.tell() == 1 << 32


@pytest.mark.parametrize("allow_changes", [False, True])
def test_its_device_is_known(tmp_path: Path, keep: ExitStack, allow_changes: bool) -> None:
    path = old_file(tmp_path / "file", b"abc")
    file = keep.enter_context(path.open("rb"))
    for body in (
        PathBody(path, allow_changes=allow_changes),
        FileBody(file, allow_changes=allow_changes),
    ):
        with closing(body.open()) as reader:
            assert reader.device == path.stat().st_dev


def test_it_has_nothing_to_wait_on(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"abc")
    with closing(PathBody(path).open()) as reader, pytest.raises(UsageError, match=str(path)):
        reader.fileno()


def test_a_file_that_ends_early_is_told_from_a_thread_too(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", CONTENT[:100])
    with closing(PathBody(path, allow_changes=True).open()) as reader:
        assert read_when_ready(reader, 10) == CONTENT[:10]
        os.truncate(path, 50)
        assert reader.read_blocking(100) == CONTENT[10:50]
        with pytest.raises(BodyShrank) as caught:
            reader.read_blocking(100)
    assert (caught.value.offset, caught.value.expected_end) == (50, 100)


def test_bytes_given_out_do_not_change_with_the_next_read(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", CONTENT)
    with closing(PathBody(path).open()) as reader:
        first = read_when_ready(reader, 1000)
        assert len(rest_of(reader, 5000)) == len(CONTENT) - 1000
    assert first == CONTENT[:1000]


def test_bytes_given_back_come_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    reader = PathBody(path).open()
    buffer = bytearray(6)
    assert reader.readinto(buffer) == 6
    assert reader.can_unread
    reader.unread(4)
    assert reader.readinto(buffer) == 6
    assert bytes(buffer) == b"234567"
    reader.unread(0)
    assert reader.read(100) == b"89"
    reader.unread(2)
    assert reader.read(100) == b"89"
    assert reader.read(100) == b""
    with pytest.raises(UsageError, match="cannot be given back"):
        reader.unread(1)
    reader.close()


def test_nothing_is_given_back_to_a_reader_that_failed_or_was_closed(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", CONTENT)
    with closing(PathBody(path).open()) as reader:
        assert len(read_when_ready(reader, 10)) == 10
        os.truncate(path, 5)
        with pytest.raises(BodyShrank):
            rest_of(reader)
        assert not reader.can_unread
        with pytest.raises(UsageError, match="failed before"):
            reader.unread(1)
    with pytest.raises(UsageError, match="is closed"):
        reader.unread(1)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_what_is_made_up_at_each_read_cannot_be_given_back() -> None:
    with closing(PathBody("/proc/self/status").open()) as reader:
        assert read_when_ready(reader, 5)
        assert not reader.can_unread
        with pytest.raises(UsageError, match="cannot be given back"):
            reader.unread(1)


def test_nothing_is_given_back_while_a_thread_reads(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", CONTENT)

    class Asked:
        """Is asked for its descriptor by the read, which is under way then."""

        def __init__(self) -> None:
            self.file = path.open("rb")
            self.reader: RegularReader | None = None

        def fileno(self) -> int:
            if self.reader is not None:
                with pytest.raises(UsageError, match="while a read is under way"):
                    self.reader.unread(1)
            return self.file.fileno()

        def close(self) -> None:
            self.file.close()

    file = Asked()
    reader = RegularReader(
        str(path),
        file,
        start=0,
        offset=0,
        stop=len(CONTENT),
        exact=True,
        check=None,
        device=None,
        close_file=True,
    )
    with closing(reader):
        assert reader.read_blocking(10) == CONTENT[:10]
        file.reader = reader
        assert reader.read_blocking(10) == CONTENT[10:20]
        file.reader = None
        reader.unread(10)
        assert reader.read_blocking(10) == CONTENT[10:20]


def test_giving_back_the_end_has_the_file_checked_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    reader = PathBody(path).open()
    assert reader.read(100) == b"0123456789"
    reader.unread(3)
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(BodyChanged):
        reader.read(100)
    reader.close()
