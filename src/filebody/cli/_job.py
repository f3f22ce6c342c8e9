"""What takes a while: it is looked at meanwhile, and can be ended at any moment, one or several."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from filebody.cli._exit import Interrupted

__all__ = ["Job", "Series"]

_LOOK_SECONDS = 0.1


class Job(ABC):
    """To be run once.

    Args:
        reactor: The reactor.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._running: Deferred[None] | None = None
        self._verdict: Exception | None = None

    def run(self) -> Deferred[None]:
        """Do it.

        Returns:
            Fires with None when it is done. It fails with what went wrong, or with what was given
            to `abort`.
        """
        self._running = Deferred.fromCoroutine(self._run())
        return self._running

    def abort(self, error: Exception) -> None:
        """End it now, with `error`; nothing happens after its end."""
        if self._verdict is None and self._running is not None and not self._running.called:
            self._verdict = error
            self._running.cancel()

    async def _run(self) -> None:
        # Also while nothing moves: the time goes on, and the rate goes down.
        looking = LoopingCall(self._look)
        looking.clock = self._reactor
        shown = looking.start(_LOOK_SECONDS, now=False)
        shown.addErrback(lambda failure: self.abort(cast("Exception", failure.value)))
        try:
            await self._do()
        except Exception as error:
            if self._verdict is not None:
                raise self._verdict from error
            raise
        finally:
            if looking.running:
                looking.stop()

    @abstractmethod
    async def _do(self) -> None:
        """What it is about."""

    @abstractmethod
    def _look(self) -> None:
        """Show how far it is; called several times a second."""


class Series:
    """Jobs that are done one after the other, until a signal asks to stop."""

    def __init__(self) -> None:
        self._stop: Interrupted | None = None
        self._job: Job | None = None

    def on_signal(self, number: int) -> None:
        """End what is being done; nothing more is begun."""
        if self._stop is None:
            self._stop = Interrupted(number)
            if self._job is not None:
                self._job.abort(self._stop)

    async def _do(self, job: Job) -> None:
        """Do the next one; it fails with `Interrupted` if a signal ends it."""
        self._job = job
        try:
            await job.run()
        finally:
            self._job = None
