"""Storing a file whose bytes are all there, while questions about it are answered at once.

After a restart the receiver has to read what came before, which takes as long as the disk needs.
That is done in threads of its own; a client that asks meanwhile is told that it is under way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from filebody.receiver._events import Stored
from filebody.receiver._part import recovered
from filebody.receiver._refusal import Refusal
from filebody.receiver._shelf import is_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.internet.interfaces import IDelayedCall

    from filebody.receiver._exchange import Line
    from filebody.receiver._holds import Hold
    from filebody.receiver._manner import Manner
    from filebody.receiver._shelf import State
    from filebody.receiver._site import Site

__all__ = ["Question", "recover", "tell_stored"]

_log = Logger()

# A small file is stored within this time, and its client learns that rather than "under way".
_PATIENCE_SECONDS: Final = 0.25


async def recover(site: Site, hold: Hold, upload_id: str) -> State:
    """Look at an upload, and store its file if a receiver that was killed had all of it.

    Args:
        site: The receiver's.
        hold: The claim to the upload, which was granted.
        upload_id: The upload.

    Raises:
        Refusal: As `recovered`.
    """
    state = await site.workers.run(site.shelf.state, upload_id)
    if not is_whole(state):
        return state
    hold.is_concluding = True
    try:
        return await site.workers.run_long(recovered, site.shelf, upload_id)
    finally:
        hold.is_concluding = False


class Question:
    """The exchange of a request that asks how an upload stands.

    Args:
        line: The connection to answer on.
        manner: The protocol's words.
        upload_id: The upload.
    """

    def __init__(self, line: Line, manner: Manner, upload_id: str) -> None:
        self._line = line
        self._site = line.site
        self._manner = manner
        self._upload_id = upload_id
        self._hold: Hold | None = None
        self._timer: IDelayedCall | None = None
        self._is_over = False  # answered, or nobody is left to answer

    def start(self, *, has_body: bool) -> None:  # noqa: ARG002 - it is not read
        """Wait for our turn, but not for a file that is being stored."""
        self._hold = self._site.holds.take(self._upload_id, lambda: None)
        self._timer = self._site.clock.callLater(_PATIENCE_SECONDS, self._waited)
        done = Deferred.fromCoroutine(self._look(self._hold))
        done.addCallbacks(self._found, self._failed).addErrback(self._line.fail)

    def body_received(self, data: bytes | bytearray) -> None:
        """Not called: the body is never read."""

    def body_ended(self, trailer: Sequence[tuple[bytes, bytes]]) -> None:
        """Not called: see `body_received`."""

    def lost(self, reason: str) -> None:  # noqa: ARG002 - it changes nothing
        """Answer no more."""
        self._is_over = True

    async def _look(self, hold: Hold) -> State:
        await hold.granted
        return await recover(self._site, hold, self._upload_id)

    def _found(self, state: State) -> None:
        self._let_go()
        tell_stored(self._site, state, peer=self._line.peer, began=self._line.began)
        if not self._is_over:
            self._is_over = True
            self._line.respond(*self._manner.looked(state))

    def _failed(self, failure: Failure) -> None:
        self._let_go()
        if self._is_over:
            _log.failure("filebody receiver: an upload that was asked about", failure)
            return
        self._is_over = True
        self._fail(failure)

    def _fail(self, failure: Failure) -> None:
        if isinstance(failure.value, Refusal):
            failure = Failure(self._manner.refused(failure.value))
        self._line.fail(failure)

    def _let_go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._hold is not None:
            self._site.holds.release(self._hold)

    def _waited(self) -> None:
        self._timer = None
        if self._is_over:
            return
        if not self._site.holds.is_concluding(self._upload_id):
            self._timer = self._site.clock.callLater(_PATIENCE_SECONDS, self._waited)
            return
        hold = self._hold
        if hold is not None and not hold.granted.called:
            self._site.holds.release(hold)  # that file is stored for another request
        looking = self._site.workers.run(self._site.shelf.state, self._upload_id)
        looking.addCallback(self._tell_concluding).addErrback(self._not_told)
        looking.addErrback(self._line.fail)

    def _tell_concluding(self, state: State) -> None:
        if not self._is_over:
            reply = self._manner.concluding(state)
            self._is_over = True
            self._line.respond(*reply)

    def _not_told(self, failure: Failure) -> None:
        if not self._is_over:
            self._is_over = True
            self._fail(failure)


def tell_stored(site: Site, state: State, *, peer: str, began: float) -> None:
    """Tell the receiver's owner of a file, if it has got its name just now."""
    ending = state.record.ending
    if ending is None or not state.is_new:
        return
    site.tell(
        Stored(
            path=site.store.directory.joinpath(*state.record.name),
            name="/".join(state.record.name),
            size_bytes=ending.size_bytes,
            sha256=ending.sha256,
            replaced=ending.replaced,
            seconds=site.clock.seconds() - began,
            peer=peer,
        )
    )
