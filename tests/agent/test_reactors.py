"""Whole uploads on each kind of reactor; how connections are made on them, the others test."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.web.client import readBody

from filebody import Body, IterableBody, PathBody
from filebody.agent import Options, UploadAgent
from tests.agent.cases import LARGE, PLAINLY, SOME, WHOLE, answer
from tests.agent.clients import SEED, pieces
from tests.agent.driven import Driven
from tests.peers import content
from tests.peers.certificates import Certificates
from tests.peers.script import Close, ReadBody, ReadHead, ScriptedServer, Send, Stall, Wait

SAID = b"not that"


@pytest.fixture(autouse=True)
def _nothing_waits(driven: Driven) -> Iterator[None]:
    """One call for the line may be due at the end of a test, and leads to none."""
    yield
    driven.until(lambda: not driven.reactor.getDelayedCalls())


@pytest.fixture
def body(request: pytest.FixtureRequest, tmp_path: Path) -> Body:
    """Of known length, or to be sent in chunks."""
    if request.param == "chunked":
        return IterableBody(list(pieces(LARGE)))
    path = tmp_path / "body"
    content.write_file(path, SEED, LARGE)
    path.read_bytes()  # the page cache has it: no thread has to read
    return PathBody(path)


def agent_of(driven: Driven, certificates: Certificates) -> UploadAgent:
    tls = ssl.create_default_context(cafile=str(certificates.authority))
    return UploadAgent(driven.reactor, tls=tls, options=PLAINLY)


def answered(driven: Driven, request: Deferred[object]) -> tuple[int, bytes]:
    response = driven.result(request)
    return response.code, driven.result(readBody(response))  # type: ignore[attr-defined,arg-type]


@pytest.mark.parametrize("body", ["known", "chunked"], indirect=True)
@pytest.mark.parametrize("secure", [False, True])
def test_two_uploads(driven: Driven, certificates: Certificates, body: Body, secure: bool) -> None:
    agent = agent_of(driven, certificates)
    slowly = [ReadHead(), ReadBody(SOME), Wait("go"), *WHOLE[1:]]
    with ScriptedServer([*slowly, *WHOLE], certificates=certificates if secure else None) as server:
        url = server.url.encode()
        first = agent.request(b"PUT", url, None, body)
        driven.until(lambda: server.connections and server.connections[0].at == 2)
        server.let("go")
        assert answered(driven, first) == (200, b"ok")  # type: ignore[arg-type]
        second = agent.request(b"PUT", url, None, body)
        assert answered(driven, second) == (200, b"ok")  # type: ignore[arg-type]
        agent.close()
        driven.until(server.all_ended)
    requests = server.connections[0].requests
    assert [bytes(r.body) == content.generated(SEED, 0, LARGE) for r in requests] == [True, True]


@pytest.mark.parametrize("body", ["known", "chunked"], indirect=True)
@pytest.mark.parametrize("secure", [False, True])
def test_a_refusal_on_the_way(
    driven: Driven, certificates: Certificates, body: Body, secure: bool
) -> None:
    agent = agent_of(driven, certificates)
    with ScriptedServer(
        [ReadHead(), ReadBody(SOME), Send(answer(413, SAID)), Stall(), Close()],
        certificates=certificates if secure else None,
    ) as server:
        request = agent.request(b"PUT", server.url.encode(), None, body)
        assert answered(driven, request) == (413, SAID)  # type: ignore[arg-type]
        driven.until(server.all_ended)
    assert not server.connections[0].requests[0].complete


@pytest.mark.parametrize("body", ["known"], indirect=True)
@pytest.mark.parametrize("secure", [False, True])
def test_cancelled_on_the_way(
    driven: Driven, certificates: Certificates, body: Body, secure: bool
) -> None:
    agent = agent_of(driven, certificates)
    with ScriptedServer(
        [ReadHead(), ReadBody(SOME), Stall()], certificates=certificates if secure else None
    ) as server:
        options = Options(on_progress=lambda progress: None)
        request = agent.request(b"PUT", server.url.encode(), None, body, options=options)
        driven.until(lambda: server.connections and server.connections[0].at == 2)
        request.cancel()
        assert isinstance(driven.outcome(request), CancelledError)
        driven.until(server.all_ended)


def test_cancelled_while_it_resolves(driven: Driven, certificates: Certificates) -> None:
    agent = agent_of(driven, certificates)
    body = IterableBody(pieces(LARGE))
    asked = agent.request(b"PUT", b"http://upload.test/", None, body)
    driven.until(lambda: driven.resolver.asked)
    asked.cancel()
    assert isinstance(driven.outcome(asked), CancelledError)
    assert driven.resolver.asked[0].is_cancelled
    agent.close()
