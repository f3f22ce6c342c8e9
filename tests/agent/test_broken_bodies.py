"""Bodies that cannot be read to their end, or were read already: no server gets a whole request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from filebody import FileBodyProducer, IterableBody, NotReplayable
from tests.agent.cases import LARGE, PLAINLY, SMALL, SOME, trying
from tests.agent.clients import AgentCase, outcome_of, pieces
from tests.integration.eventually import until
from tests.peers.script import ReadBody, ReadHead, ScriptedServer, Send, Stall, Wait

_OK = Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


class _Unreadable(Exception):
    pass


def _failing(size: int) -> Iterator[bytes]:
    yield from pieces(size)
    raise _Unreadable


class TestBrokenBodies(AgentCase):
    async def read_error(self, length: int | None, *, secure: bool) -> None:
        certificates = self.certificates if secure else None
        # All but a last byte is there.
        body = IterableBody(_failing(SMALL), length=length)
        with ScriptedServer([ReadHead(), ReadBody()], certificates=certificates) as server:
            outcome = await outcome_of(
                # Also if it is asked to try again: it would fail in the same way.
                self.request(self.make_agent(), server.url, body, trying(3))
            )
            # It may not have looked who is there before it was over.
            await until(lambda: bool(server.connections) and server.all_ended())
        assert isinstance(outcome.error, _Unreadable)
        assert len(server.connections) == 1
        assert not any(r.complete for c in server.connections for r in c.requests)

    async def test_read_error(self) -> None:
        await self.read_error(SMALL + 1, secure=False)

    async def test_read_error_in_chunks(self) -> None:
        await self.read_error(None, secure=False)

    async def test_read_error_over_tls(self) -> None:
        await self.read_error(SMALL + 1, secure=True)

    async def test_read_error_in_chunks_over_tls(self) -> None:
        await self.read_error(None, secure=True)

    async def test_used_twice(self) -> None:
        body = IterableBody(pieces(SMALL))
        with ScriptedServer([ReadHead(), ReadBody(), _OK]) as server:
            agent = self.make_agent()
            first = await outcome_of(self.request(agent, server.url, body, PLAINLY))
            second = await outcome_of(self.request(agent, server.url, body, PLAINLY))
            agent.close()
            await until(server.all_ended)
        assert first.error is None
        assert isinstance(second.error, NotReplayable)
        requests = [r for c in server.connections for r in c.requests]
        assert sum(request.complete for request in requests) == 1

    async def test_used_twice_at_once(self) -> None:
        body = IterableBody(pieces(LARGE))
        script = [ReadHead(), ReadBody(SOME), Stall()]
        with ScriptedServer(script, script) as server:
            agent = self.make_agent()
            first = self.request(agent, server.url, FileBodyProducer(body), PLAINLY)
            await until(lambda: server.connections and server.connections[0].at >= 2)
            second = await outcome_of(self.request(agent, server.url, body, PLAINLY))
            first.cancel()
            await outcome_of(first)
            await until(server.all_ended)
        assert isinstance(second.error, NotReplayable)
        assert not any(r.complete for c in server.connections for r in c.requests)


@implementer(IBodyProducer)
class _RaisesWhen:
    """Writes until it is paused; raises in one of its methods."""

    length = LARGE

    def __init__(self, call: str) -> None:
        self._call = call
        self._is_paused = False
        self._left = LARGE
        self.paused: Deferred[None] = Deferred()

    def startProducing(self, consumer: Any) -> Deferred[None]:
        self._consumer = consumer
        self._write()
        return Deferred()

    def pauseProducing(self) -> None:
        self._is_paused = True
        if not self.paused.called:
            self.paused.callback(None)
        self._come("pause")

    def resumeProducing(self) -> None:
        self._come("resume")
        self._is_paused = False
        self._write()

    def stopProducing(self) -> None:
        self._is_paused = True

    def _come(self, call: str) -> None:
        if call == self._call:
            raise _Unreadable(call)

    def _write(self) -> None:
        while self._left and not self._is_paused:
            count = min(self._left, 1 << 16)
            self._left -= count
            self._consumer.write(bytes(count))


class TestProducersThatRaise(AgentCase):
    async def test_each(self) -> None:
        """The request ends with what was raised, and the server sees no complete request."""
        for call in ("pause", "resume"):
            script = [ReadHead(), Wait("read"), ReadBody()]
            with ScriptedServer(script) as server:
                producer = _RaisesWhen(call)
                request = self.request(self.make_agent(), server.url, producer, PLAINLY)
                running = ensureDeferred(outcome_of(request))
                await producer.paused
                server.let("read")
                error = (await running).error
                await until(server.all_ended)
            assert isinstance(error, _Unreadable), call
            assert not any(r.complete for c in server.connections for r in c.requests)
            self.flushLoggedErrors(_Unreadable)  # type: ignore[no-untyped-call]
