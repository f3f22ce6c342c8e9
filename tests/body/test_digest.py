from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

import pytest

from filebody import BytesBody, ConcatBody, DigestBody, IterableBody, PathBody, UsageError
from filebody.testing import check_body
from tests.body.reading import content_of, read_when_ready, rest_of

CONTENT = bytes(range(256)) * 4


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
            if len(piece) == back:
                got += reader.read(50) or b""
    assert got == CONTENT
    assert body.digest() == hashlib.sha256(CONTENT).digest()


def test_what_cannot_be_given_back_to_the_body_cannot_be_given_back() -> None:
    body = DigestBody(IterableBody([CONTENT]))
    with closing(body.open()) as reader:
        assert [reader.read(10), reader.can_unread] == [CONTENT[:10], False]
        with pytest.raises(UsageError, match="cannot be given back"):
            reader.unread(1)
        assert rest_of(reader) == CONTENT[10:]
    assert body.digest() == hashlib.sha256(CONTENT).digest()


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
