"""Each time limit against a peer that never stops sending: it counts from the event it names."""

from __future__ import annotations

import time
from typing import Any

import attrs
from twisted.internet.defer import ensureDeferred, gatherResults

from filebody import (
    ConnectTimeout,
    ProtocolError,
    ResponseTimeout,
    StallTimeout,
    TLSTimeout,
    TotalTimeout,
)
from filebody.agent import Expect, Options, Timeouts
from tests.agent.cases import LARGE, SMALL
from tests.agent.clients import AgentCase, Kind, Outcome, outcome_of
from tests.agent.trickle import Trickle

SHORT = 0.4
NONE: Any = None

INTERIM = b"HTTP/1.1 102 Wait\r\n\r\n"
PROGRESS = b"HTTP/1.1 104 Upload Resumption Supported\r\nUpload-Offset: 0\r\n\r\n"
HEAD = b"HTTP/1.1 201 Made\r\nX: "
CHUNKED = b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"


@attrs.frozen
class Row:
    """One limit, and one peer that goes past it.

    Attributes:
        limit: The only one of `Timeouts` that is set, or "" for none.
        first: See `Trickle`, and so for the others.
        error: What ends it.
        size: Of the body.
        scheme: Of the URL.
        is_proxy: Whether the peer is the proxy on the way.
    """

    limit: str
    first: bytes
    piece: bytes
    error: type[Exception]
    seconds: float = 0.05
    reads: str = "body"
    size: int = SMALL
    scheme: str = "http"
    is_proxy: bool = False


ROWS = {
    "response, 102s": Row("response", b"", INTERIM, ResponseTimeout),
    "response, 104s": Row("response", b"", PROGRESS, ResponseTimeout),
    "response, 100s": Row("response", b"", b"HTTP/1.1 100 On\r\n\r\n", ResponseTimeout),
    "response, a head": Row("response", HEAD, b"x", ResponseTimeout),
    "response, fields": Row("response", HEAD, b"x\r\nX: y", ResponseTimeout),
    "response, empty lines": Row("response", b"", b"\r\n", ResponseTimeout),
    "response, a flood of 102s": Row("", b"", INTERIM * 100, ProtocolError, 0),
    "response, a flood of fields": Row("", HEAD, b"x\r\nX: " * 100, ProtocolError, 0),
    "response, a flood of empty lines": Row("response", b"", b"\r\n" * 500, ResponseTimeout, 0),
    "stall, nothing taken, 102s": Row(
        "stall", b"", INTERIM, StallTimeout, reads="head", size=LARGE
    ),
    "stall, nothing taken, a head": Row(
        "stall", HEAD, b"x", StallTimeout, reads="head", size=LARGE
    ),
    "stall, a chunk's extensions": Row("stall", CHUNKED + b"5;", b"x", StallTimeout),
    "stall, a chunk's size": Row("stall", CHUNKED, b"0", StallTimeout),
    "stall, trailers": Row("stall", CHUNKED + b"0\r\nX: ", b"x\r\nX: y", StallTimeout),
    "stall, a flood of extensions": Row("", CHUNKED + b"5;", b"x" * 4096, ProtocolError, 0),
    "total, 102s": Row("total", b"", INTERIM, TotalTimeout),
    "total, a head": Row("total", HEAD, b"x", TotalTimeout),
    "total, a body": Row("total", ENDLESS, b"x", TotalTimeout),
    "total, a flood of a body": Row("total", ENDLESS, b"x" * (1 << 20), TotalTimeout, 0),
    "total, a refusal's body": Row(
        "total", b"HTTP/1.1 413 No\r\n\r\n", b"x", TotalTimeout, reads="head", size=LARGE
    ),
    "total, a handshake": Row(
        "total", b"\x16\x03\x03\x40\x00", b"\x02", TotalTimeout, reads="nothing", scheme="https"
    ),
    "tls, a handshake": Row(
        "tls", b"\x16\x03\x03\x40\x00", b"\x02", TLSTimeout, reads="nothing", scheme="https"
    ),
    "connect, a proxy's 102s": Row("connect", b"", INTERIM, ConnectTimeout, is_proxy=True),
    "connect, a proxy's head": Row("connect", HEAD, b"x", ConnectTimeout, is_proxy=True),
}


class TestLimits(AgentCase):
    async def play(self, row: Row) -> Outcome:
        limits = dict.fromkeys(("connect", "tls", "stall", "response", "total"), NONE)
        if row.limit:
            limits[row.limit] = SHORT
        seconds = {f"{name}_seconds": value for name, value in limits.items()}
        options = Options(expect=Expect.NEVER, timeouts=Timeouts(**seconds))
        with Trickle(row.first, row.piece, seconds=row.seconds, reads=row.reads) as peer:
            agent = self.make_agent(proxy=f"http://127.0.0.1:{peer.port}" if row.is_proxy else None)
            url = f"{row.scheme}://127.0.0.1:{peer.port}/"
            begun = time.monotonic()
            outcome = await outcome_of(
                self.request(agent, url, self.body(Kind.KNOWN, row.size), options)
            )
            if row.limit:
                assert time.monotonic() - begun >= SHORT * 0.7
        return outcome

    async def check(self, rows: dict[str, Row]) -> None:
        """All at once."""
        plays = [ensureDeferred(self.play(row)) for row in rows.values()]
        outcomes = await gatherResults(plays, consumeErrors=True)
        for (name, row), outcome in zip(rows.items(), outcomes, strict=True):
            assert isinstance(outcome.error or outcome.reason, row.error), (name, outcome)

    async def test_peers_that_trickle(self) -> None:
        await self.check({name: row for name, row in ROWS.items() if row.seconds})

    async def test_peers_that_flood(self) -> None:
        for name, row in ROWS.items():
            if not row.seconds:
                await self.check({name: row})

    async def test_waiting_for_a_100(self) -> None:
        """Interim responses of another kind do not put off the body."""
        limits = Timeouts(continue_seconds=SHORT, response_seconds=SHORT)
        options = Options(expect=Expect.ALWAYS, timeouts=limits)
        with Trickle(b"", INTERIM, reads="head") as peer:
            agent = self.make_agent()
            body = self.body(Kind.KNOWN, SMALL)
            outcome = await outcome_of(self.request(agent, peer.url, body, options))
        assert isinstance(outcome.error, ResponseTimeout)
        assert outcome.error.offset == SMALL
