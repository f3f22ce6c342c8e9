"""One upload's way to the disk: pieces in on the reactor, batches out in worker threads.

At most one call is under way. While it is, the socket fills the next batch, and the memory is
bounded by `HIGH_WATER_BYTES` and the read that passed it, and for all uploads together by their
`Budget`; or, where there is a `Tap`, the thread itself goes on reading the socket, and nothing is
queued at all.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filebody.receiver._budget import Budget
    from filebody.receiver._tap import Tap
    from filebody.receiver._workers import Workers

__all__ = ["BATCH_BYTES", "HIGH_WATER_BYTES", "Sink", "Writer"]

_T = TypeVar("_T")

HIGH_WATER_BYTES: Final = 768 * 1024  # above this the socket is not read
_LOW_WATER_BYTES: Final = 384 * 1024  # below this it is read again
BATCH_BYTES: Final = 512 * 1024
# Pieces shorter than this are joined: a body in chunks of one byte must not cost objects.
_SMALL_BYTES: Final = 8 * 1024
_JOINED_BYTES: Final = 64 * 1024


class Sink(Protocol):
    """Takes bytes in worker threads, one call at a time."""

    def write(self, pieces: Sequence[bytes | bytearray | memoryview]) -> None:
        """Append. Raises `Refusal` where that cannot be."""

    def abort(self) -> None:
        """Let go of everything; called last, and more than once perhaps."""


class Writer:
    """Feeds a `Sink` under back-pressure.

    Args:
        sink: Where the bytes go; this object's own from now on.
        workers: The threads to do it in.
        budget: Counts what is queued.
        on_full: Called when nothing may be read from the socket any more.
        on_room: Called when it may be read again.
        on_failure: Called once when a write failed; what follows is dropped.
        batch_bytes: How much one call writes.
        tap: The socket, where a thread may read it; this object's own.
        on_poured: Told how many bytes were read from the tap.
        on_written: Called when something was written and nothing has ended.
        on_discarded: Called once after the sink was aborted, if that was not by `finish`.
    """

    def __init__(
        self,
        sink: Sink,
        workers: Workers,
        budget: Budget,
        *,
        on_full: Callable[[], None],
        on_room: Callable[[], None],
        on_failure: Callable[[Failure], None],
        batch_bytes: int = BATCH_BYTES,
        tap: Tap | None = None,
        on_poured: Callable[[int], None] | None = None,
        on_written: Callable[[], None] | None = None,
        on_discarded: Callable[[], None] | None = None,
    ) -> None:
        self._sink = sink
        self._workers = workers
        self._budget = budget
        self._on_full = on_full
        self._on_room = on_room
        self._on_failure = on_failure
        self._batch_bytes = batch_bytes
        self._tap = tap
        self._on_poured = on_poured
        self._on_written = on_written
        self._on_discarded = on_discarded
        self._may_pour = False
        self._pieces: deque[bytes | bytearray] = deque()
        self._queued_bytes = 0
        self._under_way_bytes = 0
        self._is_full = False
        self._is_pouring = False
        self._busy = False
        self._ended = False
        self._finish: tuple[Callable[[], Any], Deferred[Any]] | None = None

    def write(self, piece: bytes | bytearray, *, is_last_read: bool = False) -> None:
        """Queue a piece. After the end it is dropped.

        Args:
            piece: The bytes.
            is_last_read: Whether the bytes that follow are still in the socket.
        """
        if self._ended:
            return
        last = self._pieces[-1] if self._pieces else None
        if len(piece) < _SMALL_BYTES and isinstance(last, bytearray) and len(last) < _JOINED_BYTES:
            last += piece
        else:
            self._pieces.append(bytearray(piece) if len(piece) < _SMALL_BYTES else piece)
        self._queued_bytes += len(piece)
        self._budget.add(len(piece))
        if self._tap is not None:
            self._tap.left_bytes -= len(piece)
        self._may_pour = is_last_read and self._tap is not None and self._tap.left_bytes > 0
        self._pump()
        if self._held_bytes > HIGH_WATER_BYTES or self._budget.is_full:
            self._fill()

    def finish(self, conclude: Callable[[], _T]) -> Deferred[_T]:
        """Write what is queued, then conclude; nothing more is taken from the tap.

        Args:
            conclude: Called in a worker thread after the last byte, in the same visit.

        Returns:
            A Deferred that fires with what `conclude` returned, or fails as it or the last write
            did; then the sink is aborted already.
        """
        done: Deferred[_T] = Deferred()
        self._finish = (conclude, done)
        if self._tap is not None:
            self._tap.stop()
        self._pump()
        return done

    def abort(self) -> None:
        """Drop what is queued and remove the temporary file, after the call under way."""
        if self._ended:
            return
        self._drop()
        if not self._busy:
            self._discard()

    def _drop(self) -> None:
        """Take and keep nothing more."""
        self._ended = True
        self._pieces.clear()
        self._budget.add(-self._queued_bytes)
        self._queued_bytes = 0
        if self._tap is not None:
            self._tap.stop()

    def _pump(self) -> None:
        if self._busy or self._ended:
            return
        if self._queued_bytes > self._batch_bytes or (self._pieces and self._finish is None):
            batch = self._batch()
            tap = self._tap if self._may_pour and not self._pieces else None
            if tap is not None:
                self._is_pouring = True  # from here to `_written` the socket is the thread's
                self._fill()
            self._busy = True
            writing = self._workers.run(self._write, batch, tap).addBoth(self._landed)
            writing.addCallbacks(self._written, self._failed)
        elif self._finish is not None:
            # The last batch and the commit are one visit to the thread.
            self._busy = self._ended = True
            self._close_tap()
            conclude, done = self._finish
            committing = self._workers.run(self._conclude, self._batch(), conclude)
            committing.addBoth(self._landed)
            committing.chainDeferred(done)

    def _batch(self) -> list[bytes | bytearray]:
        batch: list[bytes | bytearray] = []
        size = 0
        while self._pieces and (not batch or size + len(self._pieces[0]) <= self._batch_bytes):
            piece = self._pieces.popleft()
            batch.append(piece)
            size += len(piece)
        self._queued_bytes -= size
        self._under_way_bytes = size
        return batch

    def _write(self, batch: list[bytes | bytearray], tap: Tap | None) -> int:
        # In a worker thread.
        self._sink.write(batch)
        return 0 if tap is None else tap.pour(lambda piece: self._sink.write((piece,)))

    def _conclude(self, batch: list[bytes | bytearray], conclude: Callable[[], object]) -> object:
        # In a worker thread.
        try:
            self._sink.write(batch)
            return conclude()
        except BaseException:
            self._sink.abort()
            raise

    @property
    def _held_bytes(self) -> int:
        return self._queued_bytes + self._under_way_bytes

    def _landed(self, result: _T) -> _T:
        self._budget.add(-self._under_way_bytes)
        self._under_way_bytes = 0
        return result

    def _written(self, poured_bytes: int) -> None:
        self._busy = self._is_pouring = False
        if self._ended:
            self._discard()
            return
        if poured_bytes and self._on_poured is not None:
            self._on_poured(poured_bytes)
        if self._on_written is not None and self._finish is None:
            self._on_written()
        self._pump()
        if self._is_pouring:
            return  # the socket went from one call to the next
        # What is queued is also under way soon: nobody has to be told when there is room again.
        if self._is_full and self._held_bytes <= (0 if self._budget.is_full else _LOW_WATER_BYTES):
            self._is_full = False
            self._on_room()

    def _fill(self) -> None:
        if not self._is_full:
            self._is_full = True
            self._on_full()

    def _failed(self, failure: Failure) -> None:
        self._busy = False
        if self._ended:
            self._discard()
            return
        if self._finish is None:
            self.abort()
            self._on_failure(failure)
            return
        _, done = self._finish
        self._drop()
        # Another request may open the file as soon as this one is told.
        self._abort_sink().addBoth(lambda _: done.errback(failure))

    def _abort_sink(self) -> Deferred[None]:
        self._close_tap()
        return self._workers.run(self._sink.abort)

    def _discard(self) -> None:
        aborting = self._abort_sink()
        if self._on_discarded is not None:
            on_discarded = self._on_discarded
            aborting.addBoth(lambda _: on_discarded())

    def _close_tap(self) -> None:
        tap, self._tap = self._tap, None
        if tap is not None:
            tap.close()
