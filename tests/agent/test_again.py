"""What a program hears of attempts that are going to be repeated, and how long each wait is."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError

from filebody.agent import Attempt, Expect, Options, Retries
from filebody.errors import ConnectError
from tests.agent.cases import SMALL, answer
from tests.agent.clients import AgentCase, Kind, outcome_of
from tests.integration.eventually import until
from tests.peers.ports import free_port
from tests.peers.script import ReadBody, ReadHead, ScriptedServer, Send


class TestAgain(AgentCase):
    def options(self, retries: Retries) -> Options:
        self.told: list[Attempt] = []
        return Options(expect=Expect.NEVER, retries=retries, on_retry=self.told.append)

    async def test_not_before_the_server_wants_it(self) -> None:
        options = self.options(Retries(limit=1, first_delay_seconds=0.01))
        later = Send(answer(503, b"", "Retry-After: 50"))
        with ScriptedServer([ReadHead(), ReadBody(), later]) as server:
            body = self.body(Kind.KNOWN, SMALL)
            request = self.request(self.make_agent(), server.url, body, options)
            await until(lambda: self.told)
            assert not request.called
            request.cancel()
            with pytest.raises(CancelledError):
                await request
        assert [(a.number, a.status, a.delay_seconds) for a in self.told] == [(1, 503, 50.0)]

    async def test_where_nobody_listens(self) -> None:
        options = self.options(Retries(limit=2, first_delay_seconds=0.01))
        url = f"http://127.0.0.1:{free_port()}/"
        body = self.body(Kind.ONE_SHOT, SMALL)  # of which nothing was read: it can be tried again
        outcome = await outcome_of(self.request(self.make_agent(), url, body, options))
        assert isinstance(outcome.error, ConnectError)
        assert [a.number for a in self.told] == [1, 2]
        assert all(isinstance(a.error, ConnectError) for a in self.told)
        assert 0.005 <= self.told[0].delay_seconds <= 0.01 <= self.told[1].delay_seconds <= 0.02
