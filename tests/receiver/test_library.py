from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody.receiver._library import Found, Moved, Page, find, requested_range
from filebody.receiver._names import parse_target
from filebody.receiver._refusal import Refusal
from filebody.receiver._root import Root

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.html", "text/html; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.tar.gz", "application/gzip"),
        ("a.txt.bz2", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_media_type(tmp_path: Path, root: Root, name: str, media_type: str) -> None:
    (tmp_path / name).write_bytes(b"abc")
    found = find(root, parse_target(f"/{name}".encode()))
    assert isinstance(found, Found)
    os.close(found.descriptor)
    assert (found.size_bytes, found.media_type) == (3, media_type)


def test_directories(tmp_path: Path, root: Root) -> None:
    (tmp_path / "a b").mkdir()
    assert find(root, parse_target(b"/a%20b")) == Moved("/a%20b/")
    assert isinstance(find(root, parse_target(b"/a%20b/")), Page)


@pytest.mark.parametrize(
    "target", ["/fifo", "/link", "/loop", "/file/", "/file/x", "/none", "/l/x"]
)
def test_not_found(tmp_path: Path, root: Root, target: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x").write_text("")
    (tmp_path / "l").symlink_to("d")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Refusal) as refusal:
        find(root, parse_target(target.encode()))
    assert refusal.value.status == 404
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_fifo_that_takes_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("")
    look = os.stat

    def look_and_swap(name: str, **kwargs: Any) -> os.stat_result:
        result = look(name, **kwargs)
        path.unlink()
        os.mkfifo(path)
        return result

    monkeypatch.setattr(os, "stat", look_and_swap)
    with pytest.raises(Refusal) as refusal:
        find(root, parse_target(b"/a"))
    assert refusal.value.status == 404


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=0-", (0, 10)),
        ("bytes=9-", (9, 1)),
        ("bytes=3-100", (3, 7)),
        ("bytes=-1", (9, 1)),
        ("bytes=-100", (0, 10)),
        ("bytes=-", None),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
    ],
)
def test_range(value: str | None, expected: tuple[int, int] | None) -> None:
    assert requested_range(value, 10) == expected


@pytest.mark.parametrize(
    ("value", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)]
)
def test_no_byte_of_the_range(value: str, size: int) -> None:
    with pytest.raises(Refusal) as refusal:
        requested_range(value, size)
    assert (refusal.value.status, refusal.value.fields) == (
        416,
        [("Content-Range", f"bytes */{size}")],
    )


@given(st.integers(0, 50), st.one_of(st.none(), st.integers(0, 50)), st.integers(0, 50))
def test_a_range_is_what_a_slice_is(first: int, last: int | None, size: int) -> None:
    content = bytes(range(size))
    value = f"bytes={first}-{'' if last is None else last}"
    expected = content[first:] if last is None else content[first : last + 1]
    try:
        part = requested_range(value, size)
    except Refusal:
        assert first >= size
        return
    if part is None:
        assert last is not None
        assert last < first
        return
    start, length = part
    assert content[start : start + length] == expected
