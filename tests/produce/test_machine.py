"""The live producer under a consumer, a file, a reactor and a caller that do as they like.

hypothesis plays them all. Each of them may re-enter the producer from where it is called: the
consumer from `write`, the file from `read` and `close` (which, in a thread, is what a concurrent
call looks like), the caller from the progress callback.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
from hypothesis import note, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from twisted.internet import defer
from twisted.internet.interfaces import IConsumer
from twisted.internet.task import SchedulerStopped
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer

from filebody import Body, BodyShrank, FileBodyProducer, Progress, Reader, WaitBy
from filebody.body._source import SourceReader
from filebody.produce._state import ACTIVE, State
from tests.contract.rows import Steps
from tests.fakes import FakeReactor
from tests.long import by_form, long

ACTIONS = ["pause", "resume", "stop", "cancel", "stop cooperator", "raise"]
few_actions = st.lists(st.sampled_from(ACTIONS), max_size=3)


class Surprise(Exception):
    """What the players raise."""


class ScriptedFile:
    """Gives its content in pieces, or nothing yet, or an error; acts while it is read."""

    def __init__(self, machine: ProducerMachine) -> None:
        self._machine = machine
        self.position = 0
        self.closings = 0
        self.reading = False
        self.next_answers: list[str] = []
        self.next_actions: list[str] = []
        self.actions_at_close: list[str] = []
        self.fileno: Any = self._no_descriptor

    def _no_descriptor(self) -> int:
        raise io.UnsupportedOperation

    def read(self, size: int) -> bytes | None:
        if self.closings or self.reading:
            self._machine.wrong.append("read after close, or two reads at once")
        self.reading = True
        try:
            actions, self.next_actions = self.next_actions, []
            self._machine.act(actions)
        finally:
            self.reading = False
        match self.next_answers.pop() if self.next_answers else "data":
            case "none":
                return None
            case "error":
                raise Surprise("bad sector")
            case "end":
                return b""
        piece = self._machine.content[self.position : self.position + size]
        self.position += len(piece)
        return piece

    def close(self) -> None:
        if self.reading:
            self._machine.wrong.append("closed under a read")
        self.closings += 1
        actions, self.actions_at_close = self.actions_at_close, []
        self._machine.act(actions)


class PlayedBody(Body):
    """What a regular file is: mostly ready, and read by a thread when it is not."""

    length = None
    replayable = False
    source = "<played>"

    def __init__(self, file: ScriptedFile) -> None:
        self._file = file

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        return PlayedReader(self._file)


class PlayedReader(SourceReader):
    _wait_by = WaitBy.THREAD

    def __init__(self, file: ScriptedFile) -> None:
        super().__init__("<played>", 0, None, exact=False)
        self._file = file

    def _read_source(self, size: int) -> bytes | None:
        return self._file.read(size)

    def _close_source(self) -> None:
        self._file.close()


class SeekableFile(ScriptedFile):
    """Its length is known."""

    def seek(self, offset: int, whence: int = 0) -> None:
        self.position = offset + (len(self._machine.content) if whence == 2 else 0)

    def tell(self) -> int:
        return self.position


@implementer(IConsumer)
class ScriptedConsumer:
    """Acts while it is written to, before or after it has taken the bytes."""

    def __init__(self, machine: ProducerMachine) -> None:
        self._machine = machine
        self.written = b""
        self.acts_first = False
        self.next_actions: list[str] = []

    def write(self, data: bytes) -> None:
        machine = self._machine
        for wrong in ("paused", "stopped", "fired"):
            if getattr(machine, wrong):
                machine.wrong.append(f"written when {wrong}")
        actions, self.next_actions = self.next_actions, []
        if self.acts_first:
            try:
                machine.act(actions)
            finally:
                self.written += data
        else:
            self.written += data
            machine.act(actions)

    def registerProducer(self, producer: object, streaming: bool) -> None:
        raise AssertionError("a body producer registers nothing")

    def unregisterProducer(self) -> None:
        raise AssertionError("a body producer unregisters nothing")


class ProducerMachine(RuleBasedStateMachine):
    """The rules are what the world does; the invariants are the contract."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.fired: list[Any] = []
        self.started = False

    @initialize(
        content=st.binary(max_size=40),
        read_size=st.integers(1, 12),
        kind=st.sampled_from(["stream", "seekable", "blocking", "ready"]),
        watched=st.booleans(),
        alone=st.booleans(),
    )
    def begin(
        self,
        content: bytes,
        read_size: int,
        kind: str,
        watched: bool,
        alone: bool,
    ) -> None:
        self.content = content
        self.reactor = FakeReactor()
        self.installed = self.reactor.installed()
        self.installed.__enter__()
        self.steps = Steps()
        self.paused = self.stopped = self.cancelled = self.cooperator_stopped = False
        self.file = (SeekableFile if kind == "seekable" else ScriptedFile)(self)
        if kind == "blocking":
            with open("/dev/null") as null:  # any open descriptor that is no regular file's
                self.file.fileno = null.fileno
                self.producer = self._make(self.file, read_size, watched)
        else:
            source = PlayedBody(self.file) if kind == "ready" else self.file
            self.producer = self._make(source, read_size, watched)
        self.consumer = ScriptedConsumer(self)
        self.progress_actions: list[str] = []
        self.served = 0
        self.alone = alone
        if not alone:
            self.steps.cooperator.coiterate(self._other_task())

    def _make(self, source: object, read_size: int, watched: bool) -> FileBodyProducer:
        return FileBodyProducer(
            source,
            self.steps.cooperator,
            read_size,
            on_progress=self._progressed if watched else None,
        )

    def _other_task(self) -> Iterator[None]:
        for self.served in itertools.count(1):
            yield

    def _progressed(self, progress: Progress) -> None:
        if progress.sent_bytes != len(self.consumer.written):
            self.wrong.append(f"wrong progress: {progress}")
        actions, self.progress_actions = self.progress_actions, []
        self.act(actions)

    def act(self, actions: list[str]) -> None:
        """Do what a player may do at any time; `raise` last."""
        for action in actions:
            note(f"  {action}")
            match action:
                case "pause":
                    if self.producer._state in ACTIVE:
                        self.paused = True
                    self.producer.pauseProducing()
                case "resume":
                    self.paused = False
                    self.producer.resumeProducing()
                case "stop":
                    self.stopped = self.stopped or not self.cancelled  # what came first counts
                    self.producer.stopProducing()
                case "cancel" if self.started:
                    self.cancelled = True
                    self.deferred.cancel()
                # With several tasks, Cooperator.stop forgets every second one without a word.
                case "stop cooperator" if self.alone and not self.cooperator_stopped:
                    self.cooperator_stopped = True
                    self.steps.cooperator.stop()
        if "raise" in actions:
            raise Surprise("from a player")

    @precondition(lambda self: not self.started)
    @rule()
    def start(self) -> None:
        self.started = True
        self.deferred = self.producer.startProducing(self.consumer)
        self.deferred.addBoth(self._fire)

    def _fire(self, result: object) -> None:
        self.fired.append(result)
        if self.stopped:
            self.wrong.append(f"fired after stop: {result}")
        if isinstance(result, Failure) and result.check(defer.CancelledError):
            if self.producer.length is not UNKNOWN_LENGTH:
                self.wrong.append("known length, but cancelling is not silent")
        elif isinstance(result, Failure) and not result.check(
            Surprise, BodyShrank, SchedulerStopped
        ):
            self.wrong.append(f"failed with what nobody raised: {result}")

    @rule(action=st.sampled_from(ACTIONS[:-1]))
    def outside_action(self, action: str) -> None:
        self.act([action])

    @rule(turns=st.integers(1, 6))
    def turn(self, turns: int) -> None:
        for _ in range(turns):
            before = self.served
            self.steps.some()
            if not self.alone:
                assert self.served > before, "the Cooperator's other task was not served"

    @rule()
    def time_passes(self) -> None:
        self.reactor.advance(1)

    @rule()
    def thread_runs(self) -> None:
        if self.reactor.pool.calls:
            self.reactor.pool.calls.pop(0).run()

    @rule(actions=few_actions, first=st.booleans())
    def arm_consumer(self, actions: list[str], first: bool) -> None:
        self.consumer.next_actions = actions
        self.consumer.acts_first = first

    @rule(actions=few_actions)
    def arm_progress(self, actions: list[str]) -> None:
        self.progress_actions = actions

    @rule(actions=few_actions)
    def arm_read(self, actions: list[str]) -> None:
        self.file.next_actions = actions

    @rule(actions=few_actions)
    def arm_close(self, actions: list[str]) -> None:
        self.file.actions_at_close = actions

    @rule(answers=st.lists(st.sampled_from(["none", "data", "error", "end"]), max_size=4))
    def arm_answers(self, answers: list[str]) -> None:
        self.file.next_answers = answers

    @invariant()
    def output_is_a_prefix(self) -> None:
        if self.started:
            assert self.content.startswith(self.consumer.written)

    @invariant()
    def fires_at_most_once(self) -> None:
        assert len(self.fired) <= 1

    @invariant()
    def nothing_went_wrong_where_exceptions_are_caught(self) -> None:
        assert not self.wrong

    @invariant()
    def file_is_closed_once_and_only_at_an_end(self) -> None:
        if not hasattr(self, "producer"):
            return
        ended = self.producer._state not in ACTIVE and self.producer._state is not State.NEW
        in_flight = bool(self.reactor.pool.calls)
        assert self.file.closings <= 1
        if self.file.closings:
            assert ended
        elif ended:
            assert in_flight, "an end without a close"

    def teardown(self) -> None:
        if not hasattr(self, "producer"):
            return
        try:
            self._run_out()
        finally:
            self.installed.__exit__(None, None, None)

    def _run_out(self) -> None:
        """Whatever happened: let everything go on, and it comes to its end."""
        self.file.next_answers = []
        self.file.next_actions = self.consumer.next_actions = self.progress_actions = []
        self.file.actions_at_close = []
        if not self.started:
            self.start()
        self.act(["resume"])
        for _ in range(100):
            if not self.cooperator_stopped:
                self.turn(3)
            self.thread_runs()
            self.time_passes()
        assert self.file.closings == 1
        assert not self.reactor.pool.calls
        assert not self.reactor.getDelayedCalls()
        silent = self.producer._state is State.STOPPED
        assert not self.wrong
        if silent and self.fired:
            assert self.fired[0].check(defer.CancelledError)
        elif not silent:
            assert len(self.fired) == 1
            if self.fired == [None] and self.producer.length == len(self.content):
                assert self.consumer.written == self.content


ProducerMachine.TestCase.settings = settings(
    max_examples=by_form(quick=50, long=1500), stateful_step_count=30, deadline=None
)
TestProducerMachine = long(ProducerMachine.TestCase)
