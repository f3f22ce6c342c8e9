"""What is done for resumable uploads unasked: old ones go, whole ones get their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from filebody.receiver._conclusion import tell_stored
from filebody.receiver._joining import finished
from filebody.receiver._refusal import Refusal
from filebody.receiver._stock import sweep, unfinished

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from filebody.receiver._shelf import State
    from filebody.receiver._site import Site

__all__ = ["Sweeper"]

_log = Logger()

# Each look also writes ages down anew after the wall clock was set.
_LONGEST_SECONDS: Final = 600.0


class Sweeper:
    """Looks through the shelf at the start, and then at least every ten minutes.

    Args:
        site: Whose.
        clock: Where to wait.
    """

    def __init__(self, site: Site, clock: IReactorTime) -> None:
        self._site = site
        self._is_stopped = False
        self._looking = LoopingCall(lambda: Deferred.fromCoroutine(self._look()))
        self._looking.clock = clock

    def start(self) -> None:
        """Begin."""
        expire_after_seconds = self._site.config.expire_after_seconds
        self._looking.start(min(max(expire_after_seconds / 4, 1.0), _LONGEST_SECONDS))

    def stop(self) -> None:
        """End, after the call under way."""
        self._is_stopped = True
        if self._looking.running:
            self._looking.stop()

    async def _look(self) -> None:
        site = self._site
        try:
            await site.workers.run(sweep, site.shelf, site.holds.held())
            for state in await site.workers.run(unfinished, site.shelf, site.holds.held()):
                if not self._is_stopped:
                    await self._finish(state)
        except Exception:  # noqa: BLE001 - whatever it is, the next look may go better
            _log.failure("filebody receiver: looking through uploads failed")

    async def _finish(self, found: State) -> None:
        site, began = self._site, self._site.clock.seconds()
        pieces = found.record.made_of
        # In the order of `Errand`.
        wanted = sorted({found.upload_id, *(piece.upload_id for piece in pieces)})
        holds = []
        try:
            for upload_id in wanted:
                holds.append(site.holds.take(upload_id, lambda: None))
                await holds[-1].granted
            for hold in holds:
                hold.is_concluding = True
            state = await site.workers.run_long(finished, site.shelf, found.upload_id)
            tell_stored(site, state, peer="-", began=began)
        except Refusal as refusal:
            _log.error("filebody receiver: an upload: {reason}", reason=refusal.reason)
        finally:
            for hold in holds:
                site.holds.release(hold)
