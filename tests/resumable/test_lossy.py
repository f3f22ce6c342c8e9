"""The client's machine against an honest server over a line that loses, repeats and delays."""

from __future__ import annotations

from typing import Any

import attrs
import hypothesis.strategies as st
from hypothesis import note, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from filebody.errors import NotOffered, UploadGone, UploadTooLarge
from filebody.resumable import _machine as machine
from filebody.resumable._state import Held, Plan, State
from filebody.resumable._values import (
    Available,
    Done,
    Fail,
    Feed,
    Interim,
    Kind,
    Lost,
    NextStep,
    Protocol,
    Reply,
    Send,
    Stay,
    Wait,
    Waited,
)
from filebody.wire import UploadLimits
from tests.long import by_form, long
from tests.resumable.model import ModelServer

LIMITS = [
    UploadLimits(),
    UploadLimits(max_append_size=5),
    UploadLimits(min_append_size=3),
    UploadLimits(max_size=60),
]


class LossyLine(RuleBasedStateMachine):
    """The rules are what the line and the world do to an upload."""

    state: State
    next: NextStep

    @initialize(
        content=st.binary(max_size=40),
        protocol=st.sampled_from([Protocol.TUS, Protocol.IETF, Protocol.PLAIN]),
        is_asked_for=st.booleans(),
        is_stream=st.booleans(),
        limits=st.sampled_from(LIMITS),
        interim=st.booleans(),
        says_complete=st.booleans(),
        is_announced=st.booleans(),
        says_version=st.booleans(),
        append_bytes=st.sampled_from([None, 4, 7]),
        versions=st.sampled_from([{10}, {9, 8}, {6}, {6, 8, 9, 10}]),
    )
    def start(self, **given: Any) -> None:
        self.content: bytes = given["content"]
        protocol: Protocol = given["protocol"]
        is_stream = given["is_stream"] and (protocol is not Protocol.PLAIN)
        says_version = given["says_version"] or is_stream
        is_announced = given["is_announced"] or is_stream
        self.server = ModelServer(
            protocol=protocol,
            interim=given["interim"],
            limits=given["limits"],
            says_complete=given["says_complete"],
            versions=frozenset(given["versions"]),
            is_announced=is_announced,
            says_version=says_version,
        )
        asked = protocol if given["is_asked_for"] else Protocol.AUTO
        self.plan = Plan(
            url="http://model/target",
            protocol=asked,
            length=None if is_stream else len(self.content),
            is_replayable=not is_stream,
            append_bytes=given["append_bytes"],
            give_up_after_seconds=1e9,
        )
        self.saved: Held | None = None
        self.delayed: list[tuple[Send, bytes, bool]] = []
        self.fed = 0
        self.now = 0.0
        self.begins = 1
        self._follow(*machine.begin(self.plan))

    # What the line does with the request that is under way.

    def _is_sending(self) -> bool:
        return isinstance(getattr(self, "next", None), Send)

    @precondition(_is_sending)
    @rule()
    def arrives(self) -> None:
        request, content = self._request()
        self._answer(self.server.handle(request, content))

    @precondition(_is_sending)
    @rule()
    def arrives_twice(self) -> None:
        request, content = self._request()
        first = self.server.handle(request, content)
        self.server.handle(request, content)
        self._answer(first)

    @precondition(_is_sending)
    @rule(part=st.integers(0, 40))
    def is_lost_on_the_way(self, part: int) -> None:
        _, content = self._request()
        self._give(Lost(error=OSError("reset"), sent_bytes=min(part, len(content))))

    @precondition(_is_sending)
    @rule(part=st.integers(0, 40), interims=st.integers(0, 2))
    def is_cut(self, part: int, interims: int) -> None:
        request, content = self._request()
        arrived = content[:part]
        answers = self.server.handle(request, arrived, is_cut=len(arrived) < len(content))
        for answer in [found for found in answers if isinstance(found, Interim)][:interims]:
            self._give(answer)
        if self._is_sending():
            self._give(Lost(error=OSError("cut"), sent_bytes=len(content)))

    @precondition(_is_sending)
    @rule(part=st.integers(0, 40))
    def is_delayed(self, part: int) -> None:
        request, content = self._request()
        part = min(part, len(content))
        self.delayed.append((request, content[:part], part < len(content)))
        self._give(Lost(error=OSError("slow"), sent_bytes=part))

    @precondition(lambda self: bool(getattr(self, "delayed", None)))
    @rule()
    def delayed_arrives(self) -> None:
        request, content, is_cut = self.delayed.pop(0)
        self.server.handle(request, content, is_cut=is_cut)

    @precondition(_is_sending)
    @rule(status=st.sampled_from([500, 502, 503, 423, 429]), part=st.integers(0, 40))
    def is_answered_by_somebody_else(self, status: int, part: int) -> None:
        request, content = self._request()
        if request.kind is Kind.DISCOVER and status == 500:
            return  # some always say that: it is not waited for
        if part < len(content):
            self.server.handle(request, content[:part], is_cut=True)
        self._give(Reply(status=status))

    # What the world does.

    @precondition(lambda self: isinstance(getattr(self, "next", None), Wait))
    @rule()
    def time_passes(self) -> None:
        assert isinstance(self.next, Wait)
        self.now += self.next.longest_seconds
        self._give(Waited())

    @precondition(lambda self: isinstance(getattr(self, "next", None), Feed))
    @rule(count=st.integers(0, 15))
    def source_gives(self, count: int) -> None:
        self.fed = min(self.fed + count, len(self.content))
        self._give(Available(self.fed, is_end=count == 0 or self.fed == len(self.content)))
        if count == 0:
            self.content = self.content[: self.fed]  # so that is all there is

    @precondition(lambda self: hasattr(self, "next") and self.plan.is_replayable)
    @rule()
    def client_is_killed(self) -> None:
        if self.saved is None:
            self.begins += 1
            self._follow(*machine.begin(self.plan))
        else:
            self._follow(*machine.go_on(self.plan, self.saved))

    @precondition(lambda self: hasattr(self, "next") and self.server.uploads)
    @rule()
    def server_forgets(self) -> None:
        self.server.uploads.clear()

    # What holds.

    @invariant()
    def success_is_true(self) -> None:
        if isinstance(getattr(self, "next", None), Done):
            assert self.content in self.server.stored

    @invariant()
    def nothing_else_is_ever_stored(self) -> None:
        if hasattr(self, "next") and self.server.stored:
            assert {*self.server.stored} == {self.content}

    @invariant()
    def failure_has_its_reason(self) -> None:
        if isinstance(getattr(self, "next", None), Fail):
            assert isinstance(self.next, Fail)
            if isinstance(self.next.error, UploadGone):
                return
            server = self.server
            if isinstance(self.next.error, NotOffered | UploadTooLarge):
                # Without the dialect nothing can be sent in pieces.
                assert server.limits.max_append_size
                assert not (server.says_version and server.is_announced)
                return
            raise AssertionError(f"failed: {self.next.error}") from self.next.error

    def teardown(self) -> None:
        if not hasattr(self, "next"):
            return
        for _ in range(200):
            match self.next:
                case Done() | Fail():
                    break
                case Send():
                    self.arrives()
                case Wait():
                    self.time_passes()
                case Feed():
                    self.source_gives(15)
        assert isinstance(self.next, Done | Fail), self.next
        self.success_is_true()
        self.failure_has_its_reason()

    # The parts of a driver.

    def _request(self) -> tuple[Send, bytes]:
        assert isinstance(self.next, Send)
        return self.next, self.content[self.next.start : self.next.stop]

    def _answer(self, answers: list[Interim | Reply]) -> None:
        for answer in answers:
            if self._is_sending():
                self._give(answer)

    def _give(self, given: Any) -> None:
        note(f"  {given}")
        self._follow(*machine.step(self.state, given, self.now))

    def _follow(self, state: State, step: NextStep) -> None:
        self.state = state
        if not isinstance(step, Stay):
            self.next = step
        if isinstance(step, Send):
            note(f"  -> {step}")
            assert step.stop is None or 0 <= step.start <= step.stop <= len(self.content)
            if step.has_content or state.held is None:
                self.saved = state.held  # what a driver writes before it sends

    @precondition(lambda self: hasattr(self, "next"))
    @rule()
    def late_things_change_nothing(self) -> None:
        if self._is_sending():
            return
        for late in (Reply(status=204, offset=3), Lost(error=OSError(), sent_bytes=1), Waited()):
            if isinstance(late, Waited) and isinstance(self.next, Wait):
                continue
            state, step = machine.step(self.state, late, self.now)
            assert attrs.asdict(state) == attrs.asdict(self.state)
            assert isinstance(step, Stay)


LossyLine.TestCase.settings = settings(
    max_examples=by_form(quick=50, long=1500), stateful_step_count=40, deadline=None
)
TestLossyLine = long(LossyLine.TestCase)
