"""What a listener hears: each attempt to its end, also one without a connection."""

from __future__ import annotations

import pytest

from filebody import BytesBody
from filebody.agent import ExchangeListener, Moment, Options
from filebody.errors import ConnectError
from tests.agent.sending import SendCase
from tests.peers.ports import free_port
from tests.peers.script import Close, ReadBody, ReadHead, Script, ScriptedServer, Send


class _Ends(ExchangeListener):
    def __init__(self) -> None:
        self.bodies: list[int] = []
        self.ends: list[tuple[int, type[Exception] | None]] = []

    def body_sent(self, moment: Moment, sent_bytes: int) -> None:
        self.bodies.append(moment.attempt)

    def ended(self, moment: Moment, error: Exception | None) -> None:
        self.ends.append((moment.attempt, None if error is None else type(error)))


class TestListener(SendCase):
    async def test_an_attempt_without_a_connection(self) -> None:
        there = f"http://127.0.0.1:{free_port()}/"
        answer = f"HTTP/1.1 307 There\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n"
        listener = _Ends()
        script: Script = [ReadHead(), ReadBody(), Send(answer.encode()), Close()]
        options = Options(listener=listener, redirects=1)
        with ScriptedServer(script) as server, pytest.raises(ConnectError) as raised:
            await self.put(server.url, BytesBody(b"content"), options)
        assert (raised.value.url, raised.value.offset) == (there, 0)
        assert listener.bodies == [1]
        assert listener.ends == [(1, None), (2, ConnectError)]
