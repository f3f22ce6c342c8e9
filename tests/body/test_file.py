"""Open file objects of every kind: how long each is, and that it gives the right bytes."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import socket
import ssl
import tarfile
import tempfile
import threading
import urllib.request
import zipfile
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filebody import FileBody, NotReplayable, UsageError, WaitBy
from filebody.testing import check_body
from tests.body.reading import content_of, old_file, read_when_ready, rest_of
from tests.peers.certificates import Certificates

CONTENT = b"first line\nsecond line\n" + bytes(range(256))
Opened = Callable[..., Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return old_file(tmp_path / "file", CONTENT)


class Loud(io.FileIO):
    """Changes what is read, so that nobody may read past it."""

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        assert count is not None
        view = memoryview(buffer).cast("B")
        view[:count] = bytes(view[:count]).upper()
        return count

    def read(self, size: int | None = -1) -> bytes:
        return (super().read(size) or b"").upper()


class LoudReader(io.BufferedReader):
    def read(self, size: int | None = -1) -> bytes:
        return super().read(size).upper()


@settings(max_examples=10, deadline=None)
@given(st.data(), st.binary(max_size=200), st.sampled_from([-1, 0]), st.booleans())
def test_conformance_from_any_position(
    data: Any, content: bytes, buffering: int, close: bool
) -> None:
    start = data.draw(st.integers(0, len(content)))
    with ExitStack() as keep:
        path = Path(keep.enter_context(tempfile.TemporaryDirectory()), "file")
        path.write_bytes(content)

        def make_body() -> FileBody:
            file = keep.enter_context(open(path, "rb", buffering))
            file.read(start)  # fills the buffer beyond the position
            return FileBody(file, close=close)

        assert make_body().length == len(content) - start
        assert make_body().replayable is not close
        check_body(make_body, content[start:])


@pytest.mark.parametrize("mode", ["rb", "r+b"])
@pytest.mark.parametrize("buffering", [-1, 0, 16])
def test_the_position_is_where_it_begins_and_does_not_move(
    path: Path, opened: Opened, mode: str, buffering: int
) -> None:
    file = opened(path, mode, buffering=buffering)
    assert file.readline() == b"first line\n"
    body = FileBody(file)
    for _ in range(2):
        assert content_of(body) == CONTENT[11:]
        assert file.tell() == 11
    assert file.readline() == b"second line\n"
    assert content_of(body) == CONTENT[11:]
    assert (body.source, body.length) == (str(path), len(CONTENT) - 11)
    assert repr(body) == f"<FileBody {path} length={len(CONTENT) - 11}>"


def test_unflushed_writes_are_sent(path: Path, opened: Opened) -> None:
    file = opened(path, "r+b")
    file.write(b"FIRST")
    file.seek(0)
    assert content_of(FileBody(file)) == b"FIRST" + CONTENT[5:]
    file.seek(0, os.SEEK_END)
    file.write(b"more")
    body = FileBody(file)
    assert (body.length, content_of(body)) == (0, b"")
    file.seek(len(CONTENT))
    assert content_of(FileBody(file)) == b"more"


class TestTemporaryFiles:
    def test_temporary_file(self) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(CONTENT)
            file.seek(6)
            body = FileBody(file)
            assert (body.length, body.replayable) == (len(CONTENT) - 6, True)
            assert content_of(body) == content_of(body) == CONTENT[6:]

    def test_named_temporary_file(self) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(CONTENT)
            file.seek(6)
            body = FileBody(file, close=True)
            assert (body.length, body.source) == (len(CONTENT) - 6, file.name)
            assert content_of(body) == CONTENT[6:]
            assert not os.path.exists(file.name)

    def test_spooled_in_memory_stays_there(self) -> None:
        with tempfile.SpooledTemporaryFile(max_size=10_000) as file:
            file.write(CONTENT)
            file.seek(6)
            body = FileBody(file)
            assert body.length == len(CONTENT) - 6
            with closing(body.open()) as reader:
                assert reader.read(10) == CONTENT[6:16]
                assert rest_of(reader) == CONTENT[16:]
            assert not file._rolled  # type: ignore[attr-defined]

    def test_spooled_to_disk(self) -> None:
        with tempfile.SpooledTemporaryFile(max_size=10) as file:
            file.write(CONTENT)
            file.seek(6)
            body = FileBody(file)
            assert (body.length, body.replayable) == (len(CONTENT) - 6, True)
            assert content_of(body) == content_of(body) == CONTENT[6:]
            assert file.tell() == 6


class TestText:
    def test_is_refused_with_a_hint(self, path: Path, keep: ExitStack) -> None:
        makers: list[Callable[[], Any]] = [
            partial(path.open, encoding="utf-8"),
            partial(io.StringIO, "text"),
            partial(codecs.open, str(path), "r", "utf-8"),
            partial(tempfile.TemporaryFile, "w+"),
            partial(tempfile.NamedTemporaryFile, "w+"),
            partial(tempfile.SpooledTemporaryFile, mode="w+"),
            partial(codecs.getreader("utf-8"), io.BytesIO(b"text")),
        ]
        for make in makers:
            file = keep.enter_context(make())
            with pytest.raises(TypeError, match=r"is open in text mode: open it in binary mode"):
                FileBody(file)


class TestUnusable:
    @pytest.mark.parametrize("mode", ["wb", "ab", "xb"])
    @pytest.mark.parametrize("buffering", [-1, 0])
    def test_open_for_writing_only(
        self, tmp_path: Path, opened: Opened, mode: str, buffering: int
    ) -> None:
        file = opened(tmp_path / "out", mode, buffering=buffering)
        with pytest.raises(UsageError, match="is not open for reading: open it with mode 'rb'"):
            FileBody(file)

    def test_compressing(self, tmp_path: Path) -> None:
        with (
            gzip.open(tmp_path / "out.gz", "wb") as file,
            pytest.raises(UsageError, match="is not open for reading"),
        ):
            FileBody(file)

    @pytest.mark.parametrize("kind", ["plain", "unbuffered", "memory"])
    def test_a_position_past_the_end(self, path: Path, opened: Opened, kind: str) -> None:
        if kind == "memory":
            file: Any = io.BytesIO(CONTENT)
        else:
            file = opened(path, buffering=0 if kind == "unbuffered" else -1)
        end = len(CONTENT)
        file.seek(end + 7)
        with pytest.raises(
            ValueError,
            match=f"stands at byte {end + 7}, past its end at {end}".replace(
                "end at", "end at byte"
            ),
        ):
            FileBody(file)
        assert file.tell() == end + 7

    def test_a_socket_itself(self) -> None:
        near, far = socket.socketpair()
        with near, far, pytest.raises(TypeError, match=r"pass its makefile\('rb'\)"):
            FileBody(near)

    @pytest.mark.parametrize("kind", [io.BytesIO, None])
    def test_a_closed_file(self, path: Path, kind: Any) -> None:
        file = path.open("rb") if kind is None else kind(b"abc")
        file.close()
        with pytest.raises(ValueError, match="closed file"):
            FileBody(file)

    def test_less_than_the_announced_length(self, path: Path, opened: Opened) -> None:
        file = opened(path)
        file.seek(10)
        rest = len(CONTENT) - 10
        assert FileBody(file, length=rest).length == rest
        with pytest.raises(UsageError, match=f"has {rest} bytes from byte 10 on, not {rest + 1}"):
            FileBody(file, length=rest + 1)

    def test_a_negative_length(self) -> None:
        with pytest.raises(UsageError, match="-1 bytes are no length"):
            FileBody(io.BytesIO(b"abc"), length=-1)

    def test_what_cannot_find_its_place_again(self) -> None:
        """It stands at its end by then: to go on would be to send nothing, as a success."""

        class ForwardOnly(io.BytesIO):
            def seek(self, offset: int, whence: int = 0) -> int:
                if whence == os.SEEK_SET:
                    raise OSError("forwards only")
                return super().seek(offset, whence)

        with pytest.raises(OSError, match="forwards only"):
            FileBody(ForwardOnly(b"abc"))


class TestObjects:
    def test_a_subclass_that_reads_in_its_own_way_is_asked(self, path: Path) -> None:
        with Loud(path) as raw:
            check = FileBody(raw)
            assert (check.length, check.replayable) == (len(CONTENT), False)
            assert content_of(check) == CONTENT.upper()
        with io.BufferedReader(Loud(path)) as file:
            assert content_of(FileBody(file)) == CONTENT.upper()
        with LoudReader(io.FileIO(path)) as other:
            assert content_of(FileBody(other)) == CONTENT.upper()

    @pytest.mark.parametrize("buffering", [-1, 0])
    def test_a_file_whose_read_was_replaced_is_asked(
        self, path: Path, opened: Opened, buffering: int
    ) -> None:
        file = opened(path, buffering=buffering)
        read = file.read
        file.read = lambda size: read(size).upper()
        assert content_of(FileBody(file)) == CONTENT.upper()

    def test_a_class_that_does_not_say_what_it_can_do_is_tried(self) -> None:
        class Sloppy(io.RawIOBase):
            content = b"abc"

            def read(self, size: int = -1) -> bytes:
                piece, self.content = self.content[:size], self.content[size:]
                return piece

        assert content_of(FileBody(Sloppy())) == b"abc"

    def test_a_descriptor_that_is_none(self) -> None:
        class Odd(io.BytesIO):
            def fileno(self) -> Any:
                return "seven"

        with closing(FileBody(Odd(b"abc")).open()) as reader:
            assert reader.read(9) == b"abc"

    def test_what_can_only_seek_or_only_read(self) -> None:
        class OnlySeek:
            position = 0

            def seek(self, offset: int, whence: int = 0) -> None:
                self.position = 9 if whence else offset

            def tell(self) -> int:
                return self.position

        assert FileBody(OnlySeek()).length == 9

        class OnlyRead:
            def read(self, size: int) -> bytes:
                return b""

        assert FileBody(OnlyRead()).length is None

    def test_names(self, path: Path) -> None:
        class Named(io.BytesIO):
            name: Any = None

        file = Named(b"")
        for name, source in [
            (None, "<Named>"),
            ("a.txt", "a.txt"),
            (b"a.txt", "a.txt"),
            (path, str(path)),
            (0, "<stdin>"),
            (7, "<descriptor 7>"),
            (2.5, "<Named>"),
        ]:
            file.name = name
            assert FileBody(file).source == source


class TestCompressed:
    """What decompresses has no length, and is not made to tell one at great cost."""

    def check(self, file: Any, reads: Callable[[], int] = int) -> None:
        body = FileBody(file)
        assert (body.length, body.replayable) == (None, False)
        assert reads() == 0
        with closing(body.open()) as reader:
            assert reader.read(5) is None
            assert reader.wait_by is WaitBy.THREAD
            assert read_when_ready(reader, 5) == CONTENT[:5]
            assert rest_of(reader) == CONTENT[5:]

    @pytest.mark.parametrize("module", [gzip, bz2, lzma])
    @pytest.mark.parametrize("wrapped", [False, True])
    def test_compressed_files(
        self, tmp_path: Path, keep: ExitStack, module: Any, wrapped: bool
    ) -> None:
        path = tmp_path / "file"
        path.write_bytes(module.compress(CONTENT))
        reads: list[int] = []

        class Counted(io.FileIO):
            def readinto(self, buffer: Any) -> Any:
                reads.append(len(buffer))
                return super().readinto(buffer)

            def read(self, size: Any = -1) -> Any:
                reads.append(size)
                return super().read(size)

        file: Any = keep.enter_context(module.open(keep.enter_context(Counted(path)), "rb"))
        if wrapped:
            file = keep.enter_context(io.BufferedReader(file))
        self.check(file, lambda: len(reads))

    def test_a_member_of_a_zip_file(self, tmp_path: Path) -> None:
        path = tmp_path / "file.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("member", CONTENT)
        with zipfile.ZipFile(path) as archive:
            with archive.open("member") as member:
                assert FileBody(member).length is None
                assert content_of(FileBody(member)) == CONTENT
            with archive.open("member") as member:
                size = archive.getinfo("member").file_size
                body = FileBody(member, length=size)
                assert body.length == size
                assert content_of(body, 3) == CONTENT[3:]

    @pytest.mark.parametrize("mode", ["r", "r:gz"])
    def test_a_member_of_a_tar_file(self, tmp_path: Path, mode: str) -> None:
        path = tmp_path / "file.tar"
        with tarfile.open(path, mode.replace("r", "w")) as archive:  # type: ignore[call-overload]
            info = tarfile.TarInfo("member")
            info.size = len(CONTENT)
            archive.addfile(info, io.BytesIO(CONTENT))
        with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
            member = archive.extractfile("member")
            member.seek(5)
            body = FileBody(member)
            assert body.length == len(CONTENT) - 5
            assert content_of(body) == CONTENT[5:]


class TestClosing:
    @pytest.mark.parametrize("reads", [0, 1, 2])
    def test_the_callers_file_is_closed_on_demand_only(
        self, path: Path, opened: Opened, reads: int
    ) -> None:
        for close in (False, True):
            file = opened(path)
            body = FileBody(file, close=close)
            with closing(body.open()) as reader:
                for _ in range(reads):
                    read_when_ready(reader)
                assert not file.closed
            assert file.closed is close
            if close:
                with pytest.raises(NotReplayable):
                    body.open()

    def test_closed_by_its_owner_though_the_number_is_in_use_again(
        self, path: Path, opened: Opened, tmp_path: Path
    ) -> None:
        file = opened(path)
        number = file.fileno()
        with closing(FileBody(file).open()) as reader:
            assert read_when_ready(reader, 5) == CONTENT[:5]
            file.close()
            other = opened(old_file(tmp_path / "other", b"x" * 1000))
            assert other.fileno() == number
            for read in (reader.read, reader.read_blocking):
                with pytest.raises(ValueError, match=r"closed file|failed before"):
                    read(5)


@pytest.mark.parametrize("path", ["/proc/version", "/sys/devices/system/cpu/online"])
@pytest.mark.parametrize("buffering", [-1, 0])
def test_what_is_made_up_has_no_length(path: str, opened: Opened, buffering: int) -> None:
    content = Path(path).read_bytes()
    file = opened(path, buffering=buffering)
    body = FileBody(file)
    assert body.length is None
    assert content_of(body) == content
    file.seek(1)
    assert content_of(FileBody(file)) == content[1:]


def test_a_local_url(path: Path) -> None:
    with urllib.request.urlopen(path.as_uri()) as response:
        body = FileBody(response)
        assert body.length == len(CONTENT)
        assert content_of(body) == CONTENT


def test_both_ways_of_a_socket_are_read_in_a_thread() -> None:
    """The pair hides its descriptor; on the event loop its read would wait."""
    near, far = socket.socketpair()
    with near, far, near.makefile("rwb") as file:
        assert isinstance(file, io.BufferedRWPair)
        body = FileBody(file)
        assert body.length is None
        with closing(body.open()) as reader:
            assert reader.read(3) is None
            assert reader.wait_by is WaitBy.THREAD
            far.sendall(b"abcdef")
            far.shutdown(socket.SHUT_WR)
            assert rest_of(reader, 3) == b"abcdef"


@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_file_over_tls_gives_what_was_decrypted(
    certificates: Certificates, buffering: int
) -> None:
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificates.server)
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_mode = ssl.CERT_NONE
    near, far = socket.socketpair()

    def serve() -> None:
        with server_context.wrap_socket(far, server_side=True) as secure:
            secure.sendall(CONTENT)
            with suppress(OSError):
                secure.unwrap()

    thread = threading.Thread(target=serve)
    thread.start()
    with client_context.wrap_socket(near) as secure, secure.makefile("rb", buffering) as file:
        body = FileBody(file)
        assert body.length is None
        assert content_of(body) == CONTENT
    thread.join(10)
