"""What a changed file is called, and when it is noticed."""

from __future__ import annotations

import builtins
import gzip
import os
import stat
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from filebody import (
    Body,
    BodyChanged,
    BodyError,
    BodyShrank,
    DigestBody,
    FileBody,
    PathBody,
    Reader,
)
from filebody.body import WaitBy, _identity
from filebody.body._identity import FileIdentity, has_true_size
from tests.body.reading import (
    content_of,
    let_the_clock_tick,
    old_file,
    read_when_ready,
    rest_of,
)

SIZE = 1000
CONTENT = bytes(range(250)) * 4
PIECE = 100


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, 950)


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(bytes(SIZE))
    other.rename(path)


def touch(path: Path) -> None:
    os.utime(path)


def set_mode(path: Path) -> None:
    path.chmod(0o600)


def rewrite(path: Path) -> None:
    path.write_bytes(bytes(SIZE))


def rewrite_and_set_back(path: Path) -> None:
    """Rewrite the file, and set the time of the modification back."""
    before = path.stat()
    path.write_bytes(bytes(SIZE))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


TIMES = ["its modification time", "its status change time"]
GREW = ["its size went from 1000 to 1004 bytes", *TIMES]
# What happens to the file, and what is said of it. The open file stays the one it was when another
# takes its name; all that can be seen of that is that it lost the name.
CHANGES: list[tuple[Callable[[Path], None], list[str] | None]] = [
    (grow, GREW),
    (shrink, None),  # there is nothing to read any more, which is said first
    (replace, ["another file has its place"]),
    (touch, TIMES),
    (rewrite, TIMES),
    (rewrite_and_set_back, ["its content"]),
]


def move(path: Path) -> None:
    path.rename(path.with_name("moved"))


def link(path: Path) -> None:
    path.with_name("link").hardlink_to(path)


TOUCHES = [set_mode, move, link]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return old_file(tmp_path / "file", CONTENT)


@pytest.fixture(params=["path", "file"])
def make_body(request: pytest.FixtureRequest, path: Path, keep: ExitStack) -> Callable[..., Body]:
    def make(**options: Any) -> Body:
        if request.param == "path":
            return PathBody(path, **options)
        return FileBody(keep.enter_context(path.open("rb")), **options)

    return make


@pytest.mark.parametrize("pieces_before", [1, 5, 9])
@pytest.mark.parametrize(("change", "what"), CHANGES)
def test_a_change_while_it_is_read_is_an_error_before_the_last_bytes(
    path: Path,
    make_body: Callable[..., Body],
    change: Callable[[Path], None],
    what: list[str] | None,
    pieces_before: int,
) -> None:
    with closing(make_body().open()) as reader:
        got = b"".join(read_when_ready(reader, PIECE) for _ in range(pieces_before))
        change(path)
        error: BodyError | None = None
        while error is None:
            try:
                got += read_when_ready(reader, PIECE)
            except BodyError as raised:
                error = raised
            assert len(got) < SIZE
    assert error.source == str(path)
    assert CONTENT.startswith(got) or change in (rewrite, rewrite_and_set_back)
    if what is None:
        assert isinstance(error, BodyShrank)
        assert (error.offset, error.expected_end) == (950, SIZE)
    else:
        assert isinstance(error, BodyChanged)
        assert (error.what, error.offset) == (", ".join(what), SIZE)
        assert f"{path} changed while it was being sent ({error.what}; " in str(error)


@pytest.mark.parametrize(("change", "what"), CHANGES)
def test_a_change_between_making_the_body_and_its_pass(
    path: Path, change: Callable[[Path], None], what: list[str] | None
) -> None:
    body = PathBody(path)
    change(path)
    if change is rewrite_and_set_back:  # nothing was sent that could differ from it
        assert content_of(body) == bytes(SIZE)
        return
    with closing(body.open()) as reader, pytest.raises(BodyChanged) as caught:
        reader.read(PIECE)
    if what is None:
        assert caught.value.what.startswith("its size went from 1000 to 950 bytes")
    elif change is replace:
        assert caught.value.what == ", ".join([*TIMES, "another file has its place"])
    else:
        assert caught.value.what == ", ".join(what)
    assert caught.value.offset == 0


@pytest.mark.parametrize(("change", "what"), CHANGES)
def test_a_change_before_the_pass_over_an_open_file(
    path: Path, keep: ExitStack, change: Callable[[Path], None], what: list[str] | None
) -> None:
    body = FileBody(keep.enter_context(path.open("rb")))
    change(path)
    if change is rewrite_and_set_back:  # nothing was sent that could differ from it
        assert content_of(body) == bytes(SIZE)
        return
    with pytest.raises(BodyShrank if what is None else BodyChanged):
        content_of(body)


@pytest.mark.parametrize("pieces_before", [0, 1, 5, 9])
@pytest.mark.parametrize("happening", TOUCHES)
def test_a_touched_file_is_sent_and_told(
    path: Path,
    make_body: Callable[..., Body],
    happening: Callable[[Path], None],
    pieces_before: int,
) -> None:
    body = make_body()
    with closing(body.open()) as reader:
        if not pieces_before:
            reader.read(PIECE)
            reader.unread(PIECE)
        got = b"".join(read_when_ready(reader, PIECE) for _ in range(pieces_before))
        happening(path)
        got += rest_of(reader, PIECE)
        assert reader.is_touched
    assert got == CONTENT
    assert body.is_touched


def test_the_event_loop_does_not_wait_for_the_samples(path: Path) -> None:
    with closing(PathBody(path).open()) as reader:
        assert read_when_ready(reader, SIZE - 1) == CONTENT[:-1]
        set_mode(path)
        assert reader.readinto(bytearray(PIECE)) is None
        assert reader.wait_by is WaitBy.THREAD
        assert reader.read_blocking(PIECE) == CONTENT[-1:]
        assert rest_of(reader) == b""


@pytest.mark.parametrize("happening", [set_mode, link, rewrite_and_set_back])
def test_a_change_between_two_passes_that_send_one_content(
    path: Path, happening: Callable[[Path], None]
) -> None:
    body = PathBody(path)
    assert content_of(body, 0, 500) == CONTENT[:500]
    happening(path)
    if happening is rewrite_and_set_back:
        with pytest.raises(BodyChanged, match="its content"):
            content_of(body, 500)
    else:
        assert content_of(body, 500) == CONTENT[500:]
        assert body.is_touched


def test_a_change_of_a_large_file_is_noticed_early(path: Path) -> None:
    size = 1 << 22
    os.truncate(path, size)
    with closing(PathBody(path).open()) as reader:
        read_when_ready(reader, PIECE)
        let_the_clock_tick(path)
        os.utime(path)
        with pytest.raises(BodyChanged) as caught:
            rest_of(reader, 1 << 17)
    assert caught.value.offset < size // 2


@pytest.mark.parametrize("in_thread", [False, True])
def test_a_digest_finds_what_samples_miss(path: Path, *, in_thread: bool) -> None:
    size = 1 << 22
    os.truncate(path, size)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    let_the_clock_tick(path)
    for is_rewritten in (False, True):
        body = DigestBody(PathBody(path), in_thread=in_thread)
        with closing(body.open()) as reader:
            left = size - (1 << 18)
            while left:
                left -= len(read_when_ready(reader, min(left, 1 << 18)))
            before = path.stat()
            with path.open("r+b") as file:
                if is_rewritten:  # between two samples
                    file.seek((1 << 16) - 1)
                    file.write(b"x")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            let_the_clock_tick(path)
            if is_rewritten:
                with pytest.raises(BodyChanged, match="its content"):
                    rest_of(reader)
            else:
                rest_of(reader)
                assert body.is_touched


@pytest.mark.parametrize("happening", [set_mode, rewrite_and_set_back])
def test_a_compressed_file_is_compared_as_it_lies_on_the_disk(
    path: Path, happening: Callable[[Path], None]
) -> None:
    path.write_bytes(gzip.compress(CONTENT * 100, mtime=0).ljust(SIZE, b"\0"))
    os.truncate(path, SIZE)
    with gzip.open(path) as file:
        body = FileBody(file)
        with closing(body.open()) as reader:
            got = read_when_ready(reader, PIECE)
            let_the_clock_tick(path)
            if happening is rewrite_and_set_back:
                happening(path)
                with pytest.raises(BodyChanged, match="its content"):
                    rest_of(reader)
            else:
                happening(path)
                got += rest_of(reader)
                assert len(got) == SIZE * 100
                assert body.is_touched


def fill_again_and_again(reader: Reader, buffer: bytearray) -> None:
    count: int | None = 1
    while count != 0:
        count = reader.readinto(buffer)
        if count is None:
            reader.read_blocking(len(buffer))


@pytest.mark.parametrize("room", [PIECE, SIZE, SIZE + 1])
def test_an_error_does_not_keep_the_buffer(
    path: Path, make_body: Callable[..., Body], room: int
) -> None:
    """A traceback that held it would make the end of a BytesIO a fault that is only printed."""
    with closing(make_body().open()) as reader:
        rewrite(path)
        buffer = bytearray(room)
        with pytest.raises(BodyChanged) as caught:
            fill_again_and_again(reader, buffer)
        buffer.append(0)  # BufferError if something still has a view
    assert caught.value.__traceback__ is not None


@pytest.mark.parametrize("pieces_before", [0, 1, 5, 9])
@pytest.mark.parametrize(("change", "what"), CHANGES)
def test_allowed_changes_give_the_first_bytes_that_are_there(
    path: Path,
    make_body: Callable[..., Body],
    change: Callable[[Path], None],
    what: list[str] | None,
    pieces_before: int,
) -> None:
    with closing(make_body(allow_changes=True).open()) as reader:
        got = b"".join(read_when_ready(reader, PIECE) for _ in range(pieces_before))
        change(path)
        if change is shrink:
            with pytest.raises(BodyShrank) as caught:
                rest_of(reader, PIECE)
            assert (caught.value.offset, caught.value.expected_end) == (950, SIZE)
            return
        got += rest_of(reader, PIECE)
    assert len(got) == SIZE
    if change in (grow, touch, set_mode):
        assert got == CONTENT
    if change is rewrite:
        assert got == CONTENT[: pieces_before * PIECE] + bytes(SIZE - pieces_before * PIECE)


def test_every_fact_has_its_words(path: Path) -> None:
    now = FileIdentity.of(path.stat())
    then = FileIdentity(now.size - 1, now.mtime_ns + 1, now.ctime_ns + 1, now.inode + 1, 0)
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        assert now.check(status, "it", 7)
        assert not attrs.evolve(now, ctime_ns=1).check(status, "it", 7)
        with pytest.raises(BodyChanged) as caught:
            then.check(status, "it", 7)
    assert caught.value.what == (
        "its size went from 999 to 1000 bytes, its modification time, its status change time, "
        "another file has its place, another file system has its place"
    )
    assert (caught.value.source, caught.value.offset) == ("it", 7)


def status_of(*, mode: int = stat.S_IFREG, device: int, blocks: int = 0) -> os.stat_result:
    values = [mode, 1, device, 1, 0, 0, 0, 0, 0, 0]
    return os.stat_result(values, {"st_blocks": blocks})


def test_the_size_of_a_regular_file_on_a_real_file_system_is_true(path: Path) -> None:
    assert has_true_size(path.stat())
    path.write_bytes(b"")
    assert has_true_size(path.stat())


@pytest.mark.parametrize("mode", [stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK])
def test_the_size_of_what_is_no_regular_file_is_not(mode: int) -> None:
    assert not has_true_size(status_of(mode=mode, device=os.makedev(8, 1), blocks=8))


@pytest.mark.parametrize(
    "path", ["/proc/self/status", "/proc/version", "/sys/devices/system/cpu/online"]
)
def test_the_size_of_what_is_made_up_is_not(path: str) -> None:
    assert not has_true_size(os.stat(path))


# Root directories of several mounts of one device, names with spaces and bytes that are no UTF-8.
MOUNTS = (
    b"22 1 259:1 / / rw - ext4 /dev/root rw\n"
    b"23 22 0:21 / /proc rw,nosuid shared:12 - proc proc rw\n"
    b"24 22 0:22 / /mnt/with\\040space\xff rw - fuse.sshfs host: rw\n"
    b"25 22 0:23 / /sys/fs/resctrl rw shared:1 master:2 - resctrl resctrl rw\n"
)


@pytest.mark.parametrize(
    ("device", "true"), [((0, 21), False), ((0, 22), True), ((0, 23), False), ((0, 99), True)]
)
def test_the_file_system_is_looked_up_in_the_table_of_mounts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, device: tuple[int, int], true: bool
) -> None:
    table = tmp_path / "mountinfo"
    table.write_bytes(MOUNTS)
    real_open = builtins.open

    def open_table(path: str, **options: Any) -> Any:
        assert path == "/proc/self/mountinfo"
        return real_open(table, **options)

    monkeypatch.setattr(_identity, "open", open_table, raising=False)
    _identity._file_system_type.cache_clear()
    try:
        assert has_true_size(status_of(device=os.makedev(*device))) is true
        assert has_true_size(status_of(device=os.makedev(*device), blocks=8))
    finally:
        _identity._file_system_type.cache_clear()


def test_without_a_table_of_mounts_regular_files_are_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_table(path: str, **options: Any) -> Any:
        raise FileNotFoundError(path)

    monkeypatch.setattr(_identity, "open", no_table, raising=False)
    _identity._file_system_type.cache_clear()
    try:
        assert has_true_size(status_of(device=os.makedev(0, 21)))
    finally:
        _identity._file_system_type.cache_clear()
