"""A caller that has enough: at every stage of a request, and by the producer itself.

What every test here checks at its end, too: nothing is left in the reactor, no descriptor is open,
no thread is busy (see `AgentCase`).
"""

from __future__ import annotations

import os
from typing import IO, Any

import attrs
import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.web.client import readBody

from filebody import BodyStopped, FileBodyProducer, PathBody
from filebody.agent import Expect, Options, PoolLimits, Retries, Timeouts, UploadAgent
from filebody.progress import Progress
from tests.agent.cases import ENDLESS, LARGE, LONG_SECONDS, PLAINLY, SMALL, SOME, answer
from tests.agent.clients import SEED, AgentCase, outcome_of, reactor
from tests.agent.driven import black_hole
from tests.agent.relay import Relay
from tests.integration.eventually import until
from tests.peers import content
from tests.peers.script import (
    Close,
    End,
    ReadBody,
    ReadHead,
    Script,
    ScriptedServer,
    Send,
    SpeakPlain,
    Stall,
    Wait,
)

_OK = Send(answer(200, b"ok"))


class TestCancel(AgentCase):
    def file(self, size: int = SMALL) -> IO[bytes]:
        path = self.new_path()
        content.write_file(path, SEED, size)
        return path.open("rb")

    def ask(
        self,
        agent: UploadAgent,
        url: str,
        *,
        size: int = SMALL,
        options: Options = PLAINLY,
        method: bytes = b"PUT",
    ) -> tuple[Deferred[Any], IO[bytes]]:
        file = self.file(size)
        body = FileBodyProducer(file)
        return self.request(agent, url, body, options, method), file

    async def cancelled(self, request: Deferred[Any], file: IO[bytes]) -> None:
        request.cancel()
        with pytest.raises(CancelledError):
            await request
        assert file.closed

    async def at_step(self, server: ScriptedServer, steps: int) -> None:
        """Until the server has done so many steps."""
        await until(lambda: server.connections and server.connections[-1].at >= steps)

    async def play(
        self,
        script: Script,
        *,
        steps: int,
        secure: bool = False,
        end: End | None = None,
        **asking: Any,
    ) -> None:
        """Cancel when the server has done so many steps."""
        certificates = self.certificates if secure else None
        with ScriptedServer(script, certificates=certificates) as server:
            request, file = self.ask(self.make_agent(), server.url, **asking)
            await self.at_step(server, steps)
            await self.cancelled(request, file)
            await until(server.all_ended)
        assert not any(request.complete for request in server.connections[0].requests)
        assert end in {None, server.connections[0].end}

    async def test_connecting(self) -> None:
        with black_hole("127.0.0.1") as port:
            request, file = self.ask(self.make_agent(), f"http://127.0.0.1:{port}/")
            await deferLater(reactor, 0, lambda: None)
            await self.cancelled(request, file)

    async def test_at_once(self) -> None:
        with ScriptedServer([ReadHead()]) as server:
            request, file = self.ask(self.make_agent(), server.url)
            await self.cancelled(request, file)

    async def test_in_the_handshake(self) -> None:
        with ScriptedServer([SpeakPlain(), Stall()]) as server:
            url = server.url.replace("http:", "https:")
            request, file = self.ask(self.make_agent(), url)
            await self.at_step(server, 1)
            await self.cancelled(request, file)

    async def test_before_the_proxy_answers(self) -> None:
        with Relay(b"") as relay:
            agent = self.make_agent(proxy=f"http://127.0.0.1:{relay.port}")
            request, file = self.ask(agent, "http://host.test/")
            await until(lambda: relay.heads)
            await self.cancelled(request, file)

    async def test_expecting(self) -> None:
        options = Options(expect=Expect.ALWAYS, timeouts=Timeouts(continue_seconds=LONG_SECONDS))
        await self.play([ReadHead(), Stall()], steps=1, options=options)

    async def test_sending(self) -> None:
        script = [ReadHead(), ReadBody(SOME), Stall()]
        await self.play(script, steps=2, size=LARGE, end=End.RST)

    async def test_sending_over_tls(self) -> None:
        script = [ReadHead(), ReadBody(SOME), Stall()]
        await self.play(script, steps=2, size=LARGE, secure=True, end=End.RST)

    async def test_awaiting_the_response(self) -> None:
        with ScriptedServer([ReadHead(), ReadBody(), Stall()]) as server:
            request, file = self.ask(self.make_agent(), server.url)
            await self.at_step(server, 2)
            await self.cancelled(request, file)
            await until(server.all_ended)

    async def test_within_the_response(self) -> None:
        with ScriptedServer(
            [ReadHead(), ReadBody(), Send(answer(200, b"0123456789")[:-5]), Stall()]
        ) as server:
            request, file = self.ask(self.make_agent(), server.url)
            response = await request
            reading = readBody(response)
            await deferLater(reactor, 0, lambda: None)
            reading.cancel()
            with pytest.raises(CancelledError):
                await reading
            await until(server.all_ended)
        assert file.closed

    async def test_held_back(self) -> None:
        """An early success waits for the body."""
        script = [ReadHead(), ReadBody(SOME), _OK, Stall()]
        await self.play(script, steps=3, size=LARGE, end=End.RST)

    async def test_before_a_retry(self) -> None:
        told: list[object] = []
        options = attrs.evolve(
            PLAINLY,
            retries=Retries(limit=1, first_delay_seconds=LONG_SECONDS),
            on_retry=told.append,
        )
        path = self.new_path()
        content.write_file(path, SEED, SMALL)
        with ScriptedServer([ReadHead(), ReadBody(), Send(answer(503)), Close()]) as server:
            agent = self.make_agent()
            request = self.request(agent, server.url, PathBody(path), options)
            await until(lambda: told)
            request.cancel()
            with pytest.raises(CancelledError):
                await request

    async def test_in_the_line_for_a_connection(self) -> None:
        with ScriptedServer([ReadHead(), ReadBody(), Stall()]) as server:
            agent = self.make_agent(pool=PoolLimits(connections_per_host=1))
            first, first_file = self.ask(agent, server.url)
            await self.at_step(server, 2)
            second, second_file = self.ask(agent, server.url)
            third, third_file = self.ask(agent, server.url)
            await self.cancelled(second, second_file)
            await self.cancelled(third, third_file)
            await self.cancelled(first, first_file)
            await until(server.all_ended)

    async def test_the_next_in_line_goes_on(self) -> None:
        with ScriptedServer(
            [ReadHead(), ReadBody(), Stall()], [ReadHead(), ReadBody(), _OK]
        ) as server:
            agent = self.make_agent(pool=PoolLimits(connections_per_host=1))
            first, first_file = self.ask(agent, server.url)
            await self.at_step(server, 2)
            second, _ = self.ask(agent, server.url)
            await self.cancelled(first, first_file)
            outcome = await outcome_of(second)
            assert outcome.body == b"ok"

    async def test_while_its_source_has_nothing(self) -> None:
        path = self.directory / "pipe"
        os.mkfifo(path)
        writing = os.open(path, os.O_RDWR)
        try:
            with ScriptedServer([ReadHead(), Stall()]) as server:
                request = self.request(self.make_agent(), server.url, PathBody(path), PLAINLY)
                await self.at_step(server, 1)
                request.cancel()
                with pytest.raises(CancelledError):
                    await request
                await until(server.all_ended)
        finally:
            os.close(writing)


class TestTheProducer(AgentCase):
    """What a program does to the producer that it gave away."""

    async def begin_large(self, server: ScriptedServer, options: Options = PLAINLY) -> None:
        path = self.new_path()
        content.write_file(path, SEED, ENDLESS)
        self.producer = FileBodyProducer(PathBody(path))
        self.asked = self.request(self.make_agent(), server.url, self.producer, options)
        await until(lambda: server.connections and server.connections[0].at >= 2)

    async def test_stopped(self) -> None:
        with ScriptedServer([ReadHead(), ReadBody(SOME), Stall()]) as server:
            await self.begin_large(server)
            self.producer.stopProducing()
            with pytest.raises(BodyStopped):
                await self.asked
            await until(server.all_ended)
        assert server.connections[0].end is End.RST
        assert not server.connections[0].requests[0].complete

    async def test_paused_for_longer_than_a_stall_may_last(self) -> None:
        heard: list[Progress] = []
        options = attrs.evolve(
            PLAINLY, on_progress=heard.append, timeouts=Timeouts(stall_seconds=0.1)
        )
        script = [ReadHead(), ReadBody(SOME), Wait("go"), ReadBody(), _OK]
        with ScriptedServer(script) as server:
            await self.begin_large(server, options)
            self.producer.pauseProducing()
            server.let("go")
            await deferLater(reactor, 0.4, lambda: None)
            paused_at = heard[-1].sent_bytes
            await deferLater(reactor, 0.1, lambda: None)
            assert heard[-1].sent_bytes == paused_at < ENDLESS
            assert not server.connections[0].requests[0].complete
            self.producer.resumeProducing()
            outcome = await outcome_of(self.asked)
        assert outcome.error is None
        assert outcome.body == b"ok"
        assert server.connections[0].requests[0].body == content.generated(SEED, 0, ENDLESS)
