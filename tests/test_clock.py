"""Durations while the wall clock is set: in a process of its own, whose `time.time` jumps."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from filebody.clock import MonotonicReactor, monotonic, use_monotonic_clock

ROOT = Path(__file__).parents[1]
TEN_DAYS = 864_000.0


@pytest.mark.parametrize("owner", ["program", "library"])
@pytest.mark.parametrize("jump", [TEN_DAYS, -TEN_DAYS], ids=["forward", "back"])
def test_calls_are_due_by_the_monotonic_clock(jump: float, owner: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.clock_jump", str(jump), owner],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    told = json.loads(ran.stdout)
    assert list(told) == ["seconds", "early", "late", "moved"]
    assert told["seconds"] < 60
    for name, due in (("early", 0.6), ("late", 0.9), ("moved", 1.2)):
        assert told[name] >= due - 0.001


def test_one_reactor_has_one_clock() -> None:
    assert monotonic(reactor) is monotonic(reactor)
    assert isinstance(monotonic(reactor), MonotonicReactor)
    assert monotonic(monotonic(reactor)) is monotonic(reactor)


def test_a_clock_that_is_not_the_wall_clock_is_used_as_it_is() -> None:
    clock = Clock()
    assert monotonic(clock) is clock


def test_after_it_was_set_the_reactors_own_clock_is_used() -> None:
    owned = SelectReactor()
    use_monotonic_clock(owned)
    assert monotonic(owned) is owned


def test_a_call_is_an_idelayedcall() -> None:
    owned = SelectReactor()
    clock = monotonic(owned)
    called: list[int] = []
    call = clock.callLater(0, called.append, 1)
    assert verifyObject(IDelayedCall, call)
    assert verifyObject(IReactorTime, clock)
    assert clock.getDelayedCalls() == [call]
    assert call.active()
    owned.runUntilCurrent()
    assert (called, call.active(), clock.getDelayedCalls()) == ([1], False, [])
    with pytest.raises(AlreadyCalled):
        call.cancel()
    cancelled = clock.callLater(0, called.append, 2)
    cancelled.cancel()
    with pytest.raises(AlreadyCancelled):
        cancelled.reset(0)
    moved = clock.callLater(0, called.append, 3)
    moved.delay(86400)
    owned.runUntilCurrent()
    assert moved.getTime() - clock.seconds() > 86000
    moved.reset(0)
    owned.runUntilCurrent()
    assert called == [1, 3]
    owned.removeAll()


def test_its_thread_ends_when_nothing_is_pending() -> None:
    owned = SelectReactor()
    clock = monotonic(owned)
    clock.callLater(60, int).cancel()
    guard = clock._guard
    assert guard is not None
    guard.join(timeout=60)
    assert not guard.is_alive()
    assert clock._guard is None
    owned.removeAll()
