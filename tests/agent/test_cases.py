"""Plays the table of `cases.py`."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Coroutine, Iterator
from typing import Any

import attrs
from twisted.internet.task import deferLater

from filebody.agent import Attempt, Informational, UploadAgent
from tests.agent.cases import ANYTHING, CASES, OK, WHOLE, Answered, Case, variants
from tests.agent.clients import SEED, AgentCase, Kind, Outcome, outcome_of, reactor
from tests.integration.eventually import until
from tests.peers import content
from tests.peers.framing import Request
from tests.peers.script import Connection, ScriptedServer, Wait


@attrs.define
class _Heard:
    informational: list[int] = attrs.field(factory=list)
    attempts: list[int | type[Exception]] = attrs.field(factory=list)

    def on_informational(self, response: Informational) -> None:
        self.informational.append(response.status)

    def on_retry(self, attempt: Attempt) -> None:
        self.attempts.append(attempt.status or type(attempt.error))  # type: ignore[arg-type]


class TestCases(AgentCase):
    async def play(self, one: Case, kind: Kind, *, secure: bool) -> None:
        with self.servers(one, secure=secure) as (server, other):
            agent = self.make_agent()
            await self.warm(one, agent, server)
            heard = _Heard()
            outcome = await self.send(one, kind, agent, server, heard)
            self.check_outcome(one, outcome)
            if one.keeps is False:
                await until(server.all_ended)
            elif one.keeps:
                await self.use_again(agent, server)
            agent.close()
            await until(lambda: server.all_ended() and other.all_ended())
        self.check_requests(one, kind, [*server.connections, *other.connections])
        assert one.takes_up or len(server.connections) == len(one.scripts)
        assert len(other.connections) == len(one.other)
        assert heard.informational == list(one.informational)
        assert len(heard.attempts) == len(one.attempts), heard.attempts
        assert all(map(_matches, heard.attempts, one.attempts)), heard.attempts

    @contextlib.contextmanager
    def servers(
        self, one: Case, *, secure: bool
    ) -> Iterator[tuple[ScriptedServer, ScriptedServer]]:
        certificates = self.certificates if secure else None
        scripts = [list(script) for script in one.scripts]
        if one.keeps:
            scripts[-1] += WHOLE
        with (
            ScriptedServer(*one.other, certificates=certificates) as other,
            ScriptedServer(
                *scripts,
                certificates=certificates,
                takes_up=one.takes_up,
                names={"other": other.url},
            ) as server,
        ):
            yield server, other

    async def warm(self, one: Case, agent: UploadAgent, server: ScriptedServer) -> None:
        for _ in range(one.warm):
            outcome = await outcome_of(self.request(agent, f"{server.url}/warm", method=b"GET"))
            assert outcome.error is None, outcome
        if one.idle_end:
            # The connection is in the pool before its end comes, and the agent sees that.
            server.let("idle")
            await until(server.all_ended)
            for _ in range(3):
                await deferLater(reactor, 0, lambda: None)

    async def send(
        self, one: Case, kind: Kind, agent: UploadAgent, server: ScriptedServer, heard: _Heard
    ) -> Outcome:
        path = self.new_path()
        body = self.body_at(path, kind, one.size)
        options = attrs.evolve(
            one.options, on_informational=heard.on_informational, on_retry=heard.on_retry
        )
        request = self.request(
            agent, server.url + one.target, body, options, one.method, one.fields
        )
        if one.spoil is not None:
            at = next(n for n, step in enumerate(one.scripts[0]) if isinstance(step, Wait))
            await until(lambda: server.connections and server.connections[0].at == at)
            one.spoil(path)
            server.let("spoilt")
        return await outcome_of(request)

    async def use_again(self, agent: UploadAgent, server: ScriptedServer) -> None:
        outcome = await outcome_of(self.request(agent, f"{server.url}/again", method=b"GET"))
        assert outcome.error is None, outcome
        assert outcome.body == b"ok"

    def check_outcome(self, one: Case, outcome: Outcome) -> None:
        expected = one.expected
        if isinstance(expected, Answered):
            if outcome.error is not None:
                raise outcome.error
            assert outcome.response.code == expected.status
            assert outcome.body == expected.body
            assert isinstance(outcome.reason, expected.reasons), repr(outcome.reason)
            for name, value in expected.trailers:
                assert outcome.response.trailers.getRawHeaders(name) == [value]
        else:
            error = outcome.error
            assert error is not None, outcome
            if not isinstance(error, expected.errors):
                raise error
            for attribute, wanted in expected.attributes.items():
                assert operator.attrgetter(attribute)(error) == wanted, (attribute, error)

    def check_requests(self, one: Case, kind: Kind, connections: list[Connection]) -> None:
        requests = [request for each in connections for request in each.requests]
        requests = [r for r in requests if r.target not in {b"/warm", b"/again"}]
        assert len(requests) == len(one.complete), requests
        for request, seen in zip(requests, one.complete, strict=True):
            check_seen(request, seen, 0 if kind is Kind.NONE else one.size)
        if one.methods is not None:
            assert [request.method for request in requests] == list(one.methods)
        if requests:
            if one.expects is not None:
                assert (requests[0].field(b"expect") is not None) == one.expects
            for name, value in one.has:
                assert requests[-1].field(name) == value
            for name in one.lacks:
                assert requests[-1].field(name) is None


def check_seen(request: Request, seen: object, size: int) -> None:
    """Whatever of a body came is the beginning of it; and so much of it as `seen` says."""
    body = bytes(request.body)
    if request.method != b"GET" or body:
        assert body == content.generated(SEED, 0, size)[: len(body)]
    if seen is True:
        assert request.complete
        assert len(body) == (0 if request.method == b"GET" else size)
    elif seen is False:
        assert not request.complete
    elif seen is None:
        assert not request.complete
        assert not body
    else:
        assert seen is ANYTHING


def _matches(heard: int | type[Exception], expected: int | type[Exception]) -> bool:
    if isinstance(heard, int) or isinstance(expected, int):
        return heard == expected
    return issubclass(heard, expected)


def _add(one: Case, name: str, kind: Kind, *, secure: bool) -> None:
    def test(self: TestCases) -> Coroutine[Any, Any, None]:
        return self.play(one, kind, secure=secure)

    assert not hasattr(TestCases, f"test_{name}"), f"two cases are called {name}"
    setattr(TestCases, f"test_{name}", test)


for _case in CASES:
    for _name, _kind, _secure in variants(_case):
        _add(_case, _name, _kind, secure=_secure)


def test_the_answer_of_all_servers_is_what_they_send() -> None:
    assert OK.data.endswith(b"\r\n\r\nok")
