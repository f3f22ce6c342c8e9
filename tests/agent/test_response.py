"""What whoever takes the body of a response can do from within its delivery."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from filebody.agent import UploadAgent
from filebody.errors import ConnectionLost
from tests.agent.cases import OK, PLAINLY, SMALL, answer
from tests.agent.clients import AgentCase, Kind, outcome_of
from tests.integration.eventually import until
from tests.peers.script import (
    Close,
    CloseWithoutCloseNotify,
    ReadBody,
    ReadHead,
    Reset,
    Script,
    ScriptedServer,
    Send,
    Stall,
    Step,
    Wait,
)

_LONG = answer(200, b"x" * 200_000)


class _Enough(Protocol):
    """Ends the connection from within the first `dataReceived`."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ends: list[Failure] = []
        self.ended: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.pieces.append(data)
        transport: Any = self.transport
        transport.loseConnection()

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        self.ends.append(reason)
        self.ended.callback(None)  # a second time would fail


class _Told(Protocol):
    """Notes how the body ended."""

    def __init__(self, *, takes_any_end: bool) -> None:
        self.takes_any_end = takes_any_end
        self.end: Deferred[object] = Deferred()

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        self.end.callback(type(reason.value))


class TestHowItEnded(AgentCase):
    async def told(self, *, takes_any_end: bool, framing: str, cut: int = 0) -> object:
        whole = answer(200, b"ok", framing=framing)
        script = [ReadHead(), ReadBody(), Send(whole[: len(whole) - cut]), Close()]
        with ScriptedServer(script) as server:
            agent = self.make_agent()
            response = await self.request(agent, server.url, self.body(Kind.KNOWN, SMALL), PLAINLY)
            told = _Told(takes_any_end=takes_any_end)
            response.deliverBody(told)
            return await told.end

    async def test_who_asks_for_no_more_is_told_no_more(self) -> None:
        for framing, kind in (("length", ResponseDone), ("close", PotentialDataLoss)):
            assert await self.told(takes_any_end=False, framing=framing) is kind
            assert await self.told(takes_any_end=True, framing=framing) is ConnectionDone

    async def test_what_is_not_whole_is_told_to_all(self) -> None:
        for takes_any_end in (False, True):
            kind = await self.told(takes_any_end=takes_any_end, framing="length", cut=1)
            assert kind is ConnectionLost


class TestEndedByTheConnection(AgentCase):
    """A body that only the end of the connection ends: an error of that leaves it incomplete."""

    async def reason(self, last: Step, *, secure: bool) -> object:
        certificates = self.certificates if secure else None
        script = [ReadHead(), ReadBody(), Send(answer(200, b"ok", framing="close")), Wait("told")]
        with ScriptedServer([*script, last], certificates=certificates) as server:
            agent = self.make_agent()
            response = await self.request(agent, server.url, self.body(Kind.KNOWN, SMALL), PLAINLY)
            told = _Told(takes_any_end=False)
            response.deliverBody(told)
            server.let("told")
            return await told.end

    async def test_in_order(self) -> None:
        for secure in (False, True):
            assert await self.reason(Close(), secure=secure) is PotentialDataLoss

    async def test_cut(self) -> None:
        assert await self.reason(CloseWithoutCloseNotify(), secure=True) is ConnectionLost
        for secure in (False, True):
            assert await self.reason(Reset(), secure=secure) is ConnectionLost


class TestEnoughOfIt(AgentCase):
    async def ask(self, agent: UploadAgent, server: ScriptedServer) -> _Enough:
        request = self.request(agent, server.url, self.body(Kind.KNOWN, SMALL), PLAINLY)
        response = await request
        enough = _Enough()
        response.deliverBody(enough)
        return enough

    async def play(self, script: Script, *, secure: bool = False) -> _Enough:
        certificates = self.certificates if secure else None
        with ScriptedServer(script, certificates=certificates) as server:
            enough = await self.ask(self.make_agent(), server)
            server.let("rest")
            await enough.ended
            await until(server.all_ended)
        return enough

    async def test_of_what_has_come(self) -> None:
        """The first piece waits for whoever takes it."""
        enough = await self.play([ReadHead(), ReadBody(), Send(_LONG[:-100_000]), Stall()])
        assert len(enough.pieces) == 1
        assert enough.ends[0].check(CancelledError)

    async def test_of_what_comes(self) -> None:
        head = _LONG[: _LONG.index(b"x")]
        script = [ReadHead(), ReadBody(), Send(head), Wait("rest"), Send(_LONG[len(head) :])]
        for secure in (False, True):
            enough = await self.play(script, secure=secure)
            assert len(enough.pieces) == 1
            assert enough.ends[0].check(CancelledError)

    async def test_with_its_last_piece(self) -> None:
        """It was whole by then, or not yet known to be: it ends once, and the agent goes on."""
        with ScriptedServer([ReadHead(), ReadBody(), OK], [ReadHead(), OK]) as server:
            agent = self.make_agent()
            enough = await self.ask(agent, server)
            await enough.ended
            agent.close()
            outcome = await outcome_of(self.request(agent, server.url, method=b"GET"))
            assert outcome.body == b"ok"
        assert enough.pieces == [b"ok"]
        assert len(enough.ends) == 1
