"""The consumer of a request's body: drains a Reader into the wire, or takes what is written.

A Reader is drained by one buffer that all connections of an agent share: what the socket did not
take is given back to the reader and read again, so that a stalled upload holds no buffer of its
own (DESIGN, decision 6). Readers that cannot take bytes back are read in smaller pieces, and the
rest of one piece is kept.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from filebody.agent._engine import HEADROOM, Engine
from filebody.agent._framing import CHUNK_END, chunk_head, last_chunk
from filebody.agent._hashing import HashingReader
from filebody.agent._outbox import Allowance, Outbox
from filebody.agent._rate import RateLimit, RateLimits
from filebody.agent._turns import SLICE_SECONDS
from filebody.agent._wire import Wire
from filebody.body import Reader
from filebody.errors import WrongBodyLength
from filebody.produce import Drain, IReaderConsumer, when_ready

__all__ = ["BodyWriter", "Pumped", "WriterOwner"]

# What is read of a reader that cannot take bytes back, and in one go by a worker thread.
_PIECE_BYTES = 1 << 16
_THREAD_PIECE_BYTES = 1 << 18
# How much of what was written may wait for the socket before its producer is paused.
_QUEUE_BYTES = 1 << 16
# Shorter bodies say nothing about the best size of a piece, and reading the clock takes a while.
_MEASURED_BYTES = 1 << 18


class Pumped(enum.Enum):
    """Why `BodyWriter.pump` came back."""

    FULL = enum.auto()
    """The socket takes no more now."""
    DRY = enum.auto()
    """There is nothing to send now; `WriterOwner.body_ready` will be called."""
    SLICE = enum.auto()
    """Its time is over, and there is more."""
    OUT = enum.auto()
    """Everything is out, and in the kernel."""


class WriterOwner(Protocol):
    """Whose body it is."""

    def body_ready(self) -> None:
        """There may be something to send now. Never called within `pump`."""

    def body_failed(self, failure: Failure) -> None:
        """More was written than was announced."""

    def body_stopped(self) -> None:
        """Somebody else has stopped the producer: the body will never be whole."""


class _Nobody:
    """Whose body it is after its end: what is left of an exchange does not hold itself."""

    def body_ready(self) -> None:
        pass

    def body_failed(self, failure: Failure) -> None:
        pass

    def body_stopped(self) -> None:
        pass


_NOBODY = _Nobody()


class _Draining:
    """A reader under way; what `IReaderConsumer.drain` gives."""

    __slots__ = ("_writer", "appetite", "arrived", "ended", "is_paused", "reader", "taken", "wait")

    def __init__(
        self,
        writer: BodyWriter,
        reader: Reader,
        taken: Callable[[int], None],
        ended: Callable[[Failure | None], None],
        appetite: int,
    ) -> None:
        self._writer = writer
        self.reader = reader
        self.taken = taken
        self.ended = ended
        self.appetite = appetite
        self.is_paused = False
        self.wait: Deferred[bytes | None] | None = None
        self.arrived: bytes | Failure | None = None

    def pause(self) -> None:
        """See `Drain.pause`."""
        self.is_paused = True

    def resume(self) -> None:
        """See `Drain.resume`."""
        if self.is_paused:
            self.is_paused = False
            self._writer.wake()

    def stop(self) -> None:
        """See `Drain.stop`."""
        self._writer.drain_stopped(self)

    def wait_for(self, size: int) -> None:
        """Wait until the reader has something, which may come as `arrived`."""
        self.wait = when_ready(self.reader, size)
        self.wait.addBoth(self._waited)

    def _waited(self, outcome: bytes | Failure | None) -> None:
        self.wait = None
        if isinstance(outcome, Failure) and outcome.check(CancelledError):
            return  # by `_forget`
        self.arrived = outcome
        self._writer.wake()


@implementer(IReaderConsumer)
class BodyWriter:
    """Writes one body to a wire, framed as HTTP/1.1 has it.

    Args:
        engine: What the connections of an agent share.
        wire: Where to.
        owner: Is told of it.
        head: The head of the request; it goes out in front.
        length: Of the body, in bytes; None for a chunked one.
        source: The body's name, for messages.
        limit: How fast, or None.
        hashing: What is to see all bytes of the body, or None. A reader is then read by worker
            threads, which hash it, too.

    Attributes:
        outbox: Counts what the wire has taken.
        is_dry: Whether the last `pump` found nothing to send.
    """

    __slots__ = (
        "__provides__",
        "_draining",
        "_engine",
        "_hashing",
        "_is_closed",
        "_is_complete",
        "_is_measured",
        "_is_paused",
        "_is_pumping",
        "_length",
        "_owner",
        "_producer",
        "_pulls",
        "_read_bytes",
        "_size",
        "_source",
        "_wire",
        "is_dry",
        "outbox",
    )

    def __init__(
        self,
        engine: Engine,
        wire: Wire,
        owner: WriterOwner,
        *,
        head: bytes,
        length: int | None,
        source: str,
        limit: RateLimit | RateLimits | None,
        hashing: Any = None,
    ) -> None:
        self._engine = engine
        self._wire = wire
        self._owner = owner
        self._length = length
        self._source = source
        self._hashing = hashing
        self._size = engine.tls_size if wire.is_tls else engine.plain_size
        self._is_measured = length is None or length >= _MEASURED_BYTES
        self._draining: _Draining | None = None
        self._producer: Any = None
        self._pulls = False
        self._is_paused = False
        self._is_pumping = False
        self._is_complete = False
        self._is_closed = False
        self._read_bytes = 0  # of the body: taken or kept
        self.outbox = Outbox(wire, head)
        self.is_dry = False
        if limit is not None:
            self.outbox.allowance = Allowance(limit, self.wake)

    @property
    def has_sent_all(self) -> bool:
        """Whether the wire has the end of the request, though `pump` may not know that yet."""
        return self._is_complete and not self.outbox.kept_bytes

    # What the producer says.

    def drain(
        self,
        reader: Reader,
        taken: Callable[[int], None],
        ended: Callable[[Failure | None], None],
    ) -> Drain:
        """See `IReaderConsumer.drain`."""
        if self._hashing is not None:
            reader = HashingReader(self._source, reader, self._hashing)
        draining = _Draining(self, reader, taken, ended, self._size.size_bytes)
        if not self._is_closed:
            self._draining = draining
            if self.outbox.wire_bytes:  # a part of a body of which some was sent already
                self._engine.turns.later(self.wake)
        return draining

    def write(self, data: bytes) -> None:
        """See `IConsumer.write`."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"a body is made of bytes, not {type(data).__name__}")
        if self._is_closed or not data:
            return
        if self._length is not None and self._read_bytes + len(data) > self._length:
            total = self._read_bytes + len(data)
            self._owner.body_failed(Failure(WrongBodyLength(self._source, total, self._length)))
            return
        if self._hashing is not None:
            self._hashing.update(data)
        self._keep_piece(bytes(data))
        if self.outbox.kept_bytes >= _QUEUE_BYTES and not self._is_paused and not self._pulls:
            self._is_paused = True
            if self._producer is not None:
                self._producer.pauseProducing()
        self.wake()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """See `IConsumer.registerProducer`. The owner registers the body's producer."""
        self._producer = producer
        self._pulls = not streaming
        if self._pulls:
            self.wake()

    def unregisterProducer(self) -> None:
        """See `IConsumer.unregisterProducer`."""
        self._producer = None
        self._pulls = False

    # What the exchange says.

    def complete(self, trailers: Sequence[tuple[bytes, bytes]]) -> None:
        """There is no more: what follows ends the request.

        Raises:
            WrongBodyLength: Less was written than was announced.
        """
        if self._length is not None and self._read_bytes != self._length:
            raise WrongBodyLength(self._source, self._read_bytes, self._length)
        self._draining = None
        self._is_complete = True
        if self._length is None:
            self.outbox.keep(last_chunk(trailers), is_body=False)
        self.wake()

    def close(self) -> None:
        """Forget it all: nothing more is to be sent."""
        self._is_closed = True
        self._owner = _NOBODY
        self._producer = None
        if self._draining is not None:
            self._forget(self._draining)
        self.outbox.close()

    def pump(self) -> Pumped:
        """Send as long as the socket takes it and its time is not over.

        Raises:
            OSError: The connection is broken.
        """
        self._is_pumping = True
        sent_before = self.outbox.body_bytes
        begun = self._size.begin() if self._is_measured else 0
        try:
            outcome = self._pump(time.monotonic() + SLICE_SECONDS)
        finally:
            self._is_pumping = False
        if self._is_measured:
            self._size.end(begun, self.outbox.body_bytes - sent_before)
        self.is_dry = outcome is Pumped.DRY
        return outcome

    def wake(self) -> None:
        """Let the owner pump, unless it does already."""
        if not self._is_pumping and not self._is_closed:
            self._owner.body_ready()

    def drain_stopped(self, draining: _Draining) -> None:
        """The producer was stopped, by us or by somebody else."""
        is_by_us = self._is_closed or self._draining is not draining
        self._forget(draining)
        if not is_by_us:
            self._owner.body_stopped()

    def _forget(self, draining: _Draining) -> None:
        """Read this reader no more."""
        if self._draining is draining:
            self._draining = None
        wait, draining.wait = draining.wait, None
        if wait is not None:
            wait.cancel()

    def _pump(self, deadline: float) -> Pumped:
        outbox = self.outbox
        while not self._is_closed:
            if outbox.kept_bytes:
                if not outbox.send_kept():
                    return Pumped.FULL
                outcome = Pumped.DRY if outbox.kept_bytes else None
            elif self._draining is not None:
                outcome = self._step(self._draining)
            elif self._is_complete:
                outcome = self._finish()
            else:
                outcome = self._ask_producer()
            if outcome is not None:
                return outcome
            if time.monotonic() >= deadline:
                return Pumped.SLICE
        return Pumped.DRY

    def _finish(self) -> Pumped | None:
        self.outbox.keep_front()  # of a request without a body
        if self.outbox.kept_bytes:
            return None
        return Pumped.OUT if self._wire.flush() else Pumped.FULL

    def _ask_producer(self) -> Pumped | None:
        """Everything that was written is out: let the producer go on."""
        self.outbox.keep_front()
        if self._producer is not None and (self._is_paused or self._pulls):
            self._is_paused = False
            self._producer.resumeProducing()  # may write at once
        return None if self.outbox.kept_bytes or self._is_complete else Pumped.DRY

    def _step(self, draining: _Draining) -> Pumped | None:
        """Send a piece of the reader, or find out why there is none."""
        if draining.is_paused or draining.wait is not None:
            self.outbox.keep_front()
            return None if self.outbox.kept_bytes else Pumped.DRY
        arrived, draining.arrived = draining.arrived, None
        if isinstance(arrived, Failure):
            return self._end(draining, arrived)
        if arrived is not None:  # from a worker thread
            if not arrived:
                return self._end(draining, None)
            self._keep_piece(arrived)
            draining.taken(len(arrived))
            return None
        if self._read_bytes and self._read_bytes == self._length:
            return self._end(draining, None)
        return self._read(draining)

    def _read(self, draining: _Draining) -> Pumped | None:
        reader = draining.reader
        size = _PIECE_BYTES
        if self._length is not None:
            if reader.can_unread:
                size = draining.appetite
            size = min(size, self._length - self._read_bytes) or 1
        size = self.outbox.ask(size)
        if not size:
            return Pumped.DRY
        buffer = self._engine.buffer
        try:
            count = reader.readinto(buffer[HEADROOM : HEADROOM + size])
        except Exception:  # noqa: BLE001 - it goes to the producer
            return self._end(draining, Failure())
        if self._draining is not draining:  # the source itself has stopped us
            return None
        if count is None:
            self._wait_for(draining)
            return None
        if not count:
            return self._end(draining, None)
        if self._length is None:
            is_full = not self._send_chunk(buffer, count)
        else:
            is_full = not self._send_plain(draining, buffer, count)
        if is_full:
            return Pumped.FULL
        has_all = self._read_bytes == self._length
        if has_all and self._draining is draining and not draining.is_paused:
            return self._end(draining, None)
        return None

    def _wait_for(self, draining: _Draining) -> None:
        size = _THREAD_PIECE_BYTES
        if self._length is not None:
            size = min(size, self._length - self._read_bytes) or 1
        draining.wait_for(size)

    def _send_plain(self, draining: _Draining, buffer: memoryview, count: int) -> bool:
        """Send what was read; give back, or keep, what the socket does not take."""
        taken = self.outbox.send_plain(buffer, count)
        left = count - taken
        if left and draining.reader.can_unread:
            draining.reader.unread(left)
            draining.appetite = max(_PIECE_BYTES, 2 * taken)
            count = taken
        elif left:
            self.outbox.keep(bytes(buffer[HEADROOM + taken : HEADROOM + count]), is_body=True)
        else:
            draining.appetite = min(self._size.size_bytes, 2 * draining.appetite)
        if count:
            self._read_bytes += count
            draining.taken(count)
        return not left

    def _send_chunk(self, buffer: memoryview, count: int) -> bool:
        can_take_more = self.outbox.send_chunk(buffer, count, chunk_head(count), CHUNK_END)
        self._read_bytes += count
        if self._draining is not None:
            self._draining.taken(count)
        return can_take_more

    def _keep_piece(self, piece: bytes) -> None:
        """Frame a piece that is ours and let it wait for the wire."""
        self._read_bytes += len(piece)
        if self._length is not None:
            self.outbox.keep(piece, is_body=True)
            return
        self.outbox.keep(chunk_head(len(piece)), is_body=False)
        self.outbox.keep(piece, is_body=True)
        self.outbox.keep(CHUNK_END, is_body=False)

    def _end(self, draining: _Draining, failure: Failure | None) -> Pumped | None:
        """Its producer is told; what is to be done next, the loop sees."""
        self._draining = None
        draining.ended(failure)
        return None
