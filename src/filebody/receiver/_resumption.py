"""Requests to uploads that can be gone on with: making them, appending, asking, joining, ending.

    Resumption   a request whose body goes into an upload: a creation or an append
    Errand       a request without one: how does it stand, forget it, join these

Each holds its uploads (`Holds`) from before it looks at them until it has let go of the files.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from filebody.receiver._conclusion import recover, tell_stored
from filebody.receiver._events import Interrupted
from filebody.receiver._manner import Append, Create
from filebody.receiver._part import Part, WrongChecksum, complete, is_long
from filebody.receiver._refusal import Refusal
from filebody.receiver._shelf import State
from filebody.receiver._writer import Writer
from filebody.wire import RESUMPTION_SUPPORTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from filebody.receiver._exchange import Line
    from filebody.receiver._holds import Hold
    from filebody.receiver._manner import Manner, Reply

__all__ = ["Errand", "Resumption"]

_log = Logger()

# A client that may free what has come is told so after each so many bytes.
_TELL_BYTES: Final = 4 * 1024 * 1024


class Resumption:
    """The exchange of a request whose body goes into an upload.

    Args:
        line: Where the body comes from.
        manner: How to answer.
        ask: What the head said, checked.
        checks_of: Reads digests of the body from a trailer section.
    """

    def __init__(
        self,
        line: Line,
        manner: Manner,
        ask: Create | Append,
        checks_of: Callable[[Sequence[tuple[bytes, bytes]]], Mapping[str, bytes]],
    ) -> None:
        self._line = line
        self._site = line.site
        self._manner = manner
        self._ask = ask
        self._checks_of = checks_of
        self._has_body = True
        self._hold: Hold | None = None
        self._part: Part | None = None
        self._writer: Writer | None = None
        self._told_bytes = 0
        self._is_over = False  # lost or refused
        self._is_whole = False  # the body is complete, whoever is still there

    def start(self, *, has_body: bool) -> None:
        """Make the upload, or wait for our turn to append to it."""
        self._has_body = has_body
        beginning = Deferred.fromCoroutine(self._begin())
        beginning.addCallbacks(self._begun, self._failed).addErrback(self._line.fail)

    def body_received(self, data: bytes | bytearray) -> None:
        """Pass a piece on to the disk."""
        if not self._is_over and self._writer is not None:
            self._writer.write(data, is_last_read=not self._line.has_unread)

    def body_ended(self, trailer: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep what has come; name the file if it was the last."""
        if self._is_over or self._writer is None or self._part is None:
            return
        try:
            checks = {**self._ask.checks, **self._known(self._checks_of(trailer))}
        except Refusal as refusal:
            self._give_up()
            self._line.refuse(refusal)
            return
        self._is_whole = True
        self._line.work()
        if self._hold is not None:
            self._hold.is_concluding = True
        settling = self._writer.finish(partial(self._settle, self._part, checks))
        settling.addCallback(self._conclude)
        settling.addCallbacks(self._settled, self._failed).addErrback(self._line.fail)

    def lost(self, reason: str) -> None:
        """Keep what has come."""
        if self._is_over or self._is_whole:
            return
        self._give_up()
        if self._part is not None:
            record = self._part.state.record
            self._site.tell(
                Interrupted(
                    name="/".join(record.name),
                    offset=self._part.durable_offset,
                    length=record.length,
                    reason=reason,
                    peer=self._line.peer,
                )
            )

    # --- the beginning -------------------------------------------------------------------------

    async def _begin(self) -> Part | State:
        ask, site = self._ask, self._site
        if isinstance(ask, Create):
            part = await site.workers.run(self._make, ask)
            self._hold = site.holds.take(part.state.upload_id, self._evicted)
            return part
        self._hold = site.holds.take(ask.upload_id, self._evicted)
        await self._hold.granted
        return await site.workers.run(
            self._look, ask, await recover(site, self._hold, ask.upload_id)
        )

    def _make(self, create: Create) -> Part:
        # In a worker thread.
        return self._open(self._site.shelf.create(create.record))

    def _look(self, append: Append, state: State) -> Part | State:
        # In a worker thread.
        shelf = self._site.shelf
        record = self._manner.check(append, state)
        if record != state.record:
            shelf.reserve(state.upload_id, record.length or 0)
            shelf.save(state.upload_id, record)
        state = attrs.evolve(state, record=record)
        if record.is_stored or record.joined_into is not None:
            # Nothing is appended to it, and that is no fault.
            return state
        if not shelf.has_room(append.size_bytes or 0):
            shelf.make_room(append.size_bytes or 1)
        return self._open(state)

    def _open(self, state: State) -> Part:
        return Part(
            self._site.shelf,
            state,
            stop=state.record.length,
            max_size=self._site.config.max_upload_size,
            algorithms=tuple({*self._ask.checks, *self._ask.trailing}),
        )

    def _begun(self, part: Part | State) -> None:
        if not isinstance(part, Part):
            self._settled(part)
            return
        if self._is_over:
            self._site.workers.run(part.abort).addBoth(self._let_go)
            return
        self._part = part
        self._told_bytes = part.offset
        if isinstance(self._ask, Create):
            self._inform(self._manner.begun(part.state))
        self._writer = Writer(
            part,
            self._site.workers,
            self._site.budget,
            on_full=self._line.hold,
            on_room=self._room_made,
            on_failure=self._failed,
            tap=self._line.tap(),
            on_poured=self._poured,
            on_written=self._written,
            on_discarded=self._let_go,
        )
        if part.is_behind:
            self._catch_up(True)
        if self._has_body:
            self._line.read_body()
        else:
            self.body_ended(())

    def _evicted(self) -> None:
        """Another request is about the same upload: our client has gone, seen or not."""
        if not (self._is_over or self._is_whole):
            self._line.abort("another request goes on with this upload")

    def _catch_up(self, more: bool) -> None:
        if more and self._part is not None and not (self._is_over or self._is_whole):
            reading = self._site.workers.run(self._part.catch_up)
            reading.addCallback(self._catch_up)
            reading.addErrback(lambda why: _log.failure("reading a part again", why))

    def _written(self) -> None:
        part = self._part
        if part is not None and part.durable_offset >= self._told_bytes + _TELL_BYTES:
            self._told_bytes = part.durable_offset
            if not self._is_over:
                self._inform(self._manner.come(part.durable_offset))

    def _inform(self, fields: Sequence[tuple[str, str]] | None) -> None:
        if fields is not None:
            self._line.inform(RESUMPTION_SUPPORTED, fields)

    def _poured(self, size_bytes: int) -> None:
        if not self._is_over:
            self._line.poured(size_bytes)

    def _room_made(self) -> None:
        if not (self._is_over or self._is_whole):
            self._line.go_on()

    # --- the end -------------------------------------------------------------------------------

    def _settle(self, part: Part, checks: Mapping[str, bytes]) -> State:
        # In a worker thread. The file is stored here too, if it need not be read for that.
        shelf, before = self._site.shelf, part.state
        try:
            part.settle(checks)
        except WrongChecksum as refusal:
            raise self._manner.checksum_wrong(refusal, before) from refusal
        state = shelf.state(before.upload_id)
        if not self._is_complete(state) or is_long(shelf, state):
            return state
        return self._complete(state)

    def _conclude(self, state: State) -> State | Deferred[State]:
        if state.record.is_stored or not self._is_complete(state):
            return state
        return self._site.workers.run_long(self._complete, state)

    def _is_complete(self, state: State) -> bool:
        is_complete = self._manner.is_complete(state, self._ask.completes)
        return is_complete and bool(state.record.name)

    def _complete(self, state: State) -> State:
        # In a worker thread.
        try:
            return complete(self._site.shelf, state)
        except Refusal as refusal:
            raise self._manner.not_stored(refusal) from refusal

    def _settled(self, state: State) -> None:
        self._let_go()
        tell_stored(self._site, state, peer=self._line.peer, began=self._line.began)
        if self._line.is_open:
            manner = self._manner
            answer = manner.created if isinstance(self._ask, Create) else manner.appended
            self._line.respond(*answer(state))

    def _failed(self, failure: Failure) -> None:
        self._is_over = True
        if self._writer is None or self._is_whole:
            self._let_go()
        if isinstance(failure.value, Refusal):
            failure = Failure(self._manner.refused(failure.value))
        self._line.fail(failure)

    def _give_up(self) -> None:
        """Keep what is queued, then let go of the upload."""
        self._is_over = True
        if self._writer is not None and self._part is not None:
            parking = self._writer.finish(self._part.park)
            parking.addErrback(lambda why: _log.failure("keeping an upload", why))
            parking.addBoth(self._let_go)
        elif self._hold is not None and not self._hold.granted.called:
            self._let_go()

    def _let_go(self, _: Any = None) -> None:
        if self._hold is not None:
            self._site.holds.release(self._hold)

    def _known(self, checks: Mapping[str, bytes]) -> dict[str, bytes]:
        """Those of a trailer that was announced: others were not computed on the way."""
        computed = {*self._ask.checks, *self._ask.trailing}
        return {algorithm: checks[algorithm] for algorithm in checks if algorithm in computed}


class Errand:
    """The exchange of a request without a body of its own.

    Args:
        line: Whom to answer.
        upload_ids: The uploads that it is about.
        call: Does it, in a worker thread.
        answer: Makes the response of what `call` returned; on the reactor.
        refused: Words a refusal.
        is_long: Whether it may read or copy whole files.
    """

    def __init__(
        self,
        line: Line,
        upload_ids: Sequence[str],
        call: Callable[[], Any],
        answer: Callable[[Any], Reply],
        *,
        refused: Callable[[Refusal], Refusal],
        is_long: bool = False,
    ) -> None:
        self._line = line
        self._site = line.site
        self._call = call
        self._answer = answer
        self._refused = refused
        self._is_long = is_long
        # Always in the same order: two that want the same ones do not wait for each other.
        self._wanted = sorted(set(upload_ids))
        self._holds: list[Hold] = []

    def start(self, *, has_body: bool) -> None:  # noqa: ARG002 - it is not read
        """Wait for our turn, and run."""
        done = Deferred.fromCoroutine(self._run())
        done.addCallbacks(self._done, self._failed).addErrback(self._line.fail)

    def body_received(self, data: bytes | bytearray) -> None:
        """Not called: the body is never read."""

    def body_ended(self, trailer: Sequence[tuple[bytes, bytes]]) -> None:
        """Not called: see `body_received`."""

    def lost(self, reason: str) -> None:
        """It is done all the same: it was asked for, and it is short."""

    async def _run(self) -> object:
        for upload_id in self._wanted:
            self._holds.append(self._site.holds.take(upload_id, lambda: None))
            await self._holds[-1].granted
        if not self._is_long:
            return await self._site.workers.run(self._call)
        for hold in self._holds:
            hold.is_concluding = True
        return await self._site.workers.run_long(self._call)

    def _done(self, result: Any) -> None:
        self._let_go()
        if isinstance(result, State):
            tell_stored(self._site, result, peer=self._line.peer, began=self._line.began)
        if self._line.is_open:
            self._line.respond(*self._answer(result))

    def _failed(self, failure: Failure) -> None:
        self._let_go()
        if isinstance(failure.value, Refusal):
            failure = Failure(self._refused(failure.value))
        self._line.fail(failure)

    def _let_go(self) -> None:
        for hold in self._holds:
            self._site.holds.release(hold)
