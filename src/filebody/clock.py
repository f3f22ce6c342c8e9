"""Monotonic time for a reactor whose own clock follows the wall clock.

Twisted's `seconds` is `time.time`, and its delayed calls are due by it. Where the wall clock is set
forward, every timeout fires at once; where it is set back, none fires until the lost time has
passed. A duration must not depend on that.

- A program that owns its reactor calls `use_monotonic_clock` at its start.
- A library is given a reactor that belongs to somebody else, who may take `seconds` for a date. It
  leaves the reactor as it is and takes its time from `monotonic(reactor)`.

Source: clock_gettime(2), CLOCK_MONOTONIC.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary, ref

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

__all__ = ["MonotonicReactor", "monotonic", "use_monotonic_clock"]

# A jump is noticed within this time. NTP slews a clock by 0.5 ms a second at most.
_LOOK_SECONDS = 0.25
_JUMP_SECONDS = 0.05

# By the reactor's id, which is its own for as long as the value holds it.
_known: WeakValueDictionary[int, MonotonicReactor] = WeakValueDictionary()


def use_monotonic_clock(reactor: Any) -> None:
    """Have a reactor count time by the monotonic clock.

    Call this in a program that owns the reactor, before anything is scheduled on it: calls that are
    scheduled already would be due by the wall clock. `reactor.seconds` is no date any more.
    """
    reactor.seconds = time.monotonic


def monotonic(reactor: Any) -> Any:
    """Return `reactor`, with durations that do not follow the wall clock.

    Returns:
        The reactor itself where its clock is not the wall clock: after `use_monotonic_clock`, and
        for the clocks of tests. Otherwise a `MonotonicReactor`, the same for each call.
    """
    if getattr(reactor, "seconds", None) is not time.time:
        return reactor
    known = _known.get(id(reactor))
    if known is None:
        known = _known[id(reactor)] = MonotonicReactor(reactor)
    return known


@implementer(IReactorTime)
class MonotonicReactor:
    """A reactor with the monotonic clock in place of its own; all else is the reactor's.

    A delayed call that the reactor makes too early waits for the remaining time. While calls are
    pending, a thread looks for jumps of the wall clock, and after one every pending call is
    scheduled anew. A call is late by half a second at most.

    Args:
        reactor: A reactor whose clock is `time.time`.
    """

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self._pending: dict[_Call, None] = {}
        self._lock = threading.Lock()
        self._guard: threading.Thread | None = None

    def __getattr__(self, name: str) -> Any:
        """Return the reactor's own attribute."""
        return getattr(self.reactor, name)

    def seconds(self) -> float:
        """See `IReactorTime.seconds`; the origin means nothing."""
        return time.monotonic()

    def callLater(
        self,
        delay: float,
        callable: Callable[..., Any],  # noqa: A002 - the interface's
        *args: object,
        **kwargs: object,
    ) -> IDelayedCall:
        """See `IReactorTime.callLater`."""
        ahead = _ahead()
        call = _Call(self, delay, callable, args, kwargs)
        self._pending[call] = None
        with self._lock:
            if self._guard is None or not self._guard.is_alive():  # a fork leaves it behind
                self._start_guard(ahead)
        return call

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """See `IReactorTime.getDelayedCalls`: the calls that were scheduled here."""
        return list(self._pending)

    def _start_guard(self, ahead: float) -> None:
        guard = threading.Thread(
            target=_guard, args=(ref(self), ahead), name="filebody clock", daemon=True
        )
        # Without a thread, which the system may refuse, calls may be late; never too early.
        with contextlib.suppress(RuntimeError):
            guard.start()
            self._guard = guard

    def _forget(self, call: _Call) -> None:
        self._pending.pop(call, None)

    def _look(self, ahead: float) -> float | None:
        """Look for a jump, in the guard's thread.

        Args:
            ahead: How far the wall clock was ahead of the monotonic one.

        Returns:
            How far it is now; None where nothing is pending, and the guard ends.
        """
        now_ahead = _ahead()
        if abs(now_ahead - ahead) >= _JUMP_SECONDS:
            with contextlib.suppress(RuntimeError):  # asyncio's loop was closed
                self.reactor.callFromThread(self._jumped)
            return now_ahead
        with self._lock:
            if self._pending:
                return ahead
            self._guard = None  # the next call starts another one
            return None

    def _jumped(self) -> None:
        """Schedule all pending calls anew: the reactor's clock is another one now."""
        for call in list(self._pending):
            call.schedule()


@implementer(IDelayedCall)
class _Call:
    """A delayed call that is due by the monotonic clock."""

    __slots__ = (
        "__provides__",
        "_args",
        "_clock",
        "_due",
        "_function",
        "_is_cancelled",
        "_kwargs",
        "_timer",
    )

    def __init__(
        self,
        clock: MonotonicReactor,
        delay: float,
        function: Callable[..., object],
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> None:
        self._clock = clock
        self._due = time.monotonic() + delay
        self._function: Callable[..., object] | None = function
        self._args = args
        self._kwargs = kwargs
        self._is_cancelled = False
        self._timer: Any = clock.reactor.callLater(delay, self._come)

    def schedule(self) -> None:
        """Have the reactor come when it is due."""
        if self._timer.active():
            self._timer.cancel()
        left = max(0.0, self._due - time.monotonic())
        self._timer = self._clock.reactor.callLater(left, self._come)

    def getTime(self) -> float:
        """See `IDelayedCall.getTime`, by the monotonic clock."""
        return self._due

    def active(self) -> bool:
        """See `IDelayedCall.active`."""
        return self._timer is not None

    def cancel(self) -> None:
        """See `IDelayedCall.cancel`."""
        self._check()
        timer = self._timer
        self._leave()
        self._is_cancelled = True
        timer.cancel()

    def reset(self, secondsFromNow: float) -> None:
        """See `IDelayedCall.reset`."""
        self._check()
        self._due = time.monotonic() + secondsFromNow
        self._timer.reset(secondsFromNow)

    def delay(self, secondsLater: float) -> None:
        """See `IDelayedCall.delay`."""
        self.reset(max(0.0, self._due + secondsLater - time.monotonic()))

    def _check(self) -> None:
        if self._timer is None:
            raise AlreadyCancelled if self._is_cancelled else AlreadyCalled

    def _leave(self) -> None:
        self._timer = self._function = None
        self._clock._forget(self)  # noqa: SLF001 - its other half

    def _come(self) -> None:
        if time.monotonic() < self._due:  # the wall clock is ahead
            self.schedule()
            return
        function, args, kwargs = self._function, self._args, self._kwargs
        self._leave()
        if function is not None:
            function(*args, **kwargs)


def _guard(clock: ref[MonotonicReactor], ahead: float) -> None:
    """Look for jumps of the wall clock, again and again."""
    known: float | None = ahead
    while known is not None:
        time.sleep(_LOOK_SECONDS)
        watched = clock()
        known = None if watched is None else watched._look(known)  # noqa: SLF001 - a part of it
        del watched


def _ahead() -> float:
    """How far the wall clock is ahead of the monotonic one, in seconds."""
    return time.time() - time.monotonic()
