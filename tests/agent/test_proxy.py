from __future__ import annotations

import pytest

from filebody.agent._proxy import Proxies, Proxy
from filebody.errors import UsageError
from filebody.wire import parse_target

PLAIN = Proxy("proxy.test", 3128)
OTHER = Proxy("other.test", 3128)


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("http://proxy.test:3128", Proxy("proxy.test", 3128)),
        ("HTTP://Proxy.test:3128/", Proxy("proxy.test", 3128)),
        ("proxy.test:3128", Proxy("proxy.test", 3128)),
        ("proxy.test", Proxy("proxy.test", 80)),
        ("me:se%40cret@127.0.0.1:1", Proxy("127.0.0.1", 1, ("me", "se@cret"))),
        ("http://[::1]:3128", Proxy("::1", 3128)),
    ],
)
def test_parse(text: str, proxy: Proxy) -> None:
    assert Proxy.parse(text) == proxy


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "its host is missing"),
        ("http://", "its host is missing"),
        ("http://proxy.test:0", "there is no port 0"),
        ("http://proxy.test/path", "written http://host:port, with nothing behind it"),
        ("http://proxy test", "written http://host:port, with nothing behind it"),
        ("http://proxy.test\r\n", "written http://host:port, with nothing behind it"),
        ("https://me:secret@proxy.test:1", "https://proxy.test is not a proxy that can be used"),
        ("socks4://me:secret@proxy.test", "socks4://proxy.test is not a proxy that can be used"),
        (f"socks5://me:{'secret' * 50}@proxy.test", "255 bytes at most"),
    ],
)
def test_what_is_no_proxy(text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        Proxy.parse(text)
    assert why in str(caught.value)
    assert "secret" not in str(caught.value)


def test_it_is_shown_without_its_password() -> None:
    proxy = Proxy("::1", 3128, ("me", "secret"))
    assert str(proxy) == "[::1]:3128"
    assert "secret" not in repr(proxy)


@pytest.mark.parametrize(
    ("environ", "http", "https"),
    [
        ({}, None, None),
        ({"http_proxy": "proxy.test:3128"}, PLAIN, None),
        ({"HTTP_PROXY": "proxy.test:3128"}, None, None),
        ({"https_proxy": "proxy.test:3128"}, None, PLAIN),
        ({"HTTPS_PROXY": "proxy.test:3128"}, None, PLAIN),
        ({"https_proxy": "proxy.test:3128", "HTTPS_PROXY": "other.test:3128"}, None, PLAIN),
        ({"https_proxy": "", "HTTPS_PROXY": "other.test:3128"}, None, OTHER),
        ({"all_proxy": "proxy.test:3128"}, PLAIN, PLAIN),
        ({"ALL_PROXY": "proxy.test:3128"}, PLAIN, PLAIN),
        ({"ALL_PROXY": "proxy.test:3128", "http_proxy": "other.test:3128"}, OTHER, PLAIN),
    ],
)
def test_the_environment(environ: dict[str, str], http: Proxy | None, https: Proxy | None) -> None:
    proxies = Proxies.from_environment(environ)
    assert proxies == Proxies(http, https)
    assert proxies.for_origin(parse_target("http://host.test/").origin) == http
    assert proxies.for_origin(parse_target("https://host.test/").origin) == https


@pytest.mark.parametrize(
    ("text", "scheme", "port"),
    [
        ("socks5://proxy.test", "socks5", 1080),
        ("SOCKS5H://me:secret@proxy.test:1", "socks5h", 1),
        ("socks://proxy.test/", "socks5h", 1080),
    ],
)
def test_socks(text: str, scheme: str, port: int) -> None:
    proxy = Proxy.parse(text)
    assert (proxy.scheme, proxy.host, proxy.port) == (scheme, "proxy.test", port)
    assert (proxy.credentials == ("me", "secret")) is ("secret" in text)


def test_socks_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filebody.agent._proxy.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'filebody\[socks\]'"):
        Proxy.parse("socks5://proxy.test")


def test_an_environment_that_cannot_be_used_matters_where_it_would_be() -> None:
    environ = {"HTTPS_PROXY": "socks4://me:secret@h", "NO_PROXY": "host.test"}
    proxies = Proxies.from_environment(environ)
    for url in ("http://other.test/", "https://host.test/"):
        assert proxies.for_origin(parse_target(url).origin) is None
    with pytest.raises(
        UsageError, match=r"the environment variable HTTPS_PROXY: .*socks4"
    ) as caught:
        proxies.for_origin(parse_target("https://other.test/").origin)
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(proxies)


def test_an_exception_that_cannot_be_matches_nothing() -> None:
    proxies = Proxies(PLAIN, exceptions=("a..b", "\u2764.test", "-" * 300, "fe80::1%lo"))
    assert proxies.for_origin(parse_target("http://host.test/").origin) == PLAIN
    assert proxies.for_origin(parse_target("http://[fe80::1%25eth0]/").origin) is None


def test_exceptions_in_the_environment() -> None:
    assert Proxies.from_environment({"NO_PROXY": " a.test, b.test  c.test,,"}).exceptions == (
        "a.test",
        "b.test",
        "c.test",
    )
    both = {"no_proxy": "a.test", "NO_PROXY": "b.test"}
    assert Proxies.from_environment(both).exceptions == ("a.test",)


@pytest.mark.parametrize(
    ("exception", "url", "is_excepted"),
    [
        ("*", "http://host.test/", True),
        ("host.test", "http://host.test/", True),
        ("HOST.test", "http://host.test:81/", True),
        ("host.test", "http://sub.host.test/", True),
        ("host.test", "http://nothost.test/", False),
        ("host.test", "http://host.test.evil/", False),
        ("host.test", "http://host.test./", True),
        ("host.test.", "http://host.test/", True),
        (".host.test", "http://sub.host.test/", True),
        (".host.test", "http://host.test/", True),
        ("*.host.test", "http://sub.host.test/", True),
        ("host.test:80", "http://host.test/", True),
        ("host.test:80", "https://host.test/", False),
        ("host.test:81", "http://sub.host.test:81/", True),
        ("127.0.0.1", "http://127.0.0.1:1/", True),
        ("127.0.0.1", "http://127.0.0.10/", False),
        ("127.0.0.1:1", "http://127.0.0.1:1/", True),
        ("127.0.0.1:1", "http://127.0.0.1:2/", False),
        ("10.0.0.0/8", "http://10.1.2.3/", True),
        ("10.1.2.3/8", "http://10.9.9.9/", True),
        ("10.0.0.0/8", "http://11.0.0.1/", False),
        ("10.0.0.0/8", "http://host.test/", False),
        ("10.0.0.0/8", "http://[::1]/", False),
        ("::1", "http://[::1]/", True),
        ("[::1]:81", "http://[::1]:81/", True),
        ("[::1]:81", "http://[::1]:82/", False),
        ("[::1]", "http://[::1]:82/", True),
        ("fd00::/8", "http://[fd12::1]/", True),
        ("bücher.test", "http://bücher.test/", True),
        (".", "http://host.test/", False),
        ("", "http://host.test/", False),
    ],
)
def test_exceptions(exception: str, url: str, is_excepted: bool) -> None:
    proxies = Proxies(PLAIN, OTHER, ("none.test", exception))
    origin = parse_target(url).origin
    expected = None if is_excepted else PLAIN if origin.scheme == "http" else OTHER
    assert proxies.for_origin(origin) == expected
