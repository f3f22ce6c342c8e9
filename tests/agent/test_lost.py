"""What is said of a connection that ends before the agent knows that everything was sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer

from filebody.agent import Expect, Options, _writer
from filebody.errors import ConnectionLost, EarlySuccess
from tests.agent.sending import SendCase
from tests.integration.eventually import until
from tests.peers.script import Close, ReadBody, ReadHead, Script, ScriptedServer, Send

reactor: Any = _reactor

CONTENT = b"content"
_PATIENCE_SECONDS = 10
_STORED = Send(b"HTTP/1.1 201 Made\r\nContent-Length: 2\r\n\r\nok")
_STORED_BY_CLOSE = Send(b"HTTP/1.1 201 Made\r\n\r\nok")


@implementer(IBodyProducer)
class _Dawdler:
    """Writes everything at once, and does not say that this was all before it is told to."""

    def __init__(self, length: Any = 7) -> None:
        self.length = length
        self.done: Deferred[None] = Deferred()

    def startProducing(self, consumer: Any) -> Deferred[None]:
        consumer.write(CONTENT)
        return self.done

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...

    def stopProducing(self) -> None: ...


@attrs.define
class _Clock:
    """As the slices' clock: lets the first slice end before it has seen what became of its bytes.

    That is as if this process had been interrupted right after it sent the last of them.
    """

    meanwhile: Callable[[], bool]
    looks: int = 0

    def monotonic(self) -> float:
        self.looks += 1
        if self.looks == 1:
            return time.monotonic()
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while not self.meanwhile() and time.monotonic() < give_up:
            time.sleep(0.001)
        return time.monotonic() + 1


class TestLost(SendCase):
    options = Options(expect=Expect.NEVER)

    @pytest.fixture(autouse=True)
    def _monkeypatch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    async def test_before_the_producer_has_said_that_it_is_done(self) -> None:
        script: Script = [ReadHead(), ReadBody(), Close()]
        with ScriptedServer(script) as server, pytest.raises(ConnectionLost) as raised:
            await self.put(server.url, _Dawdler())
        assert raised.value.offset == len(CONTENT)
        assert "without an answer" in raised.value.reason

    async def stored_before_it_is_done(self, answer: Send) -> None:
        producer = _Dawdler()
        script = [ReadHead(), ReadBody(), answer, Close()]
        with ScriptedServer(script, certificates=self.certificates) as server:
            sending = Deferred.fromCoroutine(self.put(server.url, producer))
            await until(lambda: server.connections and server.connections[0].end is not None)
            for _ in range(3):  # the agent sees it
                await deferLater(reactor, 0, lambda: None)
            assert not sending.called
            producer.done.callback(None)
            stored = await sending
        assert (stored.status, stored.content) == (201, b"ok")

    async def test_stored_before_the_producer_has_said_that_it_is_done(self) -> None:
        await self.stored_before_it_is_done(_STORED)

    async def stored_before_it_is_seen(self, length: Any, answer: Send) -> None:
        producer = _Dawdler(length)
        at_least = len(CONTENT)
        script: Script = [ReadHead(), ReadBody(at_least), ReadBody(), answer, Close()]
        # Over TLS the answer and the end are read in one go.
        with ScriptedServer(script, certificates=self.certificates) as server:
            sending = Deferred.fromCoroutine(self.put(server.url, producer))
            await until(lambda: server.connections and server.connections[0].at >= 2)
            clock = _Clock(lambda: server.connections[0].end is not None)
            self.monkeypatch.setattr(_writer, "time", clock)
            producer.done.callback(None)
            stored = await sending
        assert clock.looks >= 2
        assert (stored.status, stored.content) == (201, b"ok")

    async def test_stored_before_it_is_seen_that_all_is_out(self) -> None:
        await self.stored_before_it_is_seen(UNKNOWN_LENGTH, _STORED)

    async def test_stored_by_close_before_it_is_seen_that_all_is_out(self) -> None:
        await self.stored_before_it_is_seen(UNKNOWN_LENGTH, _STORED_BY_CLOSE)

    async def test_early_success_that_ends_before_it_is_seen_that_all_is_out(self) -> None:
        producer = _Dawdler(UNKNOWN_LENGTH)
        early = Send(b"HTTP/1.1 201 Made\r\n\r\no")
        script: Script = [
            ReadHead(),
            ReadBody(len(CONTENT)),
            early,
            ReadBody(),
            Send(b"k"),
            Close(),
        ]
        with ScriptedServer(script, certificates=self.certificates) as server:
            sending = Deferred.fromCoroutine(self.put(server.url, producer))
            await until(lambda: server.connections and server.connections[0].at >= 3)
            for _ in range(3):  # the agent sees the early response
                await deferLater(reactor, 0, lambda: None)
            clock = _Clock(lambda: server.connections[0].end is not None)
            self.monkeypatch.setattr(_writer, "time", clock)
            producer.done.callback(None)
            stored = await sending
        assert clock.looks >= 2
        assert (stored.status, stored.content) == (201, b"ok")

    async def test_a_success_before_the_last_chunk_is_an_early_one(self) -> None:
        """Only the last chunk says that there is no more."""
        script: Script = [ReadHead(), ReadBody(len(CONTENT)), _STORED, Close()]
        with ScriptedServer(script) as server, pytest.raises(EarlySuccess) as raised:
            await self.put(server.url, _Dawdler(UNKNOWN_LENGTH))
        assert raised.value.offset == len(CONTENT)
        assert not server.connections[0].requests[0].complete
