"""The scripted server, tried with sockets and with the clients that everybody has."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest
import treq
from twisted.internet import reactor
from twisted.internet import ssl as twisted_ssl
from twisted.trial.unittest import TestCase
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
)

from filebody import BytesBody, FileBodyProducer
from tests.integration.eventually import until
from tests.peers import content
from tests.peers.certificates import Certificates
from tests.peers.curl import curl
from tests.peers.framing import BadRequest, Request, RequestParser
from tests.peers.script import (
    Close,
    CloseWithoutCloseNotify,
    End,
    HalfClose,
    ReadBody,
    ReadHead,
    Reset,
    Script,
    ScriptedServer,
    Send,
    SpeakPlain,
    Stall,
    Step,
    Wait,
)
from tests.receiver.wire import chunked, eventually, head, put

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\n413"
WHOLE: Script = [ReadHead(), ReadBody(), Send(OK)]

# More than the buffers of both ends hold.
LARGE = 12_000_000


@pytest.fixture(params=["plain", "tls"])
def maybe_certificates(
    request: pytest.FixtureRequest, certificates: Certificates
) -> Certificates | None:
    return certificates if request.param == "tls" else None


def connect(server: ScriptedServer, certificates: Certificates | None) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), 30)
    if certificates is None:
        return connection
    context = ssl.create_default_context(cafile=str(certificates.authority))
    # Python 3.11.2 takes a connection that is cut for one that ends.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    return context.wrap_socket(connection, server_hostname="localhost", suppress_ragged_eofs=False)


def read_all(connection: socket.socket) -> bytes:
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


@contextlib.contextmanager
def played(
    script: Script, certificates: Certificates | None
) -> Iterator[tuple[ScriptedServer, socket.socket]]:
    with ScriptedServer(script, certificates=certificates) as server:
        with connect(server, certificates) as connection:
            yield server, connection
        assert eventually(lambda: server.connections and server.connections[0].end)


def test_it_keeps_what_came(maybe_certificates: Certificates | None) -> None:
    script = [*WHOLE, ReadHead(), ReadBody(), Send(OK), HalfClose()]
    with played(script, maybe_certificates) as (server, connection):
        connection.sendall(put("/first", b"12345", "X-Field: a: b "))
        connection.sendall(
            head("POST", "/second", "Transfer-Encoding: chunked")
            + chunked(b"67", b"890", trailer="Digest: x\r\n")
        )
        assert read_all(connection) == OK + OK
    first, second = server.connections[0].requests
    assert first.method == b"PUT"
    assert first.target == b"/first"
    assert first.field(b"x-field") == b"a: b"
    assert first.field(b"none") is None
    assert (bytes(first.body), first.complete) == (b"12345", True)
    assert second.method == b"POST"
    assert (bytes(second.body), second.complete) == (b"67890", True)
    assert second.trailers == [(b"digest", b"x")]
    assert server.connections[0].at == len(script)


def test_half_a_body(maybe_certificates: Certificates | None) -> None:
    with played([ReadHead(), ReadBody()], maybe_certificates) as (server, connection):
        connection.sendall(put("/", b"12345")[:-1])
    (request,) = server.connections[0].requests
    assert (bytes(request.body), request.complete) == (b"1234", False)
    assert server.connections[0].at == 1


def test_chunks_without_the_last(maybe_certificates: Certificates | None) -> None:
    with played([ReadHead(), ReadBody()], maybe_certificates) as (server, connection):
        sent = head("PUT", "/", "Transfer-Encoding: chunked") + chunked(b"12345")
        connection.sendall(sent[: -len(b"0\r\n\r\n")])
    (request,) = server.connections[0].requests
    assert (bytes(request.body), request.complete) == (b"12345", False)


def test_nothing_is_read_beyond_what_is_asked_for(certificates: Certificates) -> None:
    script = [ReadHead(), ReadBody(at_least=3), Send(b"x"), Wait("go")]
    with played(script, None) as (server, connection):
        connection.sendall(put("/", b"12345"))
        assert connection.recv(1) == b"x"
        assert server.connections[0].requests[0].body == b"123"
        server.let("go")
    assert server.connections[0].requests[0].body == b"12345"


def test_the_ways_in_which_the_client_ends(certificates: Certificates) -> None:
    with played([ReadHead()], None) as (server, connection):
        connection.shutdown(socket.SHUT_WR)
        assert eventually(lambda: server.connections and server.connections[0].end)
    assert server.connections[0].end is End.FIN
    with played([ReadHead()], None) as (server, connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert server.connections[0].end is End.RST
    with played([ReadHead()], certificates) as (server, connection):
        connection.sendall(b"GET")
        assert isinstance(connection, ssl.SSLSocket)
        with contextlib.suppress(ssl.SSLError):  # the server says nothing in return
            connection.unwrap()
    assert server.connections[0].end is End.CLOSE_NOTIFY
    with played([Send(b"x"), Stall()], None) as (server, connection):
        assert connection.recv(1) == b"x"
        connection.sendall(b"not read")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert server.connections[0].end is End.RST
    assert not server.connections[0].raw


def test_the_ways_in_which_the_server_ends(certificates: Certificates) -> None:
    ways: list[Step] = [HalfClose(), Close()]
    for way in ways:
        for secure in (None, certificates):
            with played([Send(b"last"), way], secure) as (_, connection):
                assert read_all(connection) == b"last"
    with (
        played([Send(b"last"), CloseWithoutCloseNotify()], certificates) as (_, connection),
        pytest.raises(ssl.SSLError, match=r"(?i)eof"),
    ):
        read_all(connection)
    for secure in (None, certificates):
        with played([Send(b"last"), Wait("reset"), Reset()], secure) as (server, connection):
            assert connection.recv(4) == b"last"
            server.let("reset")
            with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
                read_all(connection)
        assert server.connections[0].end is End.OURS


def test_after_a_half_close_it_still_reads(maybe_certificates: Certificates | None) -> None:
    with played([Send(b"x"), HalfClose(), *WHOLE[:2]], maybe_certificates) as (server, connection):
        assert read_all(connection) == b"x"
        connection.sendall(put("/", b"12345"))
        assert eventually(lambda: server.connections[0].at == 4)
    assert server.connections[0].requests[0].complete


def test_speaking_plain_on_a_tls_port(certificates: Certificates) -> None:
    with (
        ScriptedServer(
            [SpeakPlain(), Send(b"220 mail\r\n"), Close()], certificates=certificates
        ) as s,
        pytest.raises(ssl.SSLError),
    ):
        connect(s, certificates)


def test_names_are_filled_in() -> None:
    script = [Send(b"{here}/x {other} {none}"), Close()]
    with (
        ScriptedServer(script, names={"other": "y"}) as server,
        connect(server, None) as connection,
    ):
        assert read_all(connection) == b"%b/x y {none}" % server.url.encode()


def test_byte_by_byte(maybe_certificates: Certificates | None) -> None:
    with played([Send(OK, by=1), Close()], maybe_certificates) as (_, connection):
        assert read_all(connection) == OK


def test_stopping_ends_whatever_goes_on() -> None:
    steps: list[Step] = [ReadHead(), Stall(), Wait("never"), Send(bytes(50_000_000))]
    for step in steps:
        with ScriptedServer([step]) as server, connect(server, None):
            assert eventually(lambda: server.connections)
            server.stop()
            assert server.connections[0].end is End.STOPPED


def test_a_connection_too_many_is_a_fault() -> None:
    def connect_twice() -> None:
        with ScriptedServer([]) as server:
            for _ in range(2):
                connect(server, None).close()
            assert eventually(lambda: server.faults)

    with pytest.raises(AssertionError, match="connection 2 was not expected"):
        connect_twice()
    with ScriptedServer([], repeat_last=True) as server:
        for _ in range(3):
            connect(server, None).close()
        assert eventually(lambda: len(server.connections) == 3)


def test_a_connection_takes_up_the_script() -> None:
    with ScriptedServer([*WHOLE, *WHOLE, Close()], takes_up=True) as server:
        for _ in range(2):
            with connect(server, None) as connection:
                connection.sendall(put())
                assert connection.recv(len(OK), socket.MSG_WAITALL) == OK
    assert [connection.at for connection in server.connections] == [3, 4]


@pytest.mark.parametrize(
    "sent",
    [
        b"PUT  / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"PUT / HTTP/1.1\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: h\r\nX: a\nY: b\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: h\r\nX : a\r\n\r\n",
        head("PUT", "/", "Content-Length: 1", "Content-Length: 1"),
        head("PUT", "/", "Content-Length: 1", "Transfer-Encoding: chunked"),
        head("PUT", "/", "Content-Length: -1"),
        head("PUT", "/", "Transfer-Encoding: gzip, chunked"),
        head("PUT", "/", "Transfer-Encoding: chunked") + b"0x1\r\n",
        head("PUT", "/", "Transfer-Encoding: chunked") + b"1\r\nabc",
        head("PUT", "/", "Transfer-Encoding: chunked") + b"0\r\nno colon\r\n\r\n",
        bytes(2_000_000),
    ],
)
def test_what_no_client_may_send(sent: bytes) -> None:
    with pytest.raises(BadRequest):
        RequestParser().feed(sent)


@pytest.mark.parametrize("by", [1, 7, 1000])
def test_pieces_do_not_matter(by: int) -> None:
    sent = put("/1", b"1") + head("PUT", "/2", "Transfer-Encoding: chunked") + chunked(b"22", b"3")
    sent += head("GET", "/3") + put("/4", b"")
    parser = RequestParser()
    for start in range(0, len(sent), by):
        parser.feed(sent[start : start + by])
    assert [(r.target, bytes(r.body), r.complete) for r in parser.requests] == [
        (b"/1", b"1", True),
        (b"/2", b"223", True),
        (b"/3", b"", True),
        (b"/4", b"", True),
    ]
    assert parser.in_head


def test_bad_bytes_are_a_fault() -> None:
    with (
        pytest.raises(AssertionError, match="not HTTP: request line"),
        played([ReadHead()], None) as (_, connection),
    ):
        connection.sendall(b"what?\r\n\r\n")


class TestCurl:
    def test_upload(
        self, certificates: Certificates, maybe_certificates: Certificates | None, tmp_path: Path
    ) -> None:
        source = content.write_file(tmp_path / "source", seed=3, size=3_000_000)
        script = [ReadHead(), Send(CONTINUE), ReadBody(), Send(OK)]
        with ScriptedServer(script, certificates=maybe_certificates) as server:
            result = curl(certificates, "--upload-file", source, f"{server.url}/x")
            assert (result.http_status, result.body) == (200, b"ok")
        (request,) = server.connections[0].requests
        assert request.field(b"expect") == b"100-continue"
        assert request.body == source.read_bytes()

    def test_early_answer(
        self, certificates: Certificates, maybe_certificates: Certificates | None, tmp_path: Path
    ) -> None:
        source = content.write_file(tmp_path / "source", seed=3, size=LARGE)
        script = [ReadHead(), ReadBody(at_least=100_000), Send(TOO_LARGE), Stall()]
        with ScriptedServer(script, certificates=maybe_certificates) as server:
            result = curl(certificates, "-H", "Expect:", "--upload-file", source, f"{server.url}/x")
            assert (result.http_status, result.body) == (413, b"413")
        (request,) = server.connections[0].requests
        assert not request.complete
        assert 100_000 <= len(request.body) < 200_000

    def test_redirection_to_itself(self, certificates: Certificates, tmp_path: Path) -> None:
        source = content.write_file(tmp_path / "source", seed=3, size=100)
        moved = b"HTTP/1.1 307 Go\r\nLocation: {here}/there\r\nContent-Length: 0\r\n\r\n"
        script = [ReadHead(), ReadBody(), Send(moved), *WHOLE]
        with ScriptedServer(script) as server:
            result = curl(certificates, "--location", "-T", source, f"{server.url}/x")
            assert result.http_status == 200
        assert [r.target for r in server.connections[0].requests] == [b"/x", b"/there"]
        assert all(r.complete for r in server.connections[0].requests)


async def pieces() -> AsyncIterator[bytes]:
    for _ in range(4):
        yield bytes(1000)


def check(server: ScriptedServer) -> Request:
    (request,) = server.connections[0].requests
    assert request.complete
    return request


def test_aiohttp(certificates: Certificates, maybe_certificates: Certificates | None) -> None:
    context = ssl.create_default_context(cafile=str(certificates.authority))

    async def send(url: str) -> tuple[int, bytes]:
        async with (
            aiohttp.ClientSession() as session,
            session.put(url, data=pieces(), ssl=context) as response,
        ):
            return response.status, await response.read()

    with ScriptedServer(WHOLE, certificates=maybe_certificates) as server:
        assert asyncio.run(send(server.url)) == (200, b"ok")
        assert check(server).body == bytes(4000)
    script = [ReadHead(), ReadBody(2000), Reset()]
    with (
        ScriptedServer(script, certificates=maybe_certificates) as server,
        pytest.raises(aiohttp.ClientError),
    ):
        asyncio.run(send(server.url))


def test_httpx(certificates: Certificates, maybe_certificates: Certificates | None) -> None:
    context = ssl.create_default_context(cafile=str(certificates.authority))
    script = [*WHOLE[:2], Send(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", by=3), Close()]
    with (
        ScriptedServer(script, certificates=maybe_certificates) as server,
        httpx.Client(verify=context, trust_env=False) as client,
    ):
        response = client.put(server.url, content=iter([bytes(10)] * 5))
        assert (response.status_code, response.content) == (200, b"until the end")
        assert check(server).body == bytes(50)


class TestTwistedAgent(TestCase):
    timeout = 60

    @pytest.fixture(autouse=True)
    def _certificates(self, certificates: Certificates) -> None:
        authority = twisted_ssl.Certificate.loadPEM(certificates.authority.read_bytes())
        trust = twisted_ssl.trustRootFromCertificates([authority])
        self.certificates = certificates
        self.pool = HTTPConnectionPool(reactor)
        self.agent = Agent(reactor, BrowserLikePolicyForHTTPS(trust), pool=self.pool)

    async def test_two_requests_on_one_connection(self) -> None:
        for secure in (None, self.certificates):
            with ScriptedServer([*WHOLE, *WHOLE], certificates=secure) as server:
                for _ in range(2):
                    body = FileBodyProducer(BytesBody(bytes(1000)))
                    response = await self.agent.request(b"PUT", server.url.encode(), None, body)
                    assert response.code == 200
                    assert await treq.content(response) == b"ok"
                await self.pool.closeCachedConnections()
                await until(server.all_ended)
            assert [len(r.body) for r in server.connections[0].requests] == [1000, 1000]

    async def test_cut(self) -> None:
        for secure in (None, self.certificates):
            script = [ReadHead(), ReadBody(5000), Reset()]
            with ScriptedServer(script, certificates=secure) as server:
                body = FileBodyProducer(BytesBody(bytes(LARGE)))
                with pytest.raises(
                    (RequestTransmissionFailed, ResponseNeverReceived, ResponseFailed)
                ):
                    await self.agent.request(b"PUT", server.url.encode(), None, body)
            (request,) = server.connections[0].requests
            assert not request.complete
