import os
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody.cli._targets import Target, headers_of, parse_header
from filebody.errors import UsageError


@pytest.mark.parametrize(
    ("text", "url", "host", "port"),
    [
        ("http://h", "http://h/", "h", 80),
        ("https://h/", "https://h/", "h", 443),
        ("HTTP://H:81/x", "http://h:81/x", "h", 81),
        ("http://[::1]:80/x", "http://[::1]/x", "::1", 80),
        ("http://[::1]/x", "http://[::1]/x", "::1", 80),
        ("http://münchen.example/", "http://xn--mnchen-3ya.example/", "xn--mnchen-3ya.example", 80),
        ("http://h/ü/%41%2f?a=b&c=ü#part", "http://h/%C3%BC/%41%2f?a=b&c=%C3%BC", "h", 80),
        ("http://h/100%", "http://h/100%25", "h", 80),
        ("http://h/%zz", "http://h/%25zz", "h", 80),
        ("http://h/\udce9?\udce9", "http://h/%E9?%E9", "h", 80),
        ("http://straße.de/", "http://xn--strae-oqa.de/", "xn--strae-oqa.de", 80),
        ("http://me:s3cret@h:81/@x", "http://h:81/@x", "h", 81),
        ("http://[fe80::1%25lo]/", "http://[fe80::1%25lo]/", "fe80::1%lo", 80),
        ("http://[FE80::1%lo]:81/", "http://[fe80::1%25lo]:81/", "fe80::1%lo", 81),
    ],
)
def test_url(text: str, url: str, host: str, port: int) -> None:
    target = Target.parse(text)
    assert (target.url, target.origin.host, target.origin.port) == (url, host, port)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://", "host is missing"),
        ("http:///x", "host is missing"),
        ("http://h:0/", "there is no port 0"),
        ("http://h:99999/", "there is no port 99999"),
        ("http://h:x/", "its port is no number"),
        ("http://[::1/", "its host is not written as one"),
        ("ftp://h/", "begins with http"),
        ("http://a..b/", "no such host"),
        ("http://h/a b", "write %20"),
        ("http://h/\ud800", "half a surrogate pair"),
        ("http://\udce9/", "no such host"),
        ("http://h/a\nb", "write %20"),
        ("http://❤.de/", "no such host"),
        ("http://xn--strae-oqa.de\u3002./", "no such host"),
    ],
)
def test_no_url(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Target.parse(text)


@given(
    st.text("s3@/:?#[]%&= ", min_size=1, max_size=12),
    st.sampled_from(["http://me:SECRET{}SECRET@h/", "http://me:SECRET{}SECRET@h:x/"]),
)
def test_no_password_is_shown(password: str, url: str) -> None:
    shown = ""
    try:
        # What stands behind a slash is no password.
        shown = repr(Target.parse(url.format(password))).partition("path=")[0]
    except UsageError as error:
        shown = str(error)
    assert "SECRET" not in shown


@given(st.binary(min_size=1).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_name_in_url(name: bytes) -> None:
    url = Target.parse("http://h/up/?x").of(os.fsdecode(name)).url
    path = url.removeprefix("http://h/up/").removesuffix("?x")
    assert unquote_to_bytes(path) == name
    assert path.isascii()
    assert not set(path) & set("/?# %") - {"%"}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("Name: value", ("Name", "value")),
        ("Name:value", ("Name", "value")),
        ("X-Empty:", ("X-Empty", "")),
        ("a: b: c\td ", ("a", "b: c\td")),
    ],
)
def test_header(text: str, field: tuple[str, str]) -> None:
    assert parse_header(text) == field


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Name", "not a header field"),
        (": value", "not a header field"),
        ("Na me: value", "not a header field"),
        ("Name : value", "not a header field"),
        ("Name: a\r\nB: c", "not a header field"),
        ("Name: a\nB: c", "not a header field"),
        ("Name: a\0", "not a header field"),
        ("Content-Length: 3", "Content-Length cannot be set"),
        ("transfer-encoding: chunked", "transfer-encoding cannot be set"),
    ],
)
def test_no_header(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_header(text)


def test_a_value_that_is_not_utf_8() -> None:
    headers = headers_of([parse_header("X-A: \udce9\xe9"), ("Accept", ""), ("X-B", "")])
    assert dict(headers.getAllRawHeaders()) == {
        b"X-A": [b"\xe9\xc3\xa9"],
        b"Accept": [],
        b"X-B": [b""],
    }
