"""One upload from beginning to end: what there is to go on with, its parts, its progress."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred, DeferredList, FirstError
from twisted.internet.task import deferLater
from twisted.logger import Logger

from filebody.body import Body, PathBody, guess_media_type
from filebody.errors import BodyError, RemoteError, UploadLocked
from filebody.progress import Progress
from filebody.resumable import _machine as machine
from filebody.resumable._begin import Found, Looking, begin_stream
from filebody.resumable._checkpoint import Checkpoint, Part
from filebody.resumable._checkpoint_store import Checkpoints
from filebody.resumable._ending import is_final, is_incomplete, try_to_end
from filebody.resumable._keeper import Keeper, PrefixHash
from filebody.resumable._notice import Notice, NoticeKind
from filebody.resumable._outcome import Outcome
from filebody.resumable._phases import Phase
from filebody.resumable._runner import Runner
from filebody.resumable._source import RangeSource, Source
from filebody.resumable._spool import SpoolSource
from filebody.resumable._state import Plan, State
from filebody.resumable._threads import in_thread
from filebody.resumable._values import NextStep, Offer, Protocol
from filebody.resumable._watch import Watches
from filebody.resumable._way import Way
from filebody.wire import format_metadata

__all__ = ["Upload", "Wishes"]

_log = Logger()

PIECE_BYTES = 1 << 26
"""What is hashed before it is sent is sent in requests of so many bytes."""
MIN_PART_BYTES = 1 << 20
"""Parts that are smaller are not worth a connection."""
_LOCK_PERIOD_SECONDS = 0.5


@attrs.frozen(kw_only=True)
class Wishes:
    """How an upload is to be sent; see `upload`."""

    protocol: Protocol = Protocol.AUTO
    method: str = "PUT"
    parallel: int = 1
    checksum: bool = False
    verify_prefix: bool = False
    wait_for_lock: bool = False
    give_up_after_seconds: float = 600.0
    append_bytes: int | None = None
    offer: Offer | None = None


class Upload:
    """One call of `upload`."""

    def __init__(
        self,
        way: Way,
        body: Body,
        wishes: Wishes,
        checkpoints: Checkpoints | None,
        on_progress: Callable[[Progress], object] | None,
        on_notice: Callable[[Notice], object] | None,
    ) -> None:
        self._way = way
        self._reactor: Any = way.agent.reactor
        self._body = body
        self._wishes = wishes
        self._store = checkpoints
        self._watches = Watches(self._reactor, body.length, on_progress, on_notice)
        self._metadata = ""
        self._sources: list[Source] = []
        self._runners: list[Runner] = []
        self._may_be_joined = False

    def set_metadata(self, metadata: Mapping[str, bytes] | None) -> None:
        """Take the user's, and the file's name and kind.

        tuspyserver tells nothing of an upload without both of them.
        """
        said = dict(metadata or {})
        if isinstance(self._body, PathBody):
            name = self._body.path.rpartition("/")[2]
            said.setdefault("filename", name.encode("utf-8", "surrogateescape"))
            said.setdefault("filetype", guess_media_type(name).encode())
        self._metadata = format_metadata(said)

    async def run(self) -> Outcome:
        """See `upload`."""
        found = None
        body, wishes = self._body, self._wishes
        if self._store is not None and wishes.protocol is not Protocol.PLAIN:
            if isinstance(body, PathBody) and body.replayable:
                found = await self._look(body)
            elif not self._is_range:
                await self._begin_stream(self._store)
        is_over = False
        try:
            outcome = await self._send(found)
            is_over = True
            if body.is_touched or (found is not None and found.is_touched):
                self._watches.notice(Notice(kind=NoticeKind.TOUCHED))
        except Exception as error:
            is_over = await self._end(error)
            raise
        finally:
            for source in self._sources:
                source.close()
            if self._watches.keeper is not None:
                await self._watches.keeper.close(forget=is_over)
        return outcome

    async def _end(self, error: Exception) -> bool:
        """After a failure: have the server delete what can never be resumed.

        Returns:
            Whether nothing is to be kept of it here.
        """
        is_lost = self._watches.keeper is None or not self._is_range
        is_refused = is_final(error) and not self._may_be_joined
        if not (is_lost or is_refused):
            return False
        states = [runner.state for runner in self._runners if runner.has_begun]
        held = [state.held for state in states if state.held is not None]
        if self._may_be_joined or not all(map(is_incomplete, states)):
            return is_refused
        url = self._way.target.url
        return await try_to_end(self._way, held, url=url) or is_refused or not held

    async def _begin_stream(self, store: Checkpoints) -> None:
        """Note what can be cancelled by another process, and end what earlier ones have left."""
        url = self._way.target.url
        try:
            stream = await in_thread(
                self._reactor, begin_stream, store, self._body.source, url, self._wishes.method
            )
        except OSError as error:
            _log.debug("nothing is noted of a stream: {error}", error=error)
            return
        self._watches.keeper = Keeper(self._reactor, store, stream.lock, stream.checkpoint)
        for outdated in stream.outdated:
            await self._end_outdated(outdated, store)

    async def _look(self, body: PathBody) -> Found | None:
        """Keep other processes out, and see what there is to go on with."""
        if self._store is None:
            raise RuntimeError("nowhere to look")
        url = self._way.target.url
        waits = False
        while True:
            looking = Looking(
                self._store, body.path, url, self._wishes.method, self._wishes.verify_prefix
            )
            try:
                found: Found = await in_thread(self._reactor, looking.look)
            except OSError as error:
                if isinstance(error, BodyError):
                    raise
                self._watches.not_kept(error)
                return None
            except BaseException:
                looking.abandon()  # the thread may have the lock, or get it later
                raise
            if found.is_locked:
                break
            if not self._wishes.wait_for_lock:
                raise UploadLocked(body.path, url)
            if not waits:
                waits = True
                self._watches.notice(
                    Notice(kind=NoticeKind.WAITING, text="another process sends it")
                )
            await deferLater(self._reactor, _LOCK_PERIOD_SECONDS)
        self._watches.keeper = Keeper(self._reactor, self._store, found.lock, found.checkpoint)
        if found.why_anew:
            self._watches.notice(Notice(kind=NoticeKind.ANEW, text=found.why_anew))
        return found

    def _plan(self, **changes: Any) -> Plan:
        wishes = self._wishes
        append_bytes = wishes.append_bytes
        if wishes.verify_prefix or wishes.checksum:
            append_bytes = min(append_bytes or PIECE_BYTES, PIECE_BYTES)
        plan = Plan(
            url=self._way.target.url,
            protocol=wishes.protocol,
            method=wishes.method,
            length=self._body.length,
            is_replayable=self._is_range,
            metadata=self._metadata,
            wants_parts=self._part_count() > 1,
            wants_checksum=wishes.checksum,
            append_bytes=append_bytes,
            give_up_after_seconds=wishes.give_up_after_seconds,
        )
        return attrs.evolve(plan, **changes)

    @property
    def _is_range(self) -> bool:
        """Whether any range of it can be had at any time."""
        return self._body.replayable and self._body.length is not None

    def _part_count(self) -> int:
        length = self._body.length
        if length is None or not self._body.replayable:
            return 1
        return max(1, min(self._wishes.parallel, length // MIN_PART_BYTES))

    async def _send(self, found: Found | None) -> Outcome:
        if found is not None and found.is_resumed:
            self._watches.is_resuming = True
            parts = found.checkpoint.parts
            if len(parts) > 1:
                return await self._send_parts(parts, found)
            return await self._send_whole(parts[0], found)
        if found is not None and found.outdated is not None:
            await self._end_outdated(found.outdated, None)
        runner = self._runner(self._source(None), 0, None)
        first = machine.begin(self._plan(), self._wishes.offer)
        state = await runner.run(first, lambda state: state.phase is not Phase.DISCOVERING)
        count = self._part_count()
        is_tus = state.phase is Phase.CREATING and state.protocol is Protocol.TUS
        if is_tus and count > 1 and "concatenation" in state.offer.extensions:
            self._watches.clear()
            await runner.drop()
            return await self._send_parts(self._cut(count), None, state)
        return self._outcome([runner], await runner.go_on(), 1)

    async def _send_whole(self, part: Part, found: Found) -> Outcome:
        runner = self._runner(self._source(part), 0, found)
        if part.held is None:
            raise RuntimeError("nothing to go on with")
        return self._outcome([runner], await runner.run(machine.go_on(self._plan(), part.held)), 1)

    async def _end_outdated(self, checkpoint: Checkpoint, store: Checkpoints | None) -> None:
        """Have the server delete what is not resumed; if it does not, that expires there."""
        is_ended = await try_to_end(self._way, checkpoint.held, url=checkpoint.url)
        if is_ended and store is not None:
            await in_thread(self._reactor, store.remove, checkpoint.id)

    def _cut(self, count: int) -> tuple[Part, ...]:
        length = self._body.length or 0
        bounds = [length * number // count for number in range(count + 1)]
        return tuple(Part(start=start, stop=stop) for start, stop in itertools.pairwise(bounds))

    async def _send_parts(
        self, parts: tuple[Part, ...], found: Found | None, offered: State | None = None
    ) -> Outcome:
        if self._watches.keeper is not None:
            self._watches.keeper.cut(parts)
        runners = [
            self._runner(self._source(part), number, found) for number, part in enumerate(parts)
        ]
        running = [
            Deferred.fromCoroutine(runner.run(self._first_of_part(part, offered)))
            for runner, part in zip(runners, parts, strict=True)
        ]
        together = DeferredList(running, fireOnOneErrback=True, consumeErrors=True)
        try:
            ended = await together
        except FirstError as error:
            error.subFailure.raiseException()
        finally:
            for part_running in running:
                part_running.cancel()
        urls = tuple(state.upload_url or "" for _, state in ended)
        for runner in runners:
            await runner.drop()
        joining = self._runner(self._source(None), None, None)
        state = await self._join(joining, urls)
        return self._outcome([*runners, joining], state, len(parts))

    async def _join(self, runner: Runner, urls: tuple[str, ...]) -> State:
        try:
            return await runner.run(machine.join(self._plan(), urls))
        except RemoteError as error:
            if runner.requests == 1 or error.retryable:
                raise
            # tus has no way to ask what became of a join: a server that removes parts says of the
            # second request for one that they are gone, or that the name is taken.
            self._may_be_joined = True
            detail = f"{error.detail}; " if error.detail else ""
            detail += (
                "an earlier answer was lost: the parts may be joined, look before sending again"
            )
            raise RemoteError(error.url, error.status, detail, response=error.response) from error

    def _first_of_part(self, part: Part, offered: State | None) -> tuple[State, NextStep]:
        plan = self._plan(
            length=part.stop - part.start, is_part=True, protocol=Protocol.TUS, wants_parts=False
        )
        if part.held is not None:
            return machine.go_on(plan, part.held)
        return machine.begin(plan, None if offered is None else offered.offer)

    # What runners need.

    def _source(self, part: Part | None) -> Source:
        if not self._is_range:
            return SpoolSource(self._reactor, self._body)
        if part is None:
            return RangeSource(self._body)
        return RangeSource(self._body, part.start, part.stop)

    def _runner(self, source: Source, number: int | None, found: Found | None) -> Runner:
        hashing = None
        if self._wishes.verify_prefix and self._watches.keeper is not None and number is not None:
            hashed = None if found is None else found.hashed.get(number)
            digest, count = (None, 0) if hashed is None else hashed
            hashing = PrefixHash(source, digest, count)
        self._sources.append(source)
        runner = Runner(self._way, source, self._watches.watch(number, hashing))
        self._runners.append(runner)
        return runner

    def _outcome(self, runners: list[Runner], state: State, parts: int) -> Outcome:
        self._watches.report()
        return Outcome(
            url=self._way.target.url,
            upload_url=state.upload_url,
            protocol=state.chosen or state.protocol,
            length=state.length if state.length is not None else runners[-1].sent_bytes,
            resumed_bytes=self._watches.resumed_bytes,
            sent_bytes=sum(runner.sent_bytes for runner in runners),
            requests=sum(runner.requests for runner in runners),
            parts=parts,
            response=runners[-1].response,
        )
