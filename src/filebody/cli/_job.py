"""Something that takes a while: it is looked at meanwhile, and can be ended at any moment."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

__all__ = ["Job"]

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
