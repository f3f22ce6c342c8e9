"""The beginning of an answer: of one that never ends, too."""

from __future__ import annotations

from unittest import mock

import pytest

from filebody import ProtocolError
from filebody.cli import _answer
from tests.agent.clients import AgentCase
from tests.agent.trickle import Trickle


class TestBeginning(AgentCase):
    async def beginning(self, first: bytes, piece: bytes, seconds: float) -> bytes:
        with Trickle(first, piece, seconds=seconds, reads="head") as peer:
            response = await self.request(self.make_agent(), peer.url, method=b"GET")
            return await _answer.beginning_of(response)

    async def test_what_came_in_time(self) -> None:
        with mock.patch.object(_answer, "_ANSWER_SECONDS", 0.3):
            content = await self.beginning(b"HTTP/1.1 200 OK\r\n\r\n", b"x", 0.05)
        assert content.startswith(b"x")

    async def test_as_much_as_a_person_would_read(self) -> None:
        content = await self.beginning(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * (1 << 16), 0)
        assert content == b"x" * (1 << 16)

    async def test_a_damaged_framing(self) -> None:
        head = b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n5;"
        with pytest.raises(ProtocolError):
            await self.beginning(head, b"x" * 4096, 0)
