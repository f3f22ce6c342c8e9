from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody.receiver._names import MAX_PATH_BYTES, Target, fault_of, parse_target
from filebody.receiver._refusal import Refusal


@pytest.mark.parametrize(
    ("target", "name", "is_directory"),
    [
        (b"/", (), True),
        (b"/a", ("a",), False),
        (b"/a/", ("a",), True),
        (b"/a/b?c=/../d", ("a", "b"), False),
        (b"/a%20b/%C3%A9", ("a b", "é"), False),
        (b"/a:b@c;d=e+f&g", ("a:b@c;d=e+f&g",), False),
        (b"/..a/b..", None, False),
        (b"/a..b", ("a..b",), False),
        (b"http://host:80/a", ("a",), False),
        (b"HTTPS://host", (), True),
        (b"http://host?x", (), True),
    ],
)
def test_read(target: bytes, name: tuple[str, ...] | None, is_directory: bool) -> None:
    if name is None:
        with pytest.raises(Refusal, match="dot"):
            parse_target(target)
    else:
        assert parse_target(target) == Target(name, is_directory)


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"*",
        b"a",
        b"ftp://host/a",
        b"host:80",
        b"//a",
        b"/a//b",
        b"/a//",
        b"/.",
        b"/..",
        b"/a/../b",
        b"/%2e%2e/b",
        b"/%2E./b",
        b"/a%2Fb",
        b"/a%5cb",
        b"/a\\b",
        b"/%00",
        b"/a%0Ab",
        b"/a%7F",
        b"/%C2%85",
        b"/%E2%80%A8",
        b"/%ED%A0%80",
        b"/%C0%AE%C0%AE/b",
        b"/%FF",
        b"/%",
        b"/%1",
        b"/%g0",
        b"/a#b",
        b"/.hidden",
        b"/a/.hidden/b",
        b"/" + b"a" * 256,
        b"/" + b"%C3%A9" * 128,
        b"/" + b"a/" * (MAX_PATH_BYTES // 2) + b"a",
    ],
)
def test_refused(target: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        parse_target(target)
    assert refusal.value.status == 400
    assert refusal.value.reason


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=5), st.booleans())
def test_what_is_good_comes_back_and_what_is_not_is_refused(
    segments: list[str], is_directory: bool
) -> None:
    path = "/" + "/".join(
        quote(segment.encode(errors="surrogatepass"), safe="") for segment in segments
    )
    target = path + "/" if is_directory else path
    if any(fault_of(segment) for segment in segments):
        with pytest.raises(Refusal):
            parse_target(target.encode())
    else:
        read = parse_target(target.encode())
        assert read == Target(tuple(segments), is_directory)
        assert parse_target(read.url_path.encode()) == read


@given(st.binary(max_size=200))
def test_whatever_comes_the_segments_are_safe(path: bytes) -> None:
    try:
        target = parse_target(b"/" + path)
    except Refusal:
        return
    for segment in target.name:
        assert segment not in {"", ".", ".."}
        assert not segment.startswith(".")
        assert not set(segment) & set("/\\\0\n\r\x1b\x7f")
        assert len(segment.encode()) <= 255
