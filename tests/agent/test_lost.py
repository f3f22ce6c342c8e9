"""What is said of a connection that ends without a response."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from filebody.errors import ConnectionLost
from tests.agent.sending import SendCase
from tests.peers.script import Close, ReadBody, ReadHead, Script, ScriptedServer


@implementer(IBodyProducer)
class _Dawdler:
    """Writes all that it announced, and never says that this was all."""

    length = 7

    def startProducing(self, consumer: Any) -> Deferred[None]:
        consumer.write(b"content")
        return Deferred()

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...

    def stopProducing(self) -> None: ...


class TestLost(SendCase):
    async def test_before_the_producer_has_said_that_it_is_done(self) -> None:
        script: Script = [ReadHead(), ReadBody(), Close()]
        with ScriptedServer(script) as server, pytest.raises(ConnectionLost) as raised:
            await self.put(server.url, _Dawdler())
        assert raised.value.offset == 7
        assert "without an answer" in raised.value.reason
