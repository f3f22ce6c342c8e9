"""What comes back, taken apart, wherever it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody.agent._parser import Broken, End, Head, ParserEvent, ResponseParser

OK = b"HTTP/1.1 200 OK\r\n"
V11, V10 = (b"HTTP", 1, 1), (b"HTTP", 1, 0)


def parsed(
    data: bytes, cut: int | None = None, method: bytes = b"PUT"
) -> tuple[list[ParserEvent], bool]:
    """The events, pieces of the body put together, and whether the connection can be used again."""
    parser = ResponseParser()
    parser.expect(method)
    events: list[ParserEvent] = []
    pieces = [data] if cut is None else [data[:cut], data[cut:]]
    for piece in filter(None, pieces):
        for event in parser.feed(piece):
            if events and isinstance(event, bytes) and isinstance(events[-1], bytes):
                events[-1] += event
            else:
                events.append(event)
    return events, parser.is_reusable


def reason(data: bytes, method: bytes = b"PUT") -> str:
    events, is_reusable = parsed(data, method=method)
    assert not is_reusable
    assert isinstance(events[-1], Broken)
    return events[-1].reason


WHOLE = [
    pytest.param(
        OK + b"Content-Length: 2\r\nX: \t a b \r\n\r\nok",
        [
            Head(200, b"OK", V11, [(b"Content-Length", b"2"), (b"X", b"a b")], 2, False),
            b"ok",
            End(()),
        ],
        True,
        id="length",
    ),
    pytest.param(
        OK + b"Transfer-Encoding: chunked\r\n\r\n2;x=1\r\nok\r\n0\r\nT: v\r\n\r\n",
        [
            Head(200, b"OK", V11, [(b"Transfer-Encoding", b"chunked")], None, False),
            b"ok",
            End(((b"T", b"v"),)),
        ],
        True,
        id="chunked",
    ),
    pytest.param(
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        [
            Head(
                200,
                b"OK",
                V11,
                [(b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"9")],
                None,
                False,
            ),
            b"ok",
            End(()),
        ],
        False,
        id="chunked wins",
    ),
    pytest.param(
        OK + b"\r\nok", [Head(200, b"OK", V11, [], None, True), b"ok"], False, id="by close"
    ),
    pytest.param(
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        [Head(200, b"OK", V10, [(b"Content-Length", b"0")], 0, False), End(())],
        False,
        id="1.0",
    ),
    pytest.param(
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n",
        [
            Head(
                200,
                b"OK",
                V10,
                [(b"Content-Length", b"0"), (b"Connection", b"Keep-Alive")],
                0,
                False,
            ),
            End(()),
        ],
        True,
        id="1.0 kept",
    ),
    pytest.param(
        b"HTTP/1.1 204 \r\nConnection: x, close\r\nContent-Length: 5\r\n\r\n",
        [
            Head(
                204, b"", V11, [(b"Connection", b"x, close"), (b"Content-Length", b"5")], 0, False
            ),
            End(()),
        ],
        False,
        id="204 and close",
    ),
    pytest.param(
        b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 103 \r\nLink: x\r\n\r\n" + OK + b"\r\n",
        [
            Head(100, b"Go on", V11, [], 0, False),
            Head(103, b"", V11, [(b"Link", b"x")], 0, False),
            Head(200, b"OK", V11, [], None, True),
        ],
        False,
        id="interim",
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\nX: a\r\n  b\nContent-Length: 2\n\nok",
        [
            Head(200, b"OK", V11, [(b"X", b"a  b"), (b"Content-Length", b"2")], 2, False),
            b"ok",
            End(()),
        ],
        True,
        id="bare LF and a folded field",
    ),
]


@pytest.mark.parametrize(("data", "events", "is_reusable"), WHOLE)
def test_wherever_it_is_cut(data: bytes, events: list[ParserEvent], is_reusable: bool) -> None:
    for cut in range(len(data)):
        assert parsed(data, cut) == (events, is_reusable), cut


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"220 mail.example ESMTP\r\n", "it begins with b'220 mail.example ESM'"),
        (b"\x15\x03\x01\x00\x02\x02", "it begins with b'\\x15\\x03"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "HTTP/2.0"),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", "invalid status code"),
        (b"HTTP/1.1 101 On\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "switched protocols"),
        (b"HTTP/1.1 101 On\r\n\r\n", "switched protocols"),
        (b"HTTP/1.1 200 \x00\r\n\r\n", "control character"),
        (OK + b"X: a\x00b\r\n\r\n", "control character"),
        (OK + b"X : b\r\n\r\n", "invalid header token"),
        (OK + b"X: a\rb\r\n\r\n", "missing expected LF"),
        (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "Content-Length"),
        (OK + b"Content-Length: +1\r\n\r\n", "Content-Length"),
        (OK + b"Transfer-Encoding: gzip\r\n\r\n", "transfer coding"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nxx\r\n", "chunk size"),
        (OK + b"X: y\r\n" * 20_000, "its head has no end"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 20_000, "trailers"),
    ],
)
def test_what_is_refused(data: bytes, words: str) -> None:
    assert words in reason(data)


def test_the_answer_to_head_has_no_body() -> None:
    parser = ResponseParser()
    for _ in range(2):  # and the connection can be used again
        parser.expect(b"HEAD")
        head, end = parser.feed(OK + b"Content-Length: 20\r\n\r\n")
        assert isinstance(head, Head)
        assert head.length == 0
        assert isinstance(end, End)
        assert parser.is_reusable
    parser.expect(b"GET")
    assert parser.feed(OK + b"Content-Length: 2\r\n\r\nok")[1:] == [b"ok", End(())]
    parser.close()


@pytest.mark.parametrize("method", [b"HEAD", b"PUT"])
@pytest.mark.parametrize("later", [False, True])
def test_what_nobody_asked_for_spoils_the_connection(method: bytes, later: bool) -> None:
    parser = ResponseParser()
    parser.expect(method)
    answer = OK + b"Content-Length: 0\r\n\r\n"
    if later:
        parser.feed(answer)
        assert parser.is_reusable
        assert parser.feed(answer) == []
    else:
        assert len(parser.feed(answer + answer)) == 2
    assert parser.has_more
    assert not parser.is_reusable
    parser.close()


def test_a_tunnel_begins_behind_the_head() -> None:
    events, _ = parsed(OK + b"Content-Length: 5\r\n\r\n", method=b"CONNECT")
    assert [type(event) for event in events] == [Head, End]
    events, _ = parsed(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", method=b"CONNECT")
    assert [type(event) for event in events] == [Head, bytes, End]


@given(st.binary(max_size=200), st.integers(0, 200))
def test_nothing_but_events_comes_of_any_bytes(data: bytes, cut: int) -> None:
    for begin in (b"", OK, OK + b"Transfer-Encoding: chunked\r\n\r\n"):
        events, _ = parsed(begin + data, cut)
        assert not any(isinstance(event, Broken) for event in events[:-1])
