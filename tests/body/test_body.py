"""`as_body`: what callers pass, and what becomes of it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from filebody import Body, BytesBody, FileBody, IterableBody, PathBody, as_body
from tests.body.reading import content_of


@pytest.mark.parametrize("content", [b"abc", bytearray(b"abc"), memoryview(b"abc")])
def test_bytes(content: object) -> None:
    assert as_body(content) == BytesBody(b"abc")


def test_others(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with path.open("rb") as file:
        sources: list[tuple[Any, type[Body]]] = [
            (path, PathBody),
            (file, FileBody),
            (io.BytesIO(b"abc"), FileBody),
            ([b"a", b"bc"], IterableBody),
            ((piece for piece in (b"abc",)), IterableBody),
        ]
        for source, kind in sources:
            body = as_body(source)
            assert type(body) is kind
            assert content_of(body) == b"abc"
            assert as_body(body) is body


def test_a_str_could_be_either() -> None:
    with pytest.raises(TypeError, match="could be a path or content"):
        as_body("file.txt")


@pytest.mark.parametrize("wrong", [None, 5, object()])
def test_what_is_none_of_these_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match=f"{type(wrong).__name__} is no body"):
        as_body(wrong)
