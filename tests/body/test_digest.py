from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, ClassVar

import pytest

from filebody import (
    Body,
    BytesBody,
    ConcatBody,
    DigestBody,
    FileBody,
    IterableBody,
    PathBody,
    UsageError,
    WaitBy,
)
from filebody.testing import check_body
from tests.body.reading import content_of, pipe_with, read_when_ready, rest_of

CONTENT = bytes(range(256)) * 4
LONG = bytes(range(251)) * 160  # longer than what is hashed on the event loop


def test_conformance(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    check_body(lambda: DigestBody(BytesBody(CONTENT)), CONTENT, ranges=False)
    check_body(lambda: DigestBody(PathBody(path)), CONTENT, ranges=False)
    check_body(lambda: DigestBody(IterableBody(iter([CONTENT]))), CONTENT, ranges=False)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "md5"])
@pytest.mark.parametrize("way", ["read", "readinto", "read_blocking", "bytearray"])
def test_it_hashes_what_was_read_whichever_way(algorithm: str, way: str) -> None:
    body = DigestBody(BytesBody(CONTENT), algorithm)
    so_far = hashlib.new(algorithm)
    assert body.digest() == so_far.digest()
    buffer = bytearray(100)
    with closing(body.open()) as reader:
        while True:
            if way.startswith("read"):
                into = memoryview(buffer)
                count = reader.readinto(into) if way == "readinto" else None
                piece = getattr(reader, way)(100) if count is None else bytes(buffer[:count])
            else:
                piece = bytes(buffer[: reader.readinto(buffer)])
            so_far.update(piece)
            assert body.digest() == so_far.digest()
            if not piece:
                break
    assert body.digest() == hashlib.new(algorithm, CONTENT).digest()


def test_what_was_given_back_is_hashed_once() -> None:
    body = DigestBody(BytesBody(CONTENT))
    got = b""
    with closing(body.open()) as reader:
        while piece := reader.read(100):
            back = min(len(piece), 70)
            reader.unread(back // 2)
            reader.unread(back - back // 2)
            got += piece[: len(piece) - back]
            assert body.read_bytes == len(got)
            if len(piece) == back:
                got += reader.read(50) or b""
    assert got == CONTENT
    assert body.read_bytes == len(CONTENT)
    assert body.digest() == hashlib.sha256(CONTENT).digest()


def test_what_cannot_be_given_back_to_the_body_cannot_be_given_back() -> None:
    body = DigestBody(IterableBody([CONTENT]))
    with closing(body.open()) as reader:
        assert [reader.read(10), reader.can_unread] == [CONTENT[:10], False]
        with pytest.raises(UsageError, match="cannot be given back"):
            reader.unread(1)
        assert rest_of(reader) == CONTENT[10:]
    assert body.digest() == hashlib.sha256(CONTENT).digest()


def in_thread(body: Body) -> DigestBody:
    return DigestBody(body, in_thread=True)


def test_conformance_in_threads(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(LONG)
    check_body(lambda: in_thread(PathBody(path)), LONG, ranges=False)
    check_body(lambda: in_thread(BytesBody(LONG)), LONG, ranges=False)
    check_body(lambda: in_thread(IterableBody(iter([CONTENT, LONG]))), CONTENT + LONG, ranges=False)
    check_body(
        lambda: in_thread(ConcatBody(BytesBody(LONG), PathBody(path), IterableBody([b"x"]))),
        LONG + LONG + b"x",
        ranges=False,
    )


class Watched:
    """Stands in for a hash, and notes how much each thread gave it."""

    name = "watched"
    digest_size = 1

    def __init__(self) -> None:
        self.on_loop: list[int] = []
        self.in_threads: list[int] = []

    def update(self, piece: bytes) -> None:
        here = threading.current_thread() is threading.main_thread()
        (self.on_loop if here else self.in_threads).append(len(piece))


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    watched = Watched()
    monkeypatch.setattr(hashlib, "new", lambda _: watched)
    return watched


def drained_as_a_producer_does(body: Body, size: int = 1 << 16) -> bytes:
    """Blocking reads happen in threads, and only where the reader said so."""
    got: list[bytes] = []
    with closing(body.open()) as reader, ThreadPoolExecutor(1) as pool:
        while True:
            piece = reader.read(size)
            if piece is None and reader.wait_by is WaitBy.THREAD:
                piece = pool.submit(reader.read_blocking, size).result(20)
            if piece == b"":
                return b"".join(got)
            got.append(piece or b"")


def test_files_are_hashed_by_threads_alone(tmp_path: Path, watched: Watched) -> None:
    path = tmp_path / "file"
    path.write_bytes(LONG)
    assert drained_as_a_producer_does(in_thread(PathBody(path))) == LONG
    assert [watched.on_loop, sum(watched.in_threads)] == [[], len(LONG)]


def test_what_threads_cannot_read_is_hashed_by_them_unless_it_is_little(watched: Watched) -> None:
    advanced_by = set()

    def pieces() -> Iterator[bytes]:
        for piece in (CONTENT, LONG, CONTENT):
            advanced_by.add(threading.current_thread())
            yield piece

    got = drained_as_a_producer_does(in_thread(IterableBody(pieces())), size=1 << 19)
    assert got == CONTENT + LONG + CONTENT
    assert watched.on_loop == [len(CONTENT)] * 2
    assert watched.in_threads == [len(LONG)]
    assert advanced_by == {threading.current_thread()}


def test_a_pipe_holds_no_thread(keep: ExitStack, watched: Watched) -> None:
    near, far = pipe_with(b"")
    file = keep.enter_context(os.fdopen(near, "rb"))
    with closing(in_thread(FileBody(file)).open()) as reader:
        assert [reader.read(9), reader.wait_by] == [None, WaitBy.DESCRIPTOR]
        assert reader.fileno() == near
        os.write(far, b"piped")
        assert reader.read(9) == b"piped"
        os.write(far, LONG[:40000])
        assert [reader.read(40000), reader.wait_by] == [None, WaitBy.THREAD]
        assert [reader.read(40000), reader.wait_by] == [None, WaitBy.THREAD]
        assert reader.read_blocking(30000) == LONG[:30000]
        assert [reader.read(1), reader.wait_by] == [None, WaitBy.THREAD]
        assert reader.read_blocking(30000) == LONG[30000:40000]
        assert [reader.read(1), reader.wait_by] == [None, WaitBy.DESCRIPTOR]
        assert not reader.can_unread
        os.close(far)
        assert reader.read(9) == b""


def test_a_source_that_has_nothing_yet_is_asked_what_to_wait_for(opened: Any) -> None:
    class NothingYet:
        answers: ClassVar[list[bytes | None]] = [None, b"now", b""]
        fileno = opened(os.devnull).fileno

        def read(self, size: int) -> bytes | None:
            return self.answers.pop(0)

    with closing(in_thread(FileBody(NothingYet())).open()) as reader:
        assert [reader.read(9), reader.wait_by] == [None, WaitBy.THREAD]
        assert reader.read_blocking(9) is None
        assert [reader.read(9), reader.wait_by] == [None, WaitBy.RETRY]
        assert [reader.read(9), reader.wait_by] == [None, WaitBy.THREAD]
        assert reader.read_blocking(9) == b"now"
        assert reader.read_blocking(9) == b""


def test_as_the_whole_of_a_concatenation_it_keeps_its_digest() -> None:
    body = DigestBody(BytesBody(CONTENT))
    assert content_of(ConcatBody(BytesBody(b"<"), body, BytesBody(b">"))) == b"<" + CONTENT + b">"
    assert body.digest() == hashlib.sha256(CONTENT).digest()


@pytest.mark.parametrize("unknown", ["no such", "shake_128", ""])
def test_what_gives_no_digest_is_refused(unknown: str) -> None:
    with pytest.raises(UsageError, match="is no digest algorithm"):
        DigestBody(BytesBody(b""), unknown)


def test_it_shows_what_it_is_and_passes_questions_on(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    body = DigestBody(PathBody(path))
    assert repr(body) == f"<DigestBody {path} sha256>"
    assert (body.length, body.source) == (1, str(path))
    with closing(body.open()) as reader:
        assert read_when_ready(reader) == b"x"
        assert reader.device == path.stat().st_dev
        assert reader.wait_by is PathBody(path).open().wait_by
        with pytest.raises(UsageError, match="no descriptor"):
            reader.fileno()
