from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from filebody.errors import UsageError
from filebody.wire import Origin, Target, parse_target


@pytest.mark.parametrize(
    ("uri", "scheme", "host", "port", "path"),
    [
        (b"http://host.test", "http", "host.test", 80, b"/"),
        ("http://host.test", "http", "host.test", 80, b"/"),
        ("HTTPS://HOST.test/A", "https", "host.test", 443, b"/A"),
        ("http://host.test:8080/a/b?c=d&e", "http", "host.test", 8080, b"/a/b?c=d&e"),
        ("http://host.test:/", "http", "host.test", 80, b"/"),
        ("http://host.test?query", "http", "host.test", 80, b"/?query"),
        ("http://host.test/a?", "http", "host.test", 80, b"/a?"),
        ("http://host.test/a#part?no", "http", "host.test", 80, b"/a"),
        ("http://host.test#part", "http", "host.test", 80, b"/"),
        ("http://host.test/a//b/../c", "http", "host.test", 80, b"/a//b/../c"),
        ("http://host.test/%2f%zz", "http", "host.test", 80, b"/%2f%zz"),
        ("http://host.test/@b:c", "http", "host.test", 80, b"/@b:c"),
        ("http://127.0.0.1:1/", "http", "127.0.0.1", 1, b"/"),
        ("http://[2001:DB8:0::1]/", "http", "2001:db8::1", 80, b"/"),
        ("http://[::1]:65535/", "http", "::1", 65535, b"/"),
        ("http://my_service/", "http", "my_service", 80, b"/"),
        ("http://host.test./", "http", "host.test.", 80, b"/"),
        ("http://h/é?ü#ö", "http", "h", 80, b"/%C3%A9?%C3%BC"),
        ("http://h/\udce9", "http", "h", 80, b"/%E9"),
        ("http://bücher.test/", "http", "xn--bcher-kva.test", 80, b"/"),
        ("http://faß.test/", "http", "xn--fa-hia.test", 80, b"/"),
        ("http://FASS.test/", "http", "fass.test", 80, b"/"),
        ("http://BÜCHER。TEST./", "http", "xn--bcher-kva.test.", 80, b"/"),
        ("http://_a.b\u00fccher.test/", "http", "_a.xn--bcher-kva.test", 80, b"/"),
        ("http://bu\u0308cher.test/", "http", "xn--bcher-kva.test", 80, b"/"),
        ("http://[fe80::1%25eth0]/", "http", "fe80::1%eth0", 80, b"/"),
        ("http://[FE80::1%eth0.1]:8/", "http", "fe80::1%eth0.1", 8, b"/"),
        ("http://[fe80::1%252]/", "http", "fe80::1%2", 80, b"/"),
        ("http://xn--bcher-kva.test/", "http", "xn--bcher-kva.test", 80, b"/"),
        ("http://h/\u2028\x85", "http", "h", 80, b"/%E2%80%A8%C2%85"),
    ],
)
def test_parts(uri: str | bytes, scheme: str, host: str, port: int, path: bytes) -> None:
    assert parse_target(uri) == Target(Origin(scheme, host, port), path)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("", "it has no scheme"),
        ("host.test/a", "it has no scheme"),
        ("localhost:8080/a", "it has no scheme"),
        ("localhost:8080", "it has no scheme"),
        ("/a", "it has no scheme"),
        ("//host.test/a", "it has no scheme"),
        ("ftp://host.test/", "ftp is not a scheme of HTTP"),
        ("mailto:me@host.test", "mailto is not a scheme of HTTP"),
        ("file:///etc/passwd", "file is not a scheme of HTTP"),
        ("http:host.test", "http: must be followed by // and a host"),
        ("http:/host.test", "http: must be followed by // and a host"),
        ("http://", "its host is missing"),
        ("http:///a", "its host is missing"),
        ("http://:80/", "its host is missing"),
        ("http://me@/", "its host is missing"),
        ("http://host.test:0/", "there is no port 0"),
        ("http://host.test:65536/", "there is no port 65536"),
        ("http://host.test:" + "9" * 5000, "there is no port 999999999"),
        ("http://host.test:8x/", "its port is no number"),
        ("http://host.test:-1/", "its port is no number"),
        ("http://host.test:٣/", "its port is no number"),
        ("http://a:b:c/", "its host is not written as one"),
        ("http://::1/", "its host is not written as one"),
        ("http://[::1/", "its host is not written as one"),
        ("http://[::1]x/", "its host is not written as one"),
        (r"http://good.test\@evil.test/", "its host is not written as one"),
        ("http://[127.0.0.1]/", "what is in brackets is not an IPv6 address"),
        ("http://[v1.x]/", "what is in brackets is not an IPv6 address"),
        ("http://[fe80::1%]/", "its zone, behind %, is not the name of an interface"),
        ("http://[fe80::1%25]/", "its zone, behind %, is not the name of an interface"),
        ("http://[fe80::1%25a b]/", "it has a space in it"),
        ("http://[fe80::1%25a%20b]/", "its zone, behind %, is not the name of an interface"),
        ("http://[fe80::1%25abcdefghijklmnop]/", "is not the name of an interface"),
        ("http://127.0.0.1%lo/", "there can be no such host"),
        ("http://\u2764.test/", "there can be no such host"),
        ("http://b\xfccher..test/", "there can be no such host"),
        ("http://a\u0308\u0301.\u200d.test/", "there can be no such host"),
        ("http://a..b/", "there can be no such host"),
        ("http://.a/", "there can be no such host"),
        ("http://a%2eb/", "there can be no such host"),
        (r"http://a\b/", "there can be no such host"),
        ("http://a,b/", "there can be no such host"),
        (f"http://{'a' * 64}.test/", "there can be no such host"),
        (f"http://{'a.' * 130}test/", "there can be no such host"),
        ("http://a\u2100b/", "there can be no such host"),  # becomes a/cb
        ("http://\ud800/", "there can be no such host"),
        ("http://h/\ud800", "it has half a surrogate pair in it"),
        ("http://h/a b", "it has a space in it: escape it as %20"),
        (" http://h/", "it has a space in it: escape it as %20"),
        ("http://h/\r\nHost: evil", r"it has the control character '\r' in it: escape it as %0D"),
        ("http://h/\x00", r"it has the control character '\x00' in it: escape it as %00"),
        ("http://h/\x7f", r"it has the control character '\x7f' in it: escape it as %7F"),
        (b"http://h\t/", r"it has the control character '\t' in it: escape it as %09"),
        (b"http://h/\xc3\xa9", "it has bytes beyond ASCII: escape them as %XX"),
        ("http://a%3ab:c@h/", "its user name has a colon"),
        ("http://%ff:c@h/", "its user name or password is not UTF-8"),
        ("http://\ud800:c@h/", "its user name or password is not UTF-8"),
    ],
)
def test_what_cannot_be_used(uri: str | bytes, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(uri)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_neither_text_nor_bytes() -> None:
    with pytest.raises(TypeError, match="a URI is bytes or str, not int"):
        parse_target(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("user", "credentials"),
    [
        ("me:secret@", ("me", "secret")),
        ("me@", ("me", "")),
        (":secret@", ("", "secret")),
        ("me:a:b@", ("me", "a:b")),
        ("me@work:p%40ss@", ("me@work", "p@ss")),
        ("m%C3%A9:%25@", ("mé", "%")),
        ("@", None),
        ("", None),
    ],
)
def test_credentials(user: str, credentials: tuple[str, str] | None) -> None:
    target = parse_target(f"http://{user}host.test/a")
    assert target.credentials == credentials
    assert target.url == "http://host.test/a"
    assert "secret" not in repr(target)


@pytest.mark.parametrize(
    "uri", ["http://me:secret@h:0/", "http://me:secret@h/a b", "ftp://me:secret@h/", "me:secret@h"]
)
def test_no_message_has_a_password(uri: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(uri)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "authority", "host_and_port"),
    [
        ("http://host.test/", b"host.test", b"host.test:80"),
        ("http://host.test:443/", b"host.test:443", b"host.test:443"),
        ("https://host.test:443/", b"host.test", b"host.test:443"),
        ("https://[::1]/", b"[::1]", b"[::1]:443"),
        ("https://[::1]:1/", b"[::1]:1", b"[::1]:1"),
    ],
)
def test_authority(uri: str, authority: bytes, host_and_port: bytes) -> None:
    origin = parse_target(uri).origin
    assert (origin.authority, origin.host_and_port) == (authority, host_and_port)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        (b"https://other.test/x", "https://other.test/x"),
        (b"//other.test/x", "http://other.test/x"),
        (b"/x", "http://host.test:8080/x"),
        (b"x", "http://host.test:8080/a/x"),
        (b"../x", "http://host.test:8080/x"),
        (b"?x", "http://host.test:8080/a/b?x"),
        (b"", "http://host.test:8080/a/b?c"),
        (b"#part", "http://host.test:8080/a/b?c"),
        (b"  /x\t", "http://host.test:8080/x"),
        (b"/a b", "http://host.test:8080/a%20b"),
        ("/é".encode(), "http://host.test:8080/%C3%A9"),
        (b"/\xe9", "http://host.test:8080/%E9"),
        ("http://bücher.test/".encode(), "http://xn--bcher-kva.test/"),
        (b"HTTP://HOST.TEST:8080/x", "http://host.test:8080/x"),
    ],
)
def test_join(location: bytes, url: str) -> None:
    assert parse_target("http://host.test:8080/a/b?c").join(location).url == url


@pytest.mark.parametrize(
    "location",
    [b"ftp://h/", b"mailto:me", b"http://", b"/\r\n", b"//[::1", b"http://[x]/", b"http://\xff/"],
)
def test_nowhere_to_go(location: bytes) -> None:
    with pytest.raises(UsageError):
        parse_target("http://host.test/").join(location)


def test_credentials_stay_within_the_origin() -> None:
    target = parse_target("http://me:secret@host.test/a")
    assert target.join(b"/b").credentials == ("me", "secret")
    assert target.join(b"http://host.test:80/b").credentials == ("me", "secret")
    assert target.join(b"http://you:too@host.test/b").credentials == ("you", "too")
    assert target.join(b"https://host.test/b").credentials is None
    assert target.join(b"http://host.test:81/b").credentials is None
    assert target.join(b"//sub.host.test/b").credentials is None


@pytest.mark.parametrize(
    ("base", "location", "url"),
    [
        ("http://[fe80::1%25lo]:8/a/", "b", "http://[fe80::1%25lo]:8/a/b"),
        ("http://[fe80::1%25lo]:8/a", "http://[fe80::1]:8/b", "http://[fe80::1%25lo]:8/b"),
        ("http://[fe80::1%25lo]:8/a", "http://[fe80::1%25lo]:9/b", "http://[fe80::1%25lo]:9/b"),
        ("http://[fe80::1%25lo]:8/a", "//[fe80::2]:8/b", "http://[fe80::2]:8/b"),
        ("http://[fe80::1%25lo]:8/a", "http://[fe80::1%25eth0]:8/b", None),
        ("http://h/a", "http://[fe80::1%25lo]/b", None),
    ],
)
def test_a_zone_is_this_machines(base: str, location: str, url: str | None) -> None:
    if url is None:
        with pytest.raises(UsageError, match="zone"):
            parse_target(base).join(location.encode())
    else:
        assert parse_target(base).join(location.encode()) == parse_target(url)


def test_a_zone_is_told_to_no_server() -> None:
    origin = parse_target("https://[fe80::1%25lo]:8/").origin
    assert origin.authority == origin.host_and_port == b"[fe80::1]:8"
    assert origin.server_name == "fe80::1"
    assert origin != parse_target("https://[fe80::1]:8/").origin


@given(st.one_of(st.text(), st.binary(), st.text().map("http://{}".format)))
def test_whatever_comes_is_a_target_or_refused(uri: str | bytes) -> None:
    try:
        target = parse_target(uri)
    except UsageError:
        return
    again = parse_target(target.url)
    assert (again.origin, again.path) == (target.origin, target.path)
    line = target.path + target.origin.authority
    assert all(0x20 < octet < 0x7F for octet in line)
    assert target.path.startswith(b"/")


@given(st.binary())
def test_whatever_a_server_says_is_a_target_or_refused(location: bytes) -> None:
    base = parse_target("https://host.test/a/b?c")
    try:
        target = base.join(location)
    except UsageError:
        return
    assert parse_target(target.url).path == target.path
