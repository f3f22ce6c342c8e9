"""Cookies go back to the origin that has set them, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.web.http_headers import Headers

from filebody import BytesBody
from filebody.agent import Cookies, Options
from filebody.wire import parse_target
from tests.agent.sending import SendCase
from tests.cli.server import Peer, Server, serving

HERE = "https://a.example.org:8443/files/x"


def kept(*lines: str, url: str = HERE) -> Cookies:
    cookies = Cookies()
    cookies.take(parse_target(url), Headers({"Set-Cookie": list(lines)}))
    return cookies


def sent(cookies: Cookies, url: str = HERE, *given: str) -> set[str]:
    headers = Headers({"Cookie": list(given)} if given else {})
    lines = cookies.added_to(headers, parse_target(url)).getRawHeaders("cookie", [])
    assert len(lines) <= 1 or tuple(lines) == given
    return {pair for line in lines for pair in line.split("; ")}


@pytest.mark.parametrize(
    ("line", "url", "is_sent"),
    [
        ("node=1", HERE, True),
        ("node=1", "https://a.example.org:8443/files/x/y?z", True),
        ("node=1", "https://a.example.org:8443/files/", True),
        ("node=1", "https://a.example.org:8443/other", False),
        ("node=1; Path=/", "https://a.example.org:8443/other", True),
        ("node=1; Path=/files", "https://a.example.org:8443/filesx", False),
        ("node=1; Path=/; Secure; HttpOnly; SameSite=None", HERE, True),
        ("node=1; Path=/; Max-Age=0", HERE, False),
        ("node=1; Path=/; Max-Age=60", HERE, True),
        ("node=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", HERE, False),
        ("node=1; Path=/; Expires=Fri, 99 Foo 999999 99:99:99 GMT", HERE, True),
        ("node=1; Path=/; Domain=example.org", HERE, True),
        ("node=1; Path=/; Domain=org", HERE, False),
        ("node=1; Path=/; Domain=other.example", HERE, False),
        # Other origins, each by one of its three parts.
        ("node=1; Path=/", "http://a.example.org:8443/files/x", False),
        ("node=1; Path=/", "https://a.example.org/files/x", False),
        ("node=1; Path=/; Domain=example.org", "https://b.example.org:8443/files/x", False),
    ],
)
def test_where_it_goes(line: str, url: str, is_sent: bool) -> None:
    assert ("node=1" in sent(kept(line), url)) is is_sent


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/a", "http://[::1]/a", "http://[fe80::1%25lo]/"]
)
def test_addresses(url: str) -> None:
    assert sent(kept("a=1", url=url), url) == {"a=1"}


def test_values_stay_as_they_are() -> None:
    lines = ('q="x y"', "e=a=b==", "l=\xe9", "n=", "w=1,2")
    assert sent(kept(*lines)) >= {'q="x y"', "e=a=b==", "w=1,2"}


def test_the_users_cookies_stay_and_win() -> None:
    cookies = kept("node=1", "more=2")
    assert sent(cookies, HERE, "node=9; mine=3") == {"node=9", "mine=3", "more=2"}
    assert sent(cookies, "http://h/", "node=9") == {"node=9"}
    assert sent(Cookies(), HERE, "node=9") == {"node=9"}


def test_a_later_one_replaces_it() -> None:
    cookies = kept("node=1")
    cookies.take(parse_target(HERE), Headers({"Set-Cookie": ["node=2"]}))
    assert sent(cookies) == {"node=2"}


def test_a_server_cannot_fill_the_memory() -> None:
    cookies = Cookies()
    for number in range(20):
        lines = [f"c{number}-{of}={'x' * 1000}" for of in range(20)]
        cookies.take(parse_target(HERE), Headers({"Set-Cookie": lines}))
    cookies.take(parse_target(HERE), Headers({"Set-Cookie": ["big=" + "x" * 10_000]}))
    (jar,) = cookies._jars.values()
    assert len(jar) <= 50
    assert not sent(cookies)  # more than a head can have


@given(st.lists(st.text(st.characters(max_codepoint=255, min_codepoint=32)), max_size=5))
def test_whatever_a_server_says(lines: list[str]) -> None:
    cookies = Cookies()
    raw = [line.encode("latin-1") for line in lines]
    cookies.take(parse_target(HERE), Headers({b"Set-Cookie": raw}))
    cookies.added_to(Headers(), parse_target(HERE))


class TestRequests(SendCase):
    async def test_a_redirect_sets_one(self) -> None:
        def script(peer: Peer) -> None:
            peer.head()
            peer.body()
            if "cookie" in peer.received.fields:
                peer.answer(201)
            else:
                peer.answer(307, Location=peer.received.target, Set_Cookie="node=1; Path=/")

        def last(server: Server) -> str | None:
            return server.requests[-1].fields.get("cookie")

        with serving(script) as server, serving(script) as other:
            options = Options(cookies=Cookies(), redirects=2)
            answer = await self.put(server.url + "x", BytesBody(b"y"), options=options)
            assert answer.status == 201
            assert last(server) == "node=1"
            await self.put(server.url + "z", BytesBody(b"y"), options=options)
            assert last(server) == "node=1"
            assert len(server.requests) == 3
            await self.put(other.url, BytesBody(b"y"), options=options)
            assert "cookie" not in other.requests[0].fields
