"""What comes back, taken apart, wherever it is cut."""

from __future__ import annotations

import h11
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.web.http_headers import Headers

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
        (OK + b"X : b\r\n\r\n", "no field"),
        (OK + b"Content-Length : 0\r\n\r\n", "no field"),
        (OK + b"Content-Length: 2\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "no field"),
        (OK + b"Connection\t: close\r\nContent-Length: 0\r\n\r\n", "no field"),
        (OK + b" Content-Length: 0\r\n\r\n", "no field"),
        (OK + b"X\xe4: b\r\n\r\n", "no field"),
        (OK + b": b\r\n\r\n", "no field"),
        (OK + b"b\r\n\r\n", "no field"),
        (OK + b"X\x00: b\r\n\r\n", "no field"),
        (OK + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "folded"),
        (OK + b"Content-Length: 0\r\n 1\r\n\r\n", "folded"),
        (OK + b"Connection: keep-\r\n\talive\r\n\r\n", "folded"),
        (OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", "overflow"),
        (OK + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", "Content-Length"),
        (OK + b"Content-Length: 2, 2\r\n\r\nok", "Content-Length"),
        (OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "coding"),
        (OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n", "coding"),
        (b"HTTP/1.1 000 No\r\n\r\n", "its status is 0"),
        (b"HTTP/1.1 099 No\r\n\r\n", "its status is 99"),
        (b"HTTP/1.1 102 On\r\nContent-Length: 1\r\n\r\n", "its 102 announces a body"),
        (b"HTTP/1.1 100 On\r\nTransfer-Encoding: chunked\r\n\r\n", "announces a body"),
        (b"RTSP/1.0 200 OK\r\n\r\n", "it begins with"),
        (b"HTTP/1.1 100 On\r\n\r\nRTSP/1.0 200 OK\r\n\r\n", "it begins with"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "it begins with"),
        (b"<html>", "it begins with b'<html>'"),
        (b"HTTP/0.9 200 OK\r\n\r\n", "HTTP/0.9"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length : 5\r\n\r\n", "token"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: \x00\r\n\r\n", "control"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n", "overflow"),
        (OK + b"X: a\rb\r\n\r\n", "missing expected LF"),
        (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "Content-Length"),
        (OK + b"Content-Length: +1\r\n\r\n", "Content-Length"),
        (OK + b"Transfer-Encoding: gzip\r\n\r\n", "transfer coding"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nxx\r\n", "chunk size"),
        (OK + b"X: y\r\n" * 20_000, "its head has no end"),
        (OK + b"X: " + b"y" * 70_000, "its head has no end"),
        (OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n", "its head is too long"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 20_000, "trailers"),
    ],
)
def test_what_is_refused(data: bytes, words: str) -> None:
    assert words in reason(data)


@pytest.mark.parametrize("piece", [b"x" * 1000, b"x"])
@pytest.mark.parametrize("begin", [b"5;", b"0\r\nX: "], ids=["extension", "trailer"])
def test_what_has_no_end_inside_of_a_body(begin: bytes, piece: bytes) -> None:
    parser = ResponseParser()
    parser.expect(b"PUT")
    parser.feed(OK + b"Transfer-Encoding: chunked\r\n\r\n" + begin)
    for _ in range(70_000 // len(piece)):
        if any(isinstance(event, Broken) for event in parser.feed(piece)):
            return
    pytest.fail("it would go on for ever")


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 100 On\r\nConnection: close\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n",
        OK + b"Connection: keep-alive\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_connections_that_are_not_used_again(data: bytes) -> None:
    for cut in range(len(data)):
        events, is_reusable = parsed(data, cut)
        assert isinstance(events[-1], End)
        assert not is_reusable


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


_ODD = st.sampled_from(
    [b"", b" ", b"\t", b"\r", b"\n", b"\r\n ", b"\x00", b"\xe4", b":", b",", b"0"]
)
_NAMES = [b"Content-Length", b"Transfer-Encoding", b"Connection", b"X", b"Upgrade", b"Trailer"]
_VALUES = [b"0", b"2", b"02", b"99999999999999999999", b"-1", b"chunked", b"gzip", b"close", b"x"]


@st.composite
def _responses(draw: st.DrawFn) -> bytes:
    """Responses that are nearly right, in pieces that are joined in odd ways."""

    def odd(text: bytes) -> bytes:
        if draw(st.integers(0, 9)):
            return text
        at = draw(st.integers(0, len(text)))
        return text[:at] + draw(_ODD) + text[at:]

    data = b""
    for _ in range(draw(st.integers(1, 2))):
        version = draw(st.sampled_from([b"HTTP/1.1"] * 6 + [b"HTTP/1.0", b"HTTP/2", b"RTSP/1.0"]))
        status = draw(st.sampled_from([b"200"] * 4 + [b"100", b"101", b"204", b"304", b"99"]))
        data += odd(version + b" " + status + b" OK\r\n")
        for name in draw(st.lists(st.sampled_from(_NAMES), max_size=3)):
            data += odd(name + b": " + draw(st.sampled_from(_VALUES)) + b"\r\n")
        data += odd(b"\r\n")
        chunked = b"2\r\nok\r\n0\r\n\r\n"
        data += odd(draw(st.sampled_from([b"", b"ok", chunked, b"2;a=b" + chunked[1:], b"g\r\n"])))
    return data


def _by_h11(data: bytes) -> tuple[list[object], bool]:
    """The events of another reader, and whether it would use the connection again."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="PUT", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data.lstrip(b"\r\n"))  # it takes no empty lines in front
    events: list[object] = []
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA or event is h11.PAUSED:
            return events, False
        events.append(event)
        if isinstance(event, h11.EndOfMessage):
            is_idle = connection.their_state is h11.DONE and connection.our_state is h11.DONE
            return events, is_idle and not connection.trailing_data[0].strip(b"\r\n")


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(_responses(), st.integers(0, 200))
def test_a_connection_is_used_again_only_where_another_reader_agrees(data: bytes, cut: int) -> None:
    events, is_reusable = parsed(data, cut)
    whole, whole_is_reusable = parsed(data)
    assert is_reusable is whole_is_reusable
    assert [type(event) for event in events] == [type(event) for event in whole]
    for event in events:
        if isinstance(event, Head):  # as an IResponse has them; it raises for what is no token
            for name, value in event.fields:
                Headers().addRawHeader(name, value)
    if not is_reusable:
        return
    theirs, theirs_is_reusable = _by_h11(data)
    assert theirs_is_reusable
    body = b"".join(event for event in events if isinstance(event, bytes))
    assert body == b"".join(bytes(event.data) for event in theirs if isinstance(event, h11.Data))


@given(st.binary(max_size=200), st.integers(0, 200))
def test_nothing_but_events_comes_of_any_bytes(data: bytes, cut: int) -> None:
    for begin in (b"", OK, OK + b"Transfer-Encoding: chunked\r\n\r\n"):
        events, _ = parsed(begin + data, cut)
        assert not any(isinstance(event, Broken) for event in events[:-1])
