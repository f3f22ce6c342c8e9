"""Where redirections lead: against a description that was written without looking at the table."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.web.http_headers import Headers

from filebody import RedirectError
from filebody.agent._redirect import CHANGES, Request, redirected
from filebody.wire import parse_target

METHODS = [
    *(b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE"),
    *(b"PROPFIND", b"post", b"*"),
]
HERE = "https://example.org/a/b?c=d"

FOR_THE_ORIGIN = {
    b"authorization": b"Basic eDp5",
    b"cookie": b"a=b",
    b"proxy-authorization": b"Basic eDp5",
    b"host": b"another.example",
    b"private-token": b"x",
    b"x-amz-security-token": b"x",
    b"x-auth-token": b"x",
    b"x-api-key": b"x",
    b"x-team": b"red",
    b"from": b"me@example.org",
    b"referer": b"https://example.org/?token=x",
    b"accept-token": b"x",
}
ABOUT_THE_REQUEST = {
    b"content-type": b"text/plain",
    b"content-encoding": b"gzip",
    b"content-language": b"en",
    b"content-length": b"7",
    b"content-location": b"/x",
    b"content-disposition": b"attachment",
    b"content-digest": b"sha-256=:AAAA:",
    b"content-whatever": b"x",
    b"repr-digest": b"sha-256=:AAAA:",
    b"digest": b"md5=x",
    b"last-modified": b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"transfer-encoding": b"chunked",
    b"trailer": b"Repr-Digest",
    b"expect": b"100-continue",
    b"if-match": b'"x"',
    b"if-none-match": b"*",
    b"if-modified-since": b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"if-unmodified-since": b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"if-range": b'"x"',
    b"range": b"bytes=0-",
}
ALWAYS = {b"accept": b"*/*", b"user-agent": b"x", b"tus-resumable": b"1.0.0", b"te": b"trailers"}


def request(
    method: bytes = b"PUT", url: str = HERE, fields: dict[bytes, bytes] | None = None
) -> Request:
    headers = Headers({name: [value] for name, value in (fields or {}).items()})
    return Request(method, parse_target(url), headers)


def follow(
    first: Request, location: bytes | None = b"/x", *, status: int = 307, has_body: bool = True
) -> Request:
    following = redirected(first, status=status, location=location, has_body=has_body)
    assert following is not None
    return following


def refused(first: Request, location: bytes, *, status: int = 307, has_body: bool = True) -> str:
    with pytest.raises(RedirectError) as caught:
        redirected(first, status=status, location=location, has_body=has_body)
    assert caught.value.status == status
    assert caught.value.url == first.target.url
    return caught.value.detail


def names(headers: Headers) -> set[bytes]:
    return {name.lower() for name, _ in headers.getAllRawHeaders()}


def described(method: bytes, status: int) -> tuple[bytes, bool] | None:
    """The method that follows and whether the body goes along, in RFC 9110's order."""
    match status:
        case 301 | 302 if method == b"POST":
            return b"GET", False
        case 301 | 302 | 307 | 308:
            return method, True
        case 303:
            return (method if method in (b"GET", b"HEAD") else b"GET"), False
        case _:
            return None


@pytest.mark.parametrize("has_body", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_and_status(method: bytes, has_body: bool) -> None:
    for status in range(200, 600):
        following = redirected(request(method), status=status, location=b"/x", has_body=has_body)
        expected = described(method, status)
        if expected is None:
            assert following is None
        else:
            assert following is not None
            assert (following.method, following.keeps_body) == expected
            assert following.target.url == "https://example.org/x"


def test_described_statuses_are_those_of_the_table() -> None:
    assert set(CHANGES) == {status for status in range(600) if described(b"PUT", status)}


@pytest.mark.parametrize("status", sorted(CHANGES))
@pytest.mark.parametrize("location", [None, b"", b"  "])
def test_without_a_location_nothing_follows(status: int, location: bytes | None) -> None:
    assert redirected(request(), status=status, location=location, has_body=True) is None


@pytest.mark.parametrize(
    ("location", "url"),
    [
        (b"https://other.example/x", "https://other.example/x"),
        (b"//other.example/x", "https://other.example/x"),
        (b"/x?y", "https://example.org/x?y"),
        (b"x", "https://example.org/a/x"),
        (b"../x", "https://example.org/x"),
        (b"?y", "https://example.org/a/b?y"),
        (b"#f", "https://example.org/a/b?c=d"),
        (b"/x#f", "https://example.org/x"),
        (b"HTTPS://EXAMPLE.ORG:443/x", "https://example.org/x"),
        (b"https://[::1]:8443/", "https://[::1]:8443/"),
        (b" /x\t", "https://example.org/x"),
        (b"/\\other.example/", "https://example.org/\\other.example/"),
        # What servers should have encoded:
        (b"/x y", "https://example.org/x%20y"),
        ("/é".encode(), "https://example.org/%C3%A9"),
        ("/é".encode("latin-1"), "https://example.org/%E9"),
        (b"/x%20y", "https://example.org/x%20y"),
    ],
)
def test_location_is_resolved(location: bytes, url: str) -> None:
    assert follow(request(), location).target.url == url


@pytest.mark.parametrize(
    "location",
    [
        b"ftp://example.org/",
        b"file:///etc/passwd",
        b"javascript:alert(1)",
        b"unix:/run/x",
        b"http://",
        b"http:///x",
        b"/x\ty",
        b"/x\x00",
        b"https://example.org:0/",
        b"https://example.org:99999/",
        b"https://example.org:x/",
        b"https://[::1/",
        b"https://exa mple.org/",
        b"https://\xff/",
    ],
)
def test_location_that_leads_nowhere_is_an_error(location: bytes) -> None:
    detail = refused(request(), location)
    assert detail.startswith("its Location leads nowhere: ")
    assert len(refused(request(), location + b"x" * 50_000)) < 400


@pytest.mark.parametrize("userinfo", [b"user:secret", b"user", b":", b"example.org"])
def test_location_that_names_a_user_is_an_error(userinfo: bytes) -> None:
    detail = refused(request(), b"https://" + userinfo + b"@other.example/x")
    assert detail == "its Location names a user, for https://other.example/x"


@given(st.binary(max_size=60), st.sampled_from([b"", b"//", b"https://", b"http://h", b"/"]))
def test_no_location_can_do_worse_than_be_refused(tail: bytes, head: bytes) -> None:
    try:
        following = redirected(request(), status=307, location=head + tail, has_body=False)
    except RedirectError:
        return
    if following is not None:
        assert following.target.credentials is None
        assert not set(following.target.path) & {0x20, 0x0A, 0x0D, 0x09}


@pytest.mark.parametrize(
    ("location", "is_elsewhere"),
    [
        (b"/x", False),
        (b"https://example.org:443/x", False),
        (b"https://EXAMPLE.org/x", False),
        (b"http://example.org/x", True),
        (b"https://example.org:8443/x", True),
        (b"https://www.example.org/x", True),
        (b"https://example.com/x", True),
        (b"https://example.org./x", True),
    ],
)
@pytest.mark.parametrize("status", sorted(CHANGES))
def test_credentials_are_for_one_origin(location: bytes, is_elsewhere: bool, status: int) -> None:
    first = request(b"GET", fields=FOR_THE_ORIGIN | ALWAYS)
    following = follow(first, location, status=status, has_body=False)
    expected = ALWAYS if is_elsewhere else FOR_THE_ORIGIN | ALWAYS
    assert names(following.headers) == set(expected)
    assert names(first.headers) == set(FOR_THE_ORIGIN | ALWAYS)


def test_a_way_back_to_the_origin_brings_no_credentials_back() -> None:
    first = request(url="https://user:secret@example.org/a", fields=FOR_THE_ORIGIN | ALWAYS)
    there = follow(first, b"https://other.example/x", has_body=False)
    back = follow(there, b"https://example.org/chosen-by-the-other", has_body=False)
    assert names(back.headers) == set(ALWAYS)
    assert back.target.credentials is None


def test_user_that_is_named_for_the_same_origin_is_an_error_too() -> None:
    first = request(url="https://user:secret@example.org/a")
    assert "names a user" in refused(first, b"https://user:secret@example.org/x")
    assert "names a user" in refused(request(), b"https://eve:x@example.org/x")


def test_credentials_of_the_url_are_for_one_origin_too() -> None:
    first = request(url="https://user:secret@example.org/a")
    assert first.target.credentials == ("user", "secret")
    assert follow(first, b"/x").target.credentials == ("user", "secret")
    assert follow(first, b"https://other.example/x").target.credentials is None
    assert "secret" not in refused(first, b"http://example.org/x")


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST", b"PUT"])
@pytest.mark.parametrize("status", sorted(CHANGES))
def test_fields_about_the_body_go_with_the_body(method: bytes, status: int) -> None:
    first = request(method, fields=ABOUT_THE_REQUEST | ALWAYS)
    following = follow(first, status=status)
    expected = ABOUT_THE_REQUEST | ALWAYS if following.keeps_body else ALWAYS
    assert names(following.headers) == set(expected)


def test_values_are_kept_as_they_are_and_not_shared() -> None:
    first = request()
    first.headers.setRawHeaders(b"X-Many", [b"1", b"2"])
    following = follow(first)
    assert following.headers.getRawHeaders(b"x-many") == [b"1", b"2"]
    following.headers.addRawHeader(b"x-many", b"3")
    assert first.headers.getRawHeaders(b"x-many") == [b"1", b"2"]


@pytest.mark.parametrize(
    ("method", "status", "has_body", "is_refused"),
    [
        (b"PUT", 307, True, True),
        (b"PUT", 301, True, True),
        (b"POST", 308, True, True),
        (b"POST", 302, True, False),  # becomes GET, so nothing of the body is shown
        (b"PUT", 303, True, False),
        (b"DELETE", 307, False, False),
        (b"GET", 302, False, False),
    ],
)
def test_a_body_that_was_meant_for_tls_is_not_sent_in_the_clear(
    method: bytes, status: int, has_body: bool, is_refused: bool
) -> None:
    first = request(method)
    if is_refused:
        detail = refused(first, b"http://example.org/x", status=status, has_body=has_body)
        assert "in the clear" in detail
    else:
        following = follow(first, b"http://example.org/x", status=status, has_body=has_body)
        assert following.target.url == "http://example.org/x"


def test_a_body_may_go_from_the_clear_to_tls_and_stay_in_the_clear() -> None:
    first = request(url="http://example.org/a")
    assert follow(first, b"https://example.org/a").target.origin.scheme == "https"
    assert follow(first, b"http://other.example/a").keeps_body


def test_what_follows_can_be_redirected_again() -> None:
    second = follow(request(b"POST"), b"/x", status=302)
    third = follow(second, b"y", status=307, has_body=False)
    assert third == attrs.evolve(second, target=third.target, keeps_body=True)
    assert third.target.url == "https://example.org/y"
