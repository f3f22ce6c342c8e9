from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import trustme
from twisted.internet.defer import CancelledError

from filebody.agent._tls import default_context, handshake, is_cut
from filebody.agent._turns import Turns
from filebody.errors import TLSError, TLSTimeout
from tests.agent.driven import LIMIT_SECONDS, Driven, Hand, caught, listening
from tests.peers.certificates import Certificates
from tests.peers.script import (
    Close,
    CloseWithoutCloseNotify,
    ReadBody,
    ReadHead,
    Reset,
    Script,
    ScriptedServer,
    Send,
    SpeakPlain,
    Stall,
    Wait,
)

URL = "https://host.test/"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Busy(Turns):
    """There is always somebody before."""

    def take(self, turn: Callable[[], None]) -> bool:
        self.later(turn)
        return False


def connect(port: int) -> socket.socket:
    connected = socket.create_connection(("127.0.0.1", port), LIMIT_SECONDS)
    connected.setblocking(False)
    return connected


@pytest.fixture
def context(certificates: Certificates) -> ssl.SSLContext:
    context = default_context()
    context.load_verify_locations(certificates.authority)
    return context


def issued(
    certificates: Certificates, directory: Path, issue: Callable[[trustme.CA], trustme.LeafCert]
) -> tuple[Certificates, ssl.SSLContext]:
    """A server with a certificate of its own, and who trusts its authority."""
    authority = trustme.CA()
    leaf = issue(authority)
    leaf.private_key_and_cert_chain_pem.write_to_path(str(directory / "server.pem"))
    context = default_context()
    authority.configure_trust(context)
    return attrs.evolve(certificates, server=directory / "server.pem"), context


def test_the_default_context() -> None:
    context = default_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("name", ["localhost", "localhost.", "127.0.0.1"])
def test_a_handshake(
    driven: Driven, certificates: Certificates, context: ssl.SSLContext, name: str
) -> None:
    with ScriptedServer(
        [ReadHead(), ReadBody(), Send(OK), Close()], certificates=certificates
    ) as s:
        secured = driven.result(handshake(driven.reactor, connect(s.port), context, name, 30, URL))
        with secured:
            assert not secured.getblocking()
            assert secured.version() == "TLSv1.3"
            secured.settimeout(LIMIT_SECONDS)
            secured.sendall(b"GET / HTTP/1.1\r\nHost: host.test\r\n\r\n")
            assert secured.recv(100) == OK


def test_a_cut_is_no_end(
    driven: Driven, certificates: Certificates, context: ssl.SSLContext
) -> None:
    with ScriptedServer([CloseWithoutCloseNotify()], certificates=certificates) as server:
        shaking = handshake(driven.reactor, connect(server.port), context, "localhost", 30, URL)
        with driven.result(shaking) as secured:
            secured.settimeout(LIMIT_SECONDS)
            with pytest.raises(ssl.SSLError) as raised:
                secured.recv(1)
            assert is_cut(raised.value)


def test_a_cut_is_no_end_whatever_the_callers_context_says(
    driven: Driven, certificates: Certificates, context: ssl.SSLContext
) -> None:
    """Python 3.11.2 has it ignore cuts; the context stays the caller's."""
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    before = context.options
    with ScriptedServer([CloseWithoutCloseNotify()], certificates=certificates) as server:
        shaking = handshake(driven.reactor, connect(server.port), context, "localhost", 30, URL)
        with driven.result(shaking) as secured:
            secured.settimeout(LIMIT_SECONDS)
            with pytest.raises(ssl.SSLError) as raised:
                secured.recv(1)
            assert is_cut(raised.value)
    assert context.options == before


def test_http_1_1_is_what_is_asked_for(driven: Driven, certificates: Certificates) -> None:
    asked = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    asked.load_cert_chain(certificates.server)
    asked.set_alpn_protocols(["h2", "http/1.1"])
    context = default_context()
    context.load_verify_locations(certificates.authority)

    def serve() -> None:
        accepted, _ = listener.accept()
        accepted.settimeout(LIMIT_SECONDS)
        with asked.wrap_socket(accepted, server_side=True) as secured:
            secured.sendall(b"x")
            secured.recv(1)

    with listening() as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        connected = connect(listener.getsockname()[1])
        with driven.result(
            handshake(driven.reactor, connected, context, "localhost", 30, URL)
        ) as secured:
            assert secured.selected_alpn_protocol() == "http/1.1"
            # The server's session tickets come before that byte; closed with them unread, the
            # connection would be reset under the server's feet.
            secured.settimeout(LIMIT_SECONDS)
            assert secured.recv(1) == b"x"
        thread.join(LIMIT_SECONDS)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ([Send(b"220 mail.test ESMTP\r\n")], "does not speak TLS on this port"),
        ([Send(b"HTTP/1.1 400 No\r\n\r\n")], "does not speak TLS on this port"),
        ([Close()], "closed the connection during the TLS handshake"),
        ([Reset()], "closed the connection during the TLS handshake"),
        ([Send(b"\x16\x03"), Close()], "closed the connection during the TLS"),
        # Alert 40: handshake_failure.
        ([Send(bytes.fromhex("15030300020228"))], "handshake failure"),
        # Alert 70: protocol_version.
        ([Send(bytes.fromhex("15030300020246"))], "protocol version"),
    ],
)
def test_peers_that_do_otherwise(
    driven: Driven,
    certificates: Certificates,
    context: ssl.SSLContext,
    script: Script,
    words: str,
) -> None:
    script = [SpeakPlain(), Wait("connected"), *script, Stall()]
    with ScriptedServer(script, certificates=certificates) as server:
        connected = connect(server.port)
        server.let("connected")
        error = driven.outcome(handshake(driven.reactor, connected, context, "localhost", 30, URL))
    assert isinstance(error, TLSError)
    assert error.url == URL
    assert words in error.reason


def test_an_unknown_authority(driven: Driven, certificates: Certificates) -> None:
    with ScriptedServer([Stall()], certificates=certificates) as server:
        error = driven.outcome(
            handshake(driven.reactor, connect(server.port), default_context(), "localhost", 30, URL)
        )
    assert isinstance(error, TLSError)
    assert "the certificate that localhost shows was issued by an authority" in error.reason
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("other.test", "the certificate that other.test shows is for another name"),
        ("127.0.0.2", "the certificate that 127.0.0.2 shows is for another address"),
    ],
)
def test_another_name(
    driven: Driven, certificates: Certificates, context: ssl.SSLContext, name: str, words: str
) -> None:
    with ScriptedServer([Stall()], certificates=certificates) as server:
        error = driven.outcome(
            handshake(driven.reactor, connect(server.port), context, name, 30, URL)
        )
    assert isinstance(error, TLSError)
    assert error.reason == words


@pytest.mark.parametrize(
    ("days", "words"), [((-9, -2), "has expired"), ((2, 9), "is not valid yet: check the clock")]
)
def test_the_wrong_time(
    driven: Driven, certificates: Certificates, tmp_path: Path, days: tuple[int, int], words: str
) -> None:
    now = dt.datetime.now(dt.UTC)
    first, last = (now + dt.timedelta(days=day) for day in days)
    own, context = issued(
        certificates,
        tmp_path,
        lambda authority: authority.issue_cert("localhost", not_before=first, not_after=last),
    )
    with ScriptedServer([Stall()], certificates=own) as server:
        error = driven.outcome(
            handshake(driven.reactor, connect(server.port), context, "localhost", 30, URL)
        )
    assert isinstance(error, TLSError)
    assert words in error.reason


def test_in_line(driven: Driven, certificates: Certificates, context: ssl.SSLContext) -> None:
    turns = Busy(driven.reactor)
    with ScriptedServer(
        [ReadHead(), ReadBody(), Send(OK), Close()], certificates=certificates
    ) as s:
        shaking = handshake(driven.reactor, connect(s.port), context, "localhost", 30, URL, turns)
        assert not shaking.called
        with driven.result(shaking) as secured:
            secured.settimeout(LIMIT_SECONDS)
            secured.sendall(b"GET / HTTP/1.1\r\nHost: host.test\r\n\r\n")
            assert secured.recv(100) == OK


def test_cancelled_in_line(context: ssl.SSLContext) -> None:
    hand = Hand()
    with listening() as listener:
        connected = connect(listener.getsockname()[1])
        shaking = handshake(hand, connected, context, "localhost", 30, URL, Busy(hand))
        shaking.cancel()
        assert isinstance(caught(shaking), CancelledError)
        hand.advance(1)
    assert hand.is_empty


def test_it_is_not_watched_while_it_waits_for_long(context: ssl.SSLContext) -> None:
    hand = Hand()
    with listening() as listener:
        connected = connect(listener.getsockname()[1])
        shaking = handshake(hand, connected, context, "localhost", 30, URL, Busy(hand))
        hand.advance(0)
        (reader,) = hand.readers
        reader.doRead()
        assert hand.readers
        reader.doRead()
        assert not hand.readers
        hand.advance(0)
        assert hand.readers == {reader}
        shaking.cancel()
        assert isinstance(caught(shaking), CancelledError)
        assert hand.is_empty


def test_too_late(driven: Driven, context: ssl.SSLContext) -> None:
    with listening() as listener:
        connected = connect(listener.getsockname()[1])
        error = driven.outcome(
            handshake(driven.reactor, connected, context, "localhost", 0.05, URL)
        )
        assert isinstance(error, TLSTimeout)
        assert error.reason == "no TLS handshake within 0.05 s"
        assert connected.fileno() == -1


def test_cancelled(driven: Driven, context: ssl.SSLContext) -> None:
    with listening() as listener:
        connected = connect(listener.getsockname()[1])
        shaking = handshake(driven.reactor, connected, context, "localhost", 30, URL)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(1) == b"\x16"  # the beginning of a ClientHello
            driven.reactor.iterate(0)
            shaking.cancel()
            assert isinstance(driven.outcome(shaking), CancelledError)


def test_the_reactor_ends(context: ssl.SSLContext) -> None:
    hand = Hand()
    with listening() as listener:
        connected = connect(listener.getsockname()[1])
        shaking = handshake(hand, connected, context, "localhost", 30, URL)
        assert hand.readers
        hand.stop()
        error = caught(shaking)
    assert isinstance(error, TLSError)
    assert error.reason == "the reactor watches the connection no more (the end)"
    assert hand.is_empty


def test_a_connection_that_is_gone_already(context: ssl.SSLContext) -> None:
    with listening() as listener:
        connected = connect(listener.getsockname()[1])
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        accepted.close()
        error = caught(handshake(Hand(), connected, context, "localhost", 30, URL))
    assert isinstance(error, TLSError)
    assert "closed the connection during the TLS handshake" in error.reason


def test_a_name_that_cannot_be(context: ssl.SSLContext) -> None:
    with listening() as listener:
        connected = connect(listener.getsockname()[1])
        error = caught(handshake(Hand(), connected, context, ".", 30, URL))
    assert isinstance(error, TLSError)
    assert "no TLS handshake with" in error.reason
