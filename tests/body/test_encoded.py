from __future__ import annotations

import gzip
import os
import random
import sys
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from filebody import (
    Body,
    BodyChanged,
    BodyShrank,
    BytesBody,
    ConcatBody,
    EncodedBody,
    FileBody,
    IterableBody,
    NotReplayable,
    PathBody,
    Reader,
    SliceBody,
    UsageError,
    WaitBy,
)
from filebody.testing import check_body
from tests.body.plain import PlainBody
from tests.body.reading import content_of, old_file, read_when_ready, rest_of

CODINGS = ["gzip", "zstd"]
DECODE: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "zstd": zstd.decompress}
NOISE = random.Random(1).randbytes(300_000)  # compresses to about itself: many pieces come
CONTENTS = {"empty": b"", "short": b"content", "long": bytes(400_000), "noise": NOISE}

coded = pytest.mark.parametrize("coding", CODINGS)


def in_pieces(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


@coded
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
def test_it_conforms_and_decodes(coding: str, content: bytes, tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", content)
    encoded = content_of(EncodedBody(BytesBody(content), coding))
    assert DECODE[coding](encoded) == content
    check_body(lambda: EncodedBody(PathBody(path), coding), encoded)
    check_body(lambda: EncodedBody(IterableBody(iter(in_pieces(content, 70_000))), coding), encoded)


@coded
def test_a_concatenation_of_every_kind_conforms(coding: str, tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", NOISE)

    def make_body() -> Body:
        parts = (BytesBody(b"["), PathBody(path), IterableBody([b"]"]), PathBody(path))
        return EncodedBody(ConcatBody(*parts), coding)

    encoded = content_of(make_body())
    assert DECODE[coding](encoded) == b"[" + NOISE + b"]" + NOISE
    check_body(make_body, encoded)


@settings(max_examples=50, deadline=None)
@given(
    coding=st.sampled_from(CODINGS),
    count=st.integers(0, len(NOISE)),
    sizes=st.lists(st.integers(1, 100_000), min_size=1, max_size=5),
    size=st.integers(100, 200_000),
)
def test_the_bytes_alone_decide_how_they_are_encoded(
    coding: str, count: int, sizes: list[int], size: int
) -> None:
    content = NOISE[:count] + bytes(count)

    def pieces() -> Iterator[bytes]:
        at = 0
        while at < len(content):
            for step in sizes:
                yield content[at : at + step]
                at += step

    whole = content_of(EncodedBody(BytesBody(content), coding))
    assert content_of(EncodedBody(IterableBody(pieces()), coding), size=size) == whole
    assert DECODE[coding](whole) == content


def test_the_header_of_gzip_has_no_time_and_no_name() -> None:
    header = content_of(EncodedBody(BytesBody(b"x"), "gzip"))[:8]
    assert header == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


def test_zstd_has_a_checksum() -> None:
    encoded = bytearray(content_of(EncodedBody(BytesBody(NOISE), "zstd")))
    encoded[len(encoded) // 2] ^= 1  # noise is stored as it is: only a checksum can tell
    with pytest.raises(zstd.ZstdError, match="checksum"):
        zstd.decompress(bytes(encoded))


@coded
def test_a_resumed_pass_goes_on_where_the_first_one_was_cut(coding: str, tmp_path: Path) -> None:
    body = EncodedBody(PathBody(old_file(tmp_path / "file", NOISE)), coding)
    with closing(body.open()) as reader:
        begun = read_when_ready(reader, 1000)
    assert DECODE[coding](begun + content_of(body, len(begun))) == NOISE


def whole_streams(coding: str, encoded: bytes) -> bool:
    """Whether a decoder would say that it has seen the end."""
    if coding == "zstd":
        zstd_decoder = zstd.ZstdDecompressor()
        zstd_decoder.decompress(encoded)
        return zstd_decoder.eof
    decoder = zlib.decompressobj(wbits=31)
    decoder.decompress(encoded)
    return decoder.eof


def given_before_it_fails(
    body: Body, error: type[Exception], read: Callable[[Reader], bytes | None] = read_when_ready
) -> bytes:
    got = []
    with closing(body.open()) as reader:
        try:
            while (piece := read(reader)) != b"":
                got.append(piece or b"")
        except error:
            with pytest.raises(UsageError, match="failed before"):
                reader.read(1)
            return b"".join(got)
    raise AssertionError(f"it ended without {error.__name__}")


@coded
@pytest.mark.parametrize("left", [0, 1, 100_000, len(NOISE) - 1])
def test_a_truncated_file_never_gives_a_whole_stream(
    coding: str, left: int, tmp_path: Path
) -> None:
    path = old_file(tmp_path / "file", NOISE)
    body = EncodedBody(PathBody(path, allow_changes=True), coding)
    os.truncate(path, left)
    assert not whole_streams(coding, given_before_it_fails(body, BodyShrank))


@coded
def test_a_file_that_changed_never_gives_a_whole_stream(coding: str, tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", NOISE)
    body = EncodedBody(PathBody(path), coding)
    path.write_bytes(NOISE)
    assert not whole_streams(coding, given_before_it_fails(body, BodyChanged))


@coded
@pytest.mark.parametrize("read", [read_when_ready, lambda reader: reader.read_blocking(1 << 16)])
def test_a_source_that_ends_early_without_a_word_fails(
    coding: str, read: Callable[[Reader], bytes | None]
) -> None:
    inner = PlainBody(NOISE)
    inner.length = len(NOISE) + 1
    got = given_before_it_fails(EncodedBody(inner, coding), BodyShrank, read)
    assert not whole_streams(coding, got)


@coded
def test_an_iterable_that_fails_never_gives_a_whole_stream(coding: str) -> None:
    def pieces() -> Iterator[bytes]:
        yield NOISE
        raise LookupError

    body = EncodedBody(IterableBody(pieces()), coding)
    assert not whole_streams(coding, given_before_it_fails(body, LookupError))


class Spy:
    """Notes which threads compress, and how much at once."""

    def __init__(self, compressor: Any) -> None:
        self.compressor = compressor
        self.threads: set[threading.Thread] = set()
        self.sizes: list[int] = []

    def compress(self, data: bytes) -> bytes:
        self.threads.add(threading.current_thread())
        self.sizes.append(len(data))
        return bytes(self.compressor.compress(data))

    def flush(self) -> bytes:
        self.threads.add(threading.current_thread())
        return bytes(self.compressor.flush())


@pytest.fixture
def spies(monkeypatch: pytest.MonkeyPatch) -> list[Spy]:
    made: list[Spy] = []
    original = zlib.compressobj

    def compressobj(**options: Any) -> Spy:
        made.append(Spy(original(**options)))
        return made[-1]

    monkeypatch.setattr(zlib, "compressobj", compressobj)
    return made


def drained_as_a_producer_does(body: Body) -> bytes:
    """Blocking reads happen in threads, and only where the reader said so."""
    got: list[bytes] = []
    with closing(body.open()) as reader, ThreadPoolExecutor(1) as pool:
        while True:
            piece = reader.read(1 << 16)
            if piece is None and reader.wait_by is WaitBy.THREAD:
                piece = pool.submit(reader.read_blocking, 9999).result(20)
            if piece == b"":
                return b"".join(got)
            got.append(piece or b"")


def test_what_threads_read_is_compressed_by_threads(tmp_path: Path, spies: list[Spy]) -> None:
    body = EncodedBody(PathBody(old_file(tmp_path / "file", NOISE)), "gzip")
    with closing(body.open()) as reader:
        assert [reader.read(9), reader.readinto(bytearray(9)), reader.wait_by] == [
            None,
            None,
            WaitBy.THREAD,
        ]
    assert gzip.decompress(drained_as_a_producer_does(body)) == NOISE
    assert threading.current_thread() not in spies[-1].threads


def test_what_threads_cannot_read_is_compressed_in_small_pieces(spies: list[Spy]) -> None:
    advanced_by = set()

    def pieces() -> Iterator[bytes]:
        for piece in (NOISE, b"x" * 100, bytes(100_000)):
            advanced_by.add(threading.current_thread())
            yield piece

    encoded = drained_as_a_producer_does(EncodedBody(IterableBody(pieces()), "gzip"))
    assert gzip.decompress(encoded) == NOISE + b"x" * 100 + bytes(100_000)
    assert advanced_by == {threading.current_thread()}
    assert spies[0].threads == {threading.current_thread()}
    assert set(spies[0].sizes[:-1]) == {1 << 14}
    assert spies[0].sizes[-1] < 1 << 14


def test_one_read_asks_an_iterable_for_one_piece() -> None:
    asked = []

    def pieces() -> Iterator[bytes]:
        for number in range(100):
            asked.append(number)
            yield b"x"

    with closing(EncodedBody(IterableBody(pieces()), "zstd").open()) as reader:
        for count in (1, 2, 3):
            assert [reader.read(9), reader.wait_by, len(asked)] == [None, WaitBy.THREAD, count]
            assert [reader.read(9), len(asked)] == [None, count]  # it did not wait as it was told
            assert reader.read_blocking(9) is None


@coded
def test_a_pipe_is_waited_for_as_a_pipe(coding: str, keep: ExitStack) -> None:
    near, far = os.pipe()
    file = keep.enter_context(os.fdopen(near, "rb"))
    with closing(EncodedBody(FileBody(file), coding).open()) as reader:
        assert [reader.read(9), reader.wait_by, reader.fileno()] == [
            None,
            WaitBy.DESCRIPTOR,
            near,
        ]
        os.write(far, b"piped")
        begun = reader.read(1000) or reader.read_blocking(1000) or b""
        assert [reader.read(9), reader.wait_by] == [None, WaitBy.DESCRIPTOR]
        os.close(far)
        assert DECODE[coding](begun + rest_of(reader)) == b"piped"


@coded
def test_a_source_that_has_nothing_yet_is_asked_what_to_wait_for(coding: str, opened: Any) -> None:
    class NothingYet:
        fileno = opened(os.devnull).fileno

        def __init__(self) -> None:
            self.answers = [None, b"now", b""]

        def read(self, size: int) -> bytes | None:
            return self.answers.pop(0)

    with closing(EncodedBody(FileBody(NothingYet()), coding).open()) as reader:
        assert [reader.read(9), reader.wait_by] == [None, WaitBy.THREAD]
        assert reader.read_blocking(9) is None
        assert [reader.read(9), reader.wait_by] == [None, WaitBy.RETRY]
        assert DECODE[coding](rest_of(reader)) == b"now"


@coded
@pytest.mark.parametrize("piece", [bytes(1 << 16), NOISE[: 1 << 16]], ids=["zeros", "noise"])
def test_it_holds_little_however_long_the_body(coding: str, piece: bytes) -> None:
    body = EncodedBody(IterableBody(piece for _ in range(160)), coding)
    tracemalloc.start()
    try:
        with closing(body.open()) as reader:
            while read_when_ready(reader, 1000):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 << 20  # of 10 MiB


@coded
def test_a_read_in_a_thread_ends_when_the_reader_is_closed(coding: str) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x"
        reader.close()
        yield b"x"  # little enough for a compressor to keep it
        raise AssertionError("it read on")

    reader = EncodedBody(IterableBody(pieces()), coding).open()
    while reader.read_blocking(1000) is not None:
        pass  # the header of gzip comes at once
    with pytest.raises(UsageError, match="is closed"):
        reader.read(9)


def test_it_describes_itself(tmp_path: Path) -> None:
    inner = PathBody(old_file(tmp_path / "file", b"x"))
    body = EncodedBody(inner, "gzip")
    assert (body.body, body.coding, body.length) == (inner, "gzip", None)
    assert (body.replayable, body.source) == (True, inner.source)
    assert SliceBody(body, 2).length is None
    with closing(body.open()) as reader:
        assert reader.device == os.stat(inner.path).st_dev
        assert not reader.can_unread
    once = EncodedBody(IterableBody(iter([b"x"])), "gzip")
    assert not once.replayable
    content_of(once)
    with pytest.raises(NotReplayable):
        once.open()


@pytest.mark.parametrize("coding", ["br", "", "GZIP", "x-gzip"])
def test_other_codings_are_refused(coding: str) -> None:
    with pytest.raises(UsageError, match="gzip and zstd are"):
        EncodedBody(BytesBody(b""), coding)


def test_what_is_no_body_is_refused() -> None:
    no_body: Any = b"x"
    with pytest.raises(TypeError, match="must be a Body, not bytes"):
        EncodedBody(no_body, "gzip")


def test_without_its_library_zstd_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("backports.zstd", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delattr("backports.zstd")
    with pytest.raises(UsageError, match=r"pip install 'filebody\[zstd\]'"):
        EncodedBody(BytesBody(b""), "zstd")
    EncodedBody(BytesBody(b""), "gzip")
