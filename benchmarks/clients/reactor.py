"""Jobs in Twisted's reactor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater, react

from benchmarks.clients.events import Upload, perform
from benchmarks.clients.job import Figures, Job

__all__ = ["run"]


class _Reactor:
    """See `events.Loop`."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def spawn(self, work: Coroutine[Any, Any, None]) -> Awaitable[None]:
        return Deferred.fromCoroutine(work)

    def sleep(self, seconds: float) -> Awaitable[None]:
        return deferLater(self._reactor, seconds)

    def tick(self, seconds: float, call: Callable[[], object]) -> Callable[[], object]:
        ticker = LoopingCall(call)
        ticker.start(seconds)
        return ticker.stop


def run(job: Job, make: Callable[[Any, Job], Upload]) -> Figures:
    """Do the job with what `make` makes for a reactor."""
    found: list[Figures] = []

    async def work(reactor: Any) -> None:
        found.append(await perform(_Reactor(reactor), job, make(reactor, job)))

    try:
        react(lambda reactor: Deferred.fromCoroutine(work(reactor)))
    except SystemExit as ended:  # `react` ends the process, after success too
        if ended.code:
            raise
    return found[0]
