"""What whoever takes the body of a response can do from within its delivery."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss

from filebody.agent import UploadAgent
from filebody.errors import ConnectionLost
from tests.agent.cases import OK, PLAINLY, SMALL, answer
from tests.agent.clients import AgentCase, Kind, Outcome, outcome_of
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
        self.end: Deferred[Any] = Deferred()

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        self.end.callback(type(reason.value))


class TestHowItEnded(AgentCase):
    async def told(self, *, takes_any_end: bool, framing: str, cut: int = 0) -> Any:
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
            assert issubclass(kind, ConnectionLost)
            assert issubclass(kind, ResponseFailed) is not takes_any_end


class TestEndedByTheConnection(AgentCase):
    """A body that only the end of the connection ends: an error of that leaves it incomplete."""

    async def reason(self, last: Step, *, secure: bool) -> Any:
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
        assert issubclass(await self.reason(CloseWithoutCloseNotify(), secure=True), ConnectionLost)
        for secure in (False, True):
            assert issubclass(await self.reason(Reset(), secure=secure), ConnectionLost)


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


class _Raises(Protocol):
    """Raises in one of its methods."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.calls: list[str] = []
        self.ended: Deferred[Failure] = Deferred()

    def come(self, where: str) -> None:
        self.calls.append(where)
        if where == self.where:
            raise ValueError(where)

    def connectionMade(self) -> None:
        self.come("made")

    def dataReceived(self, data: bytes) -> None:
        self.come("data")

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        self.ended.callback(reason)
        self.come("lost")


class _Logs(AgentCase):
    __test__ = False

    def logged(self, kind: type[Exception]) -> list[Failure]:
        """Take the failures of this kind that were logged."""
        flushed: list[Failure] = self.flushLoggedErrors(kind)  # type: ignore[no-untyped-call]
        return flushed


class TestProtocolsThatRaise(_Logs):
    """What raises is the caller's; no request waits for ever because of it."""

    __test__ = True

    async def play(self, where: str, *, later: bool = False) -> tuple[_Raises, Outcome]:
        head, rest = _LONG[: _LONG.index(b"x")], _LONG[_LONG.index(b"x") :]
        first = [ReadHead(), ReadBody(), Send(head), Wait("rest"), Send(rest)]
        with ScriptedServer([*first, ReadHead(), OK], [ReadHead(), OK]) as server:
            agent = self.make_agent()
            response = await self.request(agent, server.url, self.body(Kind.KNOWN, SMALL), PLAINLY)
            protocol = _Raises(where)
            if later:
                server.let("rest")
                await until(lambda: response.buffered_bytes)
            try:
                response.deliverBody(protocol)
            except ValueError:
                assert where == "made"
            server.let("rest")
            if where != "made":
                await told(protocol.ended)
            outcome = await outcome_of(self.request(agent, server.url, method=b"GET"))
        return protocol, outcome

    async def test_each(self) -> None:
        for where in ("made", "data", "lost"):
            for later in (False, True):
                protocol, outcome = await self.play(where, later=later)
                assert outcome.body == b"ok", where
                if where == "data":
                    assert protocol.calls == ["made", "data", "lost"]
                assert len(self.logged(ValueError)) == (where != "made")


class TestResponseFailed(_Logs):
    __test__ = True

    async def test_it_has_both_types_and_all_attributes(self) -> None:
        with ScriptedServer([ReadHead(), Send(_LONG[:-1]), Close()]) as server:
            outcome = await outcome_of(self.request(self.make_agent(), server.url, method=b"GET"))
        reason: Any = outcome.reason
        assert isinstance(reason, ConnectionLost)
        assert isinstance(reason, ResponseFailed)
        assert reason.may_pass
        assert reason.url == f"{server.url}/"
        assert str(reason) == str(reason.reasons[0].value)
        assert reason.reasons[0].check(ConnectionLost)
        assert reason.response is outcome.response

    async def test_of_another_kind(self) -> None:
        """What the protocol itself raised."""

        class Angry(Protocol):
            ended: Deferred[Failure] = Deferred()

            def dataReceived(self, data: bytes) -> None:
                raise KeyError

            def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
                self.ended.callback(reason)

        with ScriptedServer([ReadHead(), Send(_LONG[:-1]), Stall()]) as server:
            response = await self.request(self.make_agent(), server.url, method=b"GET")
            response.deliverBody(angry := Angry())
            reason: Any = (await told(angry.ended)).value
        assert type(reason) is ResponseFailed
        assert reason.reasons[0].check(KeyError)
        assert self.logged(KeyError)


async def told(ended: Deferred[Failure]) -> Failure:
    """A failure that is the result of a Deferred, not its failure."""
    results: list[Failure] = []
    done: Deferred[None] = Deferred()

    def come(reason: Failure) -> None:
        results.append(reason)
        done.callback(None)

    ended.addBoth(come)
    await done
    return results[0]


class _Leaves(Protocol):
    """Fires on its own and in `connectionLost`, as protocols of Twisted's transports may."""

    def __init__(self, how: str) -> None:
        self.how = how
        self.is_within = False
        self.ended: Deferred[Failure] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.is_within = True
        getattr(self.transport, self.how)()
        self.is_within = False

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        assert not self.is_within
        self.ended.callback(reason)


class TestLeaving(AgentCase):
    async def test_the_end_is_told_after_the_call(self) -> None:
        for how in ("loseConnection", "abortConnection", "stopProducing"):
            for answered in (_LONG, _LONG[:-1]):
                with ScriptedServer([ReadHead(), Send(answered), Stall()]) as server:
                    agent = self.make_agent()
                    response = await self.request(agent, server.url, method=b"GET")
                    leaves = _Leaves(how)
                    response.deliverBody(leaves)
                    reason = await told(leaves.ended)
                assert reason.check(CancelledError, ResponseDone)

    async def test_from_outside_while_paused(self) -> None:
        with ScriptedServer([ReadHead(), Send(_LONG), Stall()]) as server:
            response = await self.request(self.make_agent(), server.url, method=b"GET")
            leaves = _Leaves("pauseProducing")
            response.deliverBody(leaves)
            transport: Any = leaves.transport
            transport.loseConnection()
            assert not leaves.ended.called
            await told(leaves.ended)
