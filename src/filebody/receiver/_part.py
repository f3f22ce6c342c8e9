"""The file of one upload while a request appends to it, and the way from there to its name.

Synchronous, for one worker thread at a time. The length of the file is the offset that clients are
told, so bytes go to the end of it and nowhere else, and what a request may still take back is
marked in the record first.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
from typing import TYPE_CHECKING, Final

import attrs

from filebody.receiver._exclusion import exclude_others
from filebody.receiver._os_errors import translated
from filebody.receiver._record import Ending, Kind
from filebody.receiver._refusal import Refusal
from filebody.receiver._shelf import is_whole
from filebody.wire import Problem, ProblemType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from filebody.receiver._shelf import Shelf, State

__all__ = ["Part", "WrongChecksum", "complete", "is_long", "recovered"]

_REREAD_BYTES: Final = 1024 * 1024
# As much is read in a moment.
_SHORT_BYTES: Final = 16 * 1024 * 1024
# Where uploads are synced, so much at once within one request.
_SYNC_BYTES: Final = 64 * 1024 * 1024


class WrongChecksum(Refusal):
    """The bytes of a request are not those of its checksum; they were taken back."""

    def __init__(self, algorithm: str) -> None:
        super().__init__(
            400, f"the {algorithm} digest of what arrived is not the one in the request"
        )


class Part:
    """An upload that a request appends to; open until `park`, `settle` or `abort`.

    Args:
        shelf: Where it is.
        state: How it stands.
        stop: Where it ends, if that is known; no byte beyond is taken.
        max_size: How long it may become.
        algorithms: Digests of this request's bytes that will be asked for, as hashlib calls them.
            With any, they count only after `settle`.

    Attributes:
        state: How it stood.
        offset: How many bytes there are.
        durable_offset: How many of them a client may be told of.

    Raises:
        Refusal: 404 where it has gone, 503 where another receiver is at it, 507 where the disk is
            full, others as `refusal_of` says.
    """

    def __init__(
        self,
        shelf: Shelf,
        state: State,
        *,
        stop: int | None,
        max_size: int | None,
        algorithms: Sequence[str] = (),
    ) -> None:
        self.offset = self.durable_offset = state.offset
        self._shelf = shelf
        self.state = state
        self._start = state.offset
        self._stop = stop
        self._max_size = max_size
        self._prefix = shelf.prefix(state.upload_id)
        self._hashes = {algorithm: hashlib.new(algorithm) for algorithm in algorithms}
        self._descriptor = shelf.open_part(state.upload_id)
        try:
            with translated(state.record.name):
                exclude_others(self._descriptor)
                if os.fstat(self._descriptor).st_nlink == 0:  # removed at this moment
                    raise Refusal(404, "there is no such upload here")
                # What a killed receiver wrote without being able to verify it.
                os.ftruncate(self._descriptor, self._start)
                if state.record.unverified_from is not None or algorithms:
                    marked = self._start if algorithms else None
                    shelf.save(state.upload_id, attrs.evolve(state.record, unverified_from=marked))
            self._mark = self._prefix.mark()
        except BaseException:
            os.close(self._descriptor)
            raise

    @property
    def is_behind(self) -> bool:
        """Whether bytes from before are to be read again for the digest."""
        return self._prefix.size_bytes < self._start

    def catch_up(self) -> bool:
        """Read some of them; may run beside the other methods. Returns whether there are more."""
        try:
            descriptor = self._shelf.open_part(self.state.upload_id, os.O_RDONLY)
        except Refusal:
            return False
        try:
            return self._prefix.catch_up(descriptor, self._start)
        finally:
            os.close(descriptor)

    def write(self, pieces: Sequence[bytes | bytearray | memoryview]) -> None:
        """Append.

        Raises:
            Refusal: 400 or 413 beyond the end, 413 beyond the limit, 507 beyond the quota or where
                the disk is full, 500 for other faults.
        """
        with translated(self.state.record.name):
            for piece in pieces:
                end = self.offset + len(piece)
                if self._stop is not None and end > self._stop:
                    raise self._too_much(self._stop)
                if self._max_size is not None and end > self._max_size:
                    raise Refusal(413, f"more than the {self._max_size} bytes that are allowed")
                self._shelf.reserve(self.state.upload_id, end)
                view = memoryview(piece)
                at = self.offset
                while view:
                    written = os.pwrite(self._descriptor, view, at)
                    view = view[written:]
                    at += written
                for running in self._hashes.values():
                    running.update(piece)
                self._prefix.follow(self.offset, piece)
                self.offset = end
            self._checkpoint()

    def _checkpoint(self) -> None:
        if self._hashes:
            return
        if self._shelf.is_synced:
            if self.offset - self.durable_offset < _SYNC_BYTES:
                return
            os.fdatasync(self._descriptor)
        self.durable_offset = self.offset

    def park(self) -> int:
        """Keep what there is and close; what is not verified goes. Returns the offset."""
        if self._hashes:
            self._take_back()
        self._sync()
        self._close()
        return self.offset

    def settle(self, promised: Mapping[str, bytes]) -> int:
        """End a request whose body is whole: verify it, make it durable, and close.

        Args:
            promised: Algorithm, as hashlib calls it, to digest of this request's bytes.

        Returns:
            The offset.

        Raises:
            WrongChecksum: It is another; the bytes were taken back.
        """
        with translated(self.state.record.name):
            for algorithm, digest in promised.items():
                if not hmac.compare_digest(digest, self._hashes[algorithm].digest()):
                    raise WrongChecksum(algorithm)
            self._sync()
            if self._hashes:
                record = self._shelf.state(self.state.upload_id).record
                self._shelf.save(self.state.upload_id, attrs.evolve(record, unverified_from=None))
                self._hashes.clear()
            self.durable_offset = self.offset
            self._close()
        return self.offset

    def abort(self) -> None:
        """Close after whatever went wrong, and keep what can be kept."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                self.park()
            self._close()

    def _too_much(self, stop: int) -> Refusal:
        reason = f"more than the {stop} bytes of the upload came"
        self._take_back()
        if self.state.record.kind is Kind.TUS:
            return Refusal(413, reason)
        # The draft has no use for it any more (section 4.4.2).
        self._shelf.remove(self.state.upload_id)
        problem = Problem(type=ProblemType.INCONSISTENT_LENGTH, title=reason)
        return Refusal(400, reason, problem=problem)

    def _take_back(self) -> None:
        os.ftruncate(self._descriptor, self._start)
        self._prefix.back_to(self._mark)
        self.offset = self._start

    def _sync(self) -> None:
        if self._shelf.is_synced:
            os.fsync(self._descriptor)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def is_long(shelf: Shelf, state: State) -> bool:
    """Say whether `complete` will have to read much of the file."""
    missing = state.offset - shelf.prefix(state.upload_id).size_bytes
    is_reread = bool(state.record.promised.keys() - {"sha-256"})
    return (state.offset if is_reread else missing) > _SHORT_BYTES


def complete(shelf: Shelf, state: State) -> State:
    """Give an upload that has all its bytes its name.

    Returns:
        Its new state.

    Raises:
        Refusal: 400 where it is not what was promised, 409 or 412 where its name was taken: then
            the upload is gone. 403, 500, 503 or 507 where the disk fails: then it stays.
    """
    try:
        with translated(state.record.name):
            return _completed(shelf, state)
    except Refusal as refusal:
        # Permissions can be given, and then the upload goes on.
        if refusal.status < 500 and refusal.status != 403:
            shelf.remove(state.upload_id)
        raise


def _completed(shelf: Shelf, state: State) -> State:
    record, upload_id = state.record, state.upload_id
    descriptor = shelf.open_part(upload_id)
    try:
        exclude_others(descriptor)
        os.ftruncate(descriptor, state.offset)
        sha256 = shelf.prefix(upload_id).digest(descriptor, state.offset, shelf.check_open)
        for algorithm, promised in record.promised.items():
            found = sha256 if algorithm == "sha-256" else _reread(shelf, descriptor, algorithm)
            if not hmac.compare_digest(bytes.fromhex(promised), found):
                raise Refusal(
                    400,
                    f"the {algorithm} digest of the whole file is not the one that was promised",
                )
        os.fsync(descriptor)
        ending = Ending(
            inode=os.fstat(descriptor).st_ino, size_bytes=state.offset, sha256=sha256.hex()
        )
        # From here on, whoever finds this after a kill can tell whether the file has its name.
        shelf.save(upload_id, attrs.evolve(record, length=state.offset, ending=ending))
    finally:
        os.close(descriptor)  # before the rename: a watcher is told of a later one as of an event
    with shelf.files.opened() as directory:
        replaced = shelf.placement.place(
            record.name, directory, f"{upload_id}.part", record.taken_status
        )
    return _ended(shelf, state, attrs.evolve(ending, replaced=replaced, is_done=True))


def _ended(shelf: Shelf, state: State, ending: Ending) -> State:
    record = attrs.evolve(state.record, length=ending.size_bytes, ending=ending)
    # The file has its name. Where this cannot be written down, its inode tells the same.
    with contextlib.suppress(OSError):
        shelf.save(state.upload_id, record)
    shelf.release(state.upload_id)
    return attrs.evolve(state, record=record, offset=ending.size_bytes, is_new=True)


def recovered(shelf: Shelf, upload_id: str) -> State:
    """Look at an upload, and finish what a receiver that was killed had begun.

    Raises:
        Refusal: As `Shelf.state` and `complete`.
    """
    state = shelf.state(upload_id)
    if not is_whole(state):
        return state
    ending = state.record.ending
    if ending is not None and shelf.placement.inode_of(state.record.name) == ending.inode:
        shelf.remove_part(upload_id)  # a link that was made, of a name that was not yet removed
        return _ended(shelf, state, attrs.evolve(ending, is_done=True))
    return complete(shelf, state)


def _reread(shelf: Shelf, descriptor: int, algorithm: str) -> bytes:
    running = hashlib.new(algorithm.replace("-", ""))
    offset = 0
    while piece := os.pread(descriptor, _REREAD_BYTES, offset):
        shelf.check_open()
        running.update(piece)
        offset += len(piece)
    return running.digest()
