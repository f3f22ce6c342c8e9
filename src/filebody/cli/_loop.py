"""Runs one coroutine on the reactor, and passes signals on to it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    formatEventAsClassicLogText,
    globalLogBeginner,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from filebody.cli._exit import ExitCode
from filebody.clock import use_monotonic_clock

__all__ = ["run"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# The first asks, the second insists; who asks a third time is not to be kept waiting.
_PATIENCE = 2
_LEAVE_SECONDS = 5
_SHOW_CURSOR = b"\x1b[?25h"


def run(
    job: Callable[[Any], Coroutine[Deferred[Any], Any, int]],
    *,
    on_signal: Callable[[int], None],
    on_log: Callable[[str], None] | None = None,
    leaves: bool = True,
    debug: bool,
) -> int:
    """Run `job` with the reactor until it returns.

    Args:
        job: Gets the reactor.
        on_signal: Called on the reactor with the number of each SIGINT, SIGTERM and SIGHUP.
        on_log: Called with what the program's parts log as an error; None where all that goes wrong
            is told as a result.
        leaves: Whether the process ends some seconds after the first signal, even if the job does
            not: a worker thread may wait for a disk or a network file system for ever.
        debug: Whether everything that is logged goes to standard error instead.

    Returns:
        What `job` returned.

    Raises:
        Exception: What `job` raised.
    """
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one

    _begin_logging(on_log, debug=debug)
    running_reactor: Any = reactor
    use_monotonic_clock(running_reactor)
    codes: list[int] = []
    faults: list[Failure] = []

    def begin() -> None:
        running = Deferred.fromCoroutine(job(running_reactor))
        running.addCallbacks(codes.append, faults.append)
        running.addBoth(stop)

    def stop(_: object) -> None:
        # The reactor waits for its worker threads, of which one may never come back.
        _leave_later(codes[0] if codes else ExitCode.BUG)
        running_reactor.stop()

    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's
        received.append(number)
        if len(received) > _PATIENCE:
            _leave(128 + number)
        if leaves and len(received) == 1:
            _leave_later(128 + number)
        running_reactor.callFromThread(on_signal, number)

    _install(handle)
    running_reactor.callWhenRunning(begin)
    try:
        running_reactor.run(installSignalHandlers=False)
    finally:
        signal.alarm(0)
    for fault in faults:
        fault.raiseException()
    return codes[0]


def _install(handle: Callable[[int, FrameType | None], None]) -> None:
    for number in _SIGNALS:
        # nohup and shells ignore signals on purpose for what they start in the background.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)


def _leave_later(code: int) -> None:
    """End with `code` in some seconds; the alarm comes also while a thread is waited for."""

    def leave(*_: object) -> None:
        with contextlib.suppress(OSError):
            os.write(2, b"filebody: ended although a file or a disk does not answer\n")
        _leave(code)

    signal.signal(signal.SIGALRM, leave)
    signal.alarm(_LEAVE_SECONDS)


def _leave(code: int) -> None:
    """End at once, with nothing but the terminal and the output put right."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError, RuntimeError):
            stream.flush()
    if sys.stderr is not None and sys.stderr.isatty():
        os.write(sys.stderr.fileno(), _SHOW_CURSOR + b"\n")
    os._exit(code)


def _begin_logging(on_log: Callable[[str], None] | None, *, debug: bool) -> None:
    """Keep Twisted from printing tracebacks, unless somebody wants them."""
    observer: Any = (
        FileLogObserver(sys.stderr, formatEventAsClassicLogText) if debug else _Sentences(on_log)
    )
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


@implementer(ILogObserver)
@attrs.frozen
class _Sentences:
    """Passes the faults of our own parts on; what users can help is told as a result or event."""

    _on_log: Callable[[str], None] | None

    def __call__(self, event: LogEvent) -> None:
        if self._on_log is None:
            return
        ours = str(event.get("log_namespace", "")).startswith("filebody.")
        if not ours or event.get("log_level") is not LogLevel.critical:
            return
        failure = event.get("log_failure")
        cause = f": {failure.type.__name__}: {failure.value}" if failure is not None else ""
        self._on_log(f"{formatEvent(event)}{cause} (--debug shows where)")
