"""The head of a request, byte by byte."""

from __future__ import annotations

import pytest
from twisted.web.http_headers import Headers

from filebody import UsageError
from filebody._version import __version__
from filebody.agent._fields import make_head
from filebody.wire import parse_target


def head(
    fields: dict[str, list[str]] | None = None,
    *,
    method: bytes = b"PUT",
    url: str = "http://host.test/a?b",
    length: int | None = 5,
    has_body: bool = True,
    expects: bool = False,
) -> list[bytes]:
    made = make_head(
        method,
        parse_target(url),
        Headers(fields or {}),
        has_body=has_body,
        length=length,
        expects=expects,
    )
    assert made.data.endswith(b"\r\n\r\n")
    return made.data[:-4].split(b"\r\n")


AGENT = b"User-Agent: filebody/" + __version__.encode()
ACCEPT = b"Accept: */*"


def test_what_is_added() -> None:
    assert head() == [
        b"PUT /a?b HTTP/1.1",
        b"Host: host.test",
        AGENT,
        ACCEPT,
        b"Content-Length: 5",
    ]
    assert head(length=None)[-1] == b"Transfer-Encoding: chunked"
    assert head(expects=True)[-1] == b"Expect: 100-continue"
    assert head(has_body=False, length=0)[-1] == b"Content-Length: 0"
    assert head(method=b"GET", has_body=False, length=0)[-1] == ACCEPT
    assert head(url="http://a:b@h.test/")[4] == b"Authorization: Basic YTpi"


def test_what_the_user_says_stays() -> None:
    fields = {"Host": ["other"], "X": ["1", "2"], "Expect": ["100-Continue"]}
    lines = head(fields | {"Accept": [], "User-Agent": []}, expects=True)
    assert lines[1:] == [
        b"Host: other",
        b"X: 1",
        b"X: 2",
        b"Expect: 100-Continue",
        b"Content-Length: 5",
    ]
    assert head({"Content-Length": ["5"]}).count(b"Content-Length: 5") == 1


def test_what_the_user_says_stands_for_what_would_be_added() -> None:
    lines = head({"user-agent": ["me"], "Accept": ["text/plain", "a/b"]})
    assert sorted(lines[2:5]) == [b"Accept: a/b", b"Accept: text/plain", b"User-Agent: me"]
    assert not {AGENT, ACCEPT} & set(lines)


def test_what_it_says_of_the_exchange() -> None:
    target = parse_target("http://host.test/")

    def made(fields: dict[str, list[str]], *, has_body: bool = True) -> tuple[bool, bool]:
        found = make_head(
            b"PUT", target, Headers(fields), has_body=has_body, length=0, expects=False
        )
        return found.expects, found.closes

    assert made({}) == (False, False)
    assert made({"Expect": ["100-continue"]}) == (True, False)
    assert made({"Expect": ["100-continue"]}, has_body=False) == (False, False)
    assert made({"Connection": ["x, Close"]}) == (False, True)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"Content-Length": ["6"]}, "contradicts a body of 5 bytes"),
        ({"Content-Length": ["5", "6"]}, "contradicts"),
        ({"Transfer-Encoding": ["chunked"]}, "contradicts"),
        ({"Host": ["one", "two"]}, "2 fields Host"),
        ({"X": ["a\x00b"]}, "the field X has a character"),
    ],
)
def test_what_cannot_be_sent(fields: dict[str, list[str]], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        head(fields)


def test_a_method_is_a_token() -> None:
    with pytest.raises(UsageError, match="is no method"):
        head(method=b"PUT /x HTTP/1.1\r\nX:")
